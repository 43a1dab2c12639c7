"""The commands, after the command line is parsed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.gan.audit import IMAGES, check_unseen, question_of
from ganbench.gan.croissant import write_croissant
from ganbench.gan.evaluate import features_of, sample_one
from ganbench.gan.features.extract import extractor_of, pace
from ganbench.gan.images import Encode, png_bytes, write_folder, write_npz, write_parquet
from ganbench.gan.interchange import check_statistics_name, save_statistics
from ganbench.gan.jobs import (
    Job,
    asked_model,
    asked_protocol,
    check_images_of_reference,
    check_mixing,
    check_several,
    check_slices,
    counted,
    distinct,
    prepare,
)
from ganbench.gan.models.identity import IMAGES as IMAGES_ON_DISK
from ganbench.gan.models.identity import identity
from ganbench.gan.models.images import open_images
from ganbench.gan.models.loading import resolve
from ganbench.gan.needs.sets import has
from ganbench.gan.numbers import duration
from ganbench.gan.parts import Part, ordered, real_part
from ganbench.gan.protocols import CONVENTIONS, lean
from ganbench.gan.question import Opening, Question, given, protocol_of
from ganbench.gan.rows import Chunks
from ganbench.gan.sampling import shards_of
from ganbench.gan.statistics import accumulate
from ganbench.gan.store import rows_of
from ganbench.gan.synthetic import marked_png
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, Statistics
from ganbench.gan.words import caution
from ganbench.tasks.guardian import guard
from ganbench.tasks.progress import Counter, listening
from ganbench.tasks.runners import check_runner, runner
from ganbench.tasks.servers import join, running, start_prefect
from ganbench.tasks.settings import histories, names_server, settings, workspace_of

if TYPE_CHECKING:
    from ganbench.flows.audit import Attributed, Audited
    from ganbench.flows.compare import Compared
    from ganbench.flows.ensemble import Ensemble
    from ganbench.flows.evaluate import Outcome
    from ganbench.gan.nightly.history import Night
    from ganbench.gan.nightly.suite import Suite
    from ganbench.gan.verify import Result

Show = Callable[..., None]  # stage, images just done, total


def run_evaluation(show: Show, model: str, question: Question, seed: int, by: str, opening: Opening) -> Outcome:
    """Check everything first, without Prefect, so that bad input is reported at once; then run the flow."""
    check_runner()
    job = prepared(model, question, seed, opening)
    check_slices(job, by)
    total = sum(part.n for part in job.parts.values())
    for role, part in job.parts.items():
        show(f"images: {role}", 0, part.n)
    for name in job.extractors:
        show(f"features: {name}", 0, total)
    show_paths(show, [job])
    begin_flow()
    from ganbench.flows.evaluate import evaluate

    with listening(show):
        return evaluate.with_options(task_runner=runner())(
            model=model, **given(question), seed=seed, by=by or None, **given(opening))


def run_comparison(
    show: Show, models: Sequence[str], question: Question, seed: int, report: str, opening: Opening
) -> Compared:
    """Check everything first, as `run_evaluation` does; then run the flow `compare`."""
    check_runner()
    check_several(models)
    workspace = workspace_of(opening.trust_pickle)
    parts: dict[str, Part] = {}
    jobs = []
    with single_threaded():
        specs = distinct(models, workspace, protocol_of(question).preprocessing)
        protocol = asked_protocol(question, specs, workspace)
        for spec in specs:
            job = prepare(spec, protocol, seed, workspace)
            jobs.append(job)
            parts |= {f"{identity(part.spec)} {part.n}": part for part in job.parts.values()}
    total = sum(part.n for part in parts.values())
    show("images", 0, total)
    for name in job.extractors:
        show(f"features: {name}", 0, total)
    show_paths(show, jobs)
    begin_flow()
    from ganbench.flows.compare import compare

    with listening(lambda stage, n: show("images" if stage.startswith("images") else stage, n)):
        return compare.with_options(task_runner=runner())(
            models=list(models), **given(question), seed=seed, report=report, **given(opening))


def show_paths(show: Show, jobs: Sequence[Job]) -> None:
    """How many steps along paths there are for each extractor."""
    for name in jobs[0].extractors:
        if walked := sum(len(job.paths(name)) * job.parts["generated"].n for job in jobs):
            show(f"paths: {name}", 0, walked)


def run_nightly(show: Show, suite: str, opening: Opening) -> tuple[Suite, Night | None, str]:
    """Run the flow `nightly`; -> the suite, its night, and the state's message.  None: nothing was to make up for."""
    from ganbench.gan.nightly.history import History
    from ganbench.gan.nightly.suite import read_suite

    check_runner()
    found, path = read_suite(suite), suite if suite.startswith("zoo:") else str(Path(suite).absolute())
    begin_flow()
    from ganbench.flows.nightly import ENDS, nightly

    with listening(show):
        state: Any = nightly.with_options(task_runner=runner())(
            suite=path, **given(opening), return_state=True)
    if state.name not in ENDS:
        state.result()
    night = None if state.name == "Skipped" else History(histories(), found.name).last
    return found, night, str(state.message)


def put_on_server(suite: str) -> str:
    """Deploy a suite on the server that is up; -> what was done."""
    from ganbench.gan.nightly.suite import read_suite

    found, path = read_suite(suite), suite if suite.startswith("zoo:") else str(Path(suite).absolute())
    servers = running()
    if servers:
        join(servers)
    if not names_server():
        raise BadInput("unfit-setting",
                       "No Prefect server is up: begin `ganbench ui`, or name one in PREFECT_API_URL.")
    from ganbench.flows.deployments import deploy_suite

    name = deploy_suite(path, str(Path.cwd()))
    return f"Deployed {name}: {found.schedule}, {found.timezone}."


def run_ensemble(
    show: Show, models: Sequence[str], out: str, question: Question, seed: int, opening: Opening, *, budget: int,
    reject: bool, rate: float,
) -> Ensemble:
    """Check everything first, as `run_evaluation` does; then run the flow `ensemble`."""
    check_runner()
    check_mixing(models, Path(out), reject)
    workspace = workspace_of(opening.trust_pickle)
    protocol = lean(protocol_of(question))
    with single_threaded():
        several = len(models) > 1
        specs = distinct(models, workspace) if several else [resolve(models[0], workspace)]
        jobs = [prepare(spec, protocol, seed, workspace) for spec in specs]
    drawn = budget or sum(job.protocol.n_generated for job in jobs)
    again = protocol.n_generated if several and reject else 0
    show("images", 0, jobs[0].parts["reference"].n + drawn + again)
    begin_flow()
    from ganbench.flows.ensemble import ensemble

    with listening(lambda stage, n: show("images", n) if stage.startswith("images") else None):
        return ensemble.with_options(task_runner=runner())(
            models=list(models), out=out, **given(question), seed=seed, budget=budget, reject=reject, rate=rate,
            **given(opening))


def run_audit(show: Show, model: str, question: Question, seed: int, opening: Opening) -> Audited:
    """Check everything first, as `run_evaluation` does; then run the flow `audit`."""
    question_of(model, question)
    workspace = workspace_of(opening.trust_pickle)
    with single_threaded():
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        chosen = protocol_of(question_of(model, counted(question, [spec], workspace, IMAGES)))
        job = prepare(spec, chosen, seed, workspace)
    check_unseen(question.held_out, job.unseen, chosen.n_generated)
    begin_flow()
    from ganbench.flows.audit import audit

    with listening(show):
        return audit.with_options(task_runner=runner())(
            model=model, **given(question), seed=seed, **given(opening))


def run_attribution(show: Show, model: str, question: Question, seed: int, opening: Opening) -> Attributed:
    """Check everything first, as `run_evaluation` does; then run the flow `attribute`."""
    check_images_of_reference(prepared(model, replace(question, metrics="fd"), seed, opening))
    begin_flow()
    from ganbench.flows.audit import attribute

    with listening(show):
        return attribute.with_options(task_runner=runner())(
            model=model, **given(question), seed=seed, **given(opening))


def prepared(model: str, question: Question, seed: int, opening: Opening) -> Job:
    """The job, so that bad input is reported before Prefect starts."""
    workspace = workspace_of(opening.trust_pickle)
    with single_threaded():
        spec = asked_model(model, opening, workspace, protocol_of(question).preprocessing)
        return prepare(spec, asked_protocol(question, [spec], workspace), seed, workspace)


def begin_flow() -> None:
    """What comes before any flow: a sound runner, a home (Prefect makes no folder above its own), the running servers,
    nobody left behind, and a server for workers in other processes."""
    check_runner()
    settings().root.mkdir(parents=True, exist_ok=True)
    servers = running()
    if servers:
        join(servers)
    guard()
    if settings().runner != "threads" and not names_server():
        start_prefect()


def run_sampling(
    show: Show, model: str, out: Path, n: int, seed: int, opening: Opening, mark: bool = True
) -> int:
    """Draw into the store, then write; -> how many images the store had already.  `mark`: files say that the images are
    synthetic, and of which model; images that are on disk already are only copied."""
    write = writer_of(out)
    workspace = workspace_of(opening.trust_pickle)
    spec = ordered(asked_model(model, opening, workspace), n, workspace)
    if spec.factory:
        check_output(spec, seed, workspace)
    part, found, arrays = Part(spec, seed, n), 0, []
    show("images", 0, n)
    with single_threaded(), listening(show):
        for index, rows in shards_of(n):
            tick = Counter("images", rows)
            shard = sample_one(part, index, rows, workspace, tick)
            tick.finish()
            found += rows - shard.computed
            arrays.append(rows_of(shard))
    labels = [int(label) for rows in arrays for label in rows["labels"]] if "labels" in arrays[0] else None
    made = spec.family != IMAGES_ON_DISK
    origin = {"model": spec.name, "model_digest": identity(spec), "seed": seed} if made else {"source": spec.name}
    encode = marked(origin) if mark and made else unmarked
    write(out, [image for rows in arrays for image in rows["images"]], labels, encode)
    write_croissant(out, n, origin, made)
    return found


def marked(origin: Mapping[str, Any]) -> Encode:
    """Files that say which image of which model they are."""
    return lambda i, image: marked_png(image, {**origin, "index": i, "synthetic": True})


def unmarked(i: int, image: np.ndarray) -> bytes:
    return png_bytes(image)


def run_statistics(show: Show, data: str, out: Path, convention: str) -> tuple[Statistics, list[str]]:
    """Statistics of images under a convention, written as other tools read them; and what of the files is lost."""
    if convention not in CONVENTIONS:
        raise BadInput("unknown-convention", f"No convention {convention!r}. Known: {', '.join(CONVENTIONS)}.")
    extractor, workspace = CONVENTIONS[convention].extractors[0], workspace_of()
    check_statistics_name(out)
    part = real_part(data, None, workspace)
    extractor_of(extractor, workspace)
    stage = f"features: {extractor}"
    show(stage, 0, part.n)
    features = features_of(part, extractor, workspace, settings().workers, lambda n: show(stage, n))
    with single_threaded():
        found = accumulate(Chunks(features)).statistics()
        spatial = accumulate(Chunks(features, "spatial")).statistics() if has(features, "spatial") else None
    save_statistics(out, found, spatial)
    return found, [caution(caveat) for caveat in open_images(part.spec, workspace).images.lost]


def writer_of(out: Path) -> Callable[..., None]:
    """By the name's ending: .npz, .parquet, or a folder of PNG files."""
    if out.suffix == ".npz":
        return lambda path, images, labels, encode: write_npz(path, images, labels)
    if out.suffix == ".parquet":
        return lambda path, images, labels, encode: write_parquet(path, images, labels, encode=encode)
    if out.suffix:
        raise BadInput("unknown-output-format",
                       f"Images can be written as .npz, .parquet or into a folder; --out {out} is none of these.")
    return lambda folder, images, labels, encode: write_folder(images, folder, labels, encode=encode)


def run_verification(show: Show, at_once: bool) -> list[Result]:
    """Compute what has a known value, all of it or what takes seconds, and say beforehand how long that takes."""
    from ganbench.gan import verify

    checks = verify.at_once(verify.CHECKS) if at_once else verify.CHECKS
    images = verify.n_images(checks)
    print(f"{images:,} images go through the Inception network{time_for(images)}; what is finished is kept.",
          file=sys.stderr)
    return list(verify.verify(checks, workspace_of(), show, settings().workers))


def time_for(images: int) -> str:
    """`: about 40 min if the machine stays as busy as now`; nothing where there are no weights."""
    try:
        seen = extractor_of("inception", workspace_of())
    except BadInput:
        return ""
    with single_threaded():
        seconds = images / pace(seen, (3, 32, 32), settings().workers)
    return f": {duration(seconds)} if the machine stays as busy as now"
