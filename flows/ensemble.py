"""The flow `ensemble`: a mixture of models, or a model with rejection sampling, as a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from ganbench.flows.compare import leading_features
from ganbench.flows.comparisons import doubts
from ganbench.flows.evaluate import Seed
from ganbench.flows.options import Some, formed, in_form
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.shards import TASKS, follow
from ganbench.flows.tables import listed
from ganbench.gan.adaptive import Adaptive
from ganbench.gan.compare import unsound
from ganbench.gan.ensemble import Held
from ganbench.gan.evaluate import Started, shards_in, submit
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import atomic_write
from ganbench.gan.jobs import Job, check_mixing, distinct
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.numbers import decimals
from ganbench.gan.protocols import lean
from ganbench.gan.question import Opening, Option, Question, protocol_of
from ganbench.gan.rejection import Trial
from ganbench.gan.tables import mixture_line
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Caveat, ModelSpec, Protocol, Shard, Workspace
from ganbench.gan.uncertainty import interval
from ganbench.tasks.runners import runner
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.stages import find_adaptively, find_mixture, fit_rejection, prepare_job

LEAST_SHARE = 0.005     # below it a model is left out of the file


@dataclass(frozen=True)
class Ensemble:
    """The result of an ensemble: a model file, and the test of it."""

    file: str
    shares: Mapping[str, float]         # by model
    metric: str                         # of the distance that is least
    held: Held | None = None            # found on one half of the images and measured on the other
    adaptive: Adaptive | None = None    # or found while images were drawn
    trial: Trial | None = None          # of the density ratio
    unsound: Mapping[str, Caveat | None] = field(default_factory=dict)     # what is the matter with a model's images


def run_name() -> str:
    given = runtime.flow_run.parameters
    return f"{len(given['models'])} models, {Path(given['out']).name}, seed {given['seed']}"


@formed
@flow(name="ensemble", flow_run_name=run_name, task_runner=runner())
@in_form(question=Some(Question, ("protocol", "n", "reference", "convention", "extractor")),
         opening=Some(Opening, ("trust_pickle",)))
def ensemble(
    models: Annotated[
        list[str], Option("Models", "Two or more, or one of which the better images are to be kept.", card="")
    ],
    out: Annotated[str, Option("File", "The model file to write, .toml.", card="")],
    *,
    question: Question,
    seed: Seed = 0,
    budget: Annotated[int, Field(ge=0), Option(
        "Budget", "Draw so many images of all models together, where they are of use; 0: n of each.", least=0,
        card="Mixture")] = 0,
    reject: Annotated[bool, Option("Reject", "Rejection sampling with a calibrated density ratio.", card="Mixture")
                      ] = False,
    rate: Annotated[float, Field(gt=0, lt=1), Option(
        "Rate", "The share of images to keep, between 0 and 1.", card="Mixture")] = 0.5,
    opening: Opening,
) -> Ensemble:
    """The mixture of models nearest to the reference, with or without rejection sampling; tested on images that were
    not used to choose it."""
    check_mixing(models, Path(out), reject)
    workspace = workspace_of(opening.trust_pickle)
    chosen = lean(protocol_of(question))
    with single_threaded():
        specs = distinct(models, workspace) if len(models) > 1 else [resolve(models[0], workspace)]
        jobs = [prepare_job(spec, chosen, seed, workspace) for spec in specs]
        found = mixed(jobs, models, Path(out), budget, reject)
        return kept(found, chosen, models, seed, rate, workspace) if reject else found


def mixed(jobs: Sequence[Job], models: Sequence[str], out: Path, budget: int, reject: bool) -> Ensemble:
    """The mixture of the models, written to `out`, or beside it where its images will be chosen from."""
    names, metric = [job.model.name for job in jobs], f"kid_{jobs[0].lead}"
    file = out.with_name(f"{out.stem}-mixture.toml") if reject else out
    if len(jobs) == 1:
        return Ensemble(str(out), {names[0]: 1.0}, metric)
    if budget:
        adaptive = find_adaptively.submit(list(jobs), budget).result()
        found = Ensemble(str(out), dict(zip(names, adaptive.shares.tolist(), strict=True)), metric, adaptive=adaptive)
    else:
        started = submit(jobs, TASKS)
        follow(f"{len(jobs)} models", started)
        sets = [leading_features(job, one) for job, one in zip(jobs, started, strict=True)]
        held = find_mixture.submit([one["generated"] for one in sets], sets[0]["reference"], jobs[0].workspace).result()
        looked = {job.model.name: unsound(alert.cause for alert in TASKS.look_at_images(job, shards_of_roles(one)))
                  for job, one in zip(jobs, started, strict=True)}
        shares = dict(zip(names, held.shares.tolist(), strict=True))
        found = Ensemble(str(out), shares, metric, held=held, unsound=looked)
    write(file, "mixture", mixture_arguments(models, list(found.shares.values())))
    return found


def shards_of_roles(started: Started) -> dict[str, list[Shard]]:
    return {role: shards_in(shards) for role, shards in started.images.items()}


def mixture_arguments(models: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
    """The models with at least LEAST_SHARE, files by absolute paths."""
    kept = [(placed(model), round(share, 6)) for model, share in zip(models, shares, strict=True)
            if share >= LEAST_SHARE]
    return {"models": [model for model, _ in kept], "shares": [share for _, share in kept]}


def placed(model: str) -> str:
    return str(Path(model).absolute()) if Path(model).exists() else model


def kept(
    found: Ensemble, chosen: Protocol, models: Sequence[str], seed: int, rate: float, workspace: Workspace
) -> Ensemble:
    """The rejection of the mixture's images, or of the only model's."""
    out = Path(found.file)
    base = placed(models[0]) if len(models) == 1 else str(out.with_name(f"{out.stem}-mixture.toml").absolute())
    job = prepare_job(resolve(base, workspace), chosen, seed, workspace)
    started = submit([job], TASKS)
    follow(job.model.name, started)
    features, extractor = leading_features(job, started[0]), job.lead
    digest = extractor_of(extractor, workspace).digest
    ratio, trial = fit_rejection.submit(features["reference"], features["generated"], rate, seed, digest).result()
    ratio.save(out.with_suffix(".safetensors"))
    model = base if len(models) == 1 else Path(base).name       # what lies beside the file is named by its name
    write(out, "rejection", {"model": model, "ratio": f"{out.stem}.safetensors", "extractor": extractor})
    return replace(found, trial=trial)


def write(path: Path, family: str, arguments: Mapping[str, Any]) -> None:
    text = write_spec(ModelSpec(path.stem, family=family, arguments=arguments))
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))


# What the command line prints

def ensemble_screen(found: Ensemble) -> Screen:
    screen: list[Grid | Line] = []
    if len(found.shares) > 1:
        rows = [{"model": name, "share": f"{100 * share:.1f} %", **drawn_of(found, k)}
                for k, (name, share) in enumerate(found.shares.items())]
        screen += listed(f"Mixture of {len(rows)} models", rows)
    if found.held:
        screen += map(Line, [mixture_line(found.held, list(found.shares)),
                             *doubts(found.shares, found.unsound)])
    if found.trial:
        screen += map(Line, trial_lines(found.trial))
    said = f"Model: {found.file}; `ganbench evaluate {found.file}` measures it on images of its own."
    return [*screen, Line(said, indent=0, whole=True)]


def drawn_of(found: Ensemble, k: int) -> dict[str, str]:
    return {"images drawn": f"{found.adaptive.drawn[k]:,}"} if found.adaptive else {}


def trial_lines(found: Trial) -> list[str]:
    """The test of rejection sampling on held-out images."""
    digits = decimals(found.gain.se)
    low, high = interval(found.gain)
    helps = "is nearer to the real images" if found.helps else "is not significantly nearer to the real images"
    return [
        f"Density ratio: AUC {found.auc.value:.3f} ± {found.auc.se:.3f} (0.5: cannot tell), calibration error "
        f"{found.calibration_error:.3f} (by chance {found.calibration_floor:.3f}), on {found.generated:,} images that "
        "did not fit it.",
        f"Of those {100 * found.acceptance.value:.1f} ± {100 * found.acceptance.se:.1f} % are kept; what is kept "
        f"{helps}: kernel distance {found.everyone.value:.{digits}f} -> {found.accepted.value:.{digits}f}, gain "
        f"{found.gain.value:+.{digits}f} (95 %: {low:+.{digits}f} to {high:+.{digits}f}).",
    ]


def ensemble_json(found: Ensemble) -> str:
    def plain(value: Any) -> Any:
        return value.tolist() if hasattr(value, "tolist") else str(value)

    content: dict[str, Any] = {"file": found.file, "shares": dict(found.shares), "metric": found.metric}
    for name in ("held", "adaptive", "trial"):
        part = getattr(found, name)
        content[name] = asdict(part) if part else None
    if found.adaptive:
        del content["adaptive"]["trace"]
    return json.dumps(content, indent=1, default=plain)
