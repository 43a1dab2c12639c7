"""The flow `study`: everything that can be said of a model, from a checkpoint and a folder of images, in one run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from ganbench.flows import studies, study_uses
from ganbench.flows.curves import runs_of_log
from ganbench.flows.evaluate import STUDY, flow_tags, short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, as_markdown
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.studies import Work
from ganbench.flows.trainings import kinds_of
from ganbench.gan.codes import FAILED as FAILED_CODES
from ganbench.gan.files import atomic_write, check_room, digest_at, file_digest
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import IMAGES, identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.photos import FITS
from ganbench.gan.question import Opening, Option
from ganbench.gan.recipes.choosing import SLOW
from ganbench.gan.sampling import generator_of
from ganbench.gan.sources import HERE
from ganbench.gan.study.images import RealImages, real_images
from ganbench.gan.study.options import Study
from ganbench.gan.study.paces import paces_of
from ganbench.gan.study.page import Cover, write_pages
from ganbench.gan.study.planning import Facts, Plan, kept_plan, planned, seconds_of_budget, write_plan
from ganbench.gan.study.record import FAILED, LEFT_OUT, Found, keep, kept
from ganbench.gan.study.stages import STAGES, left_out
from ganbench.gan.study.texts import WHY, WORK, said, time_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, ModelSpec, Workspace, digest_of
from ganbench.gan.usercode import first_line
from ganbench.tasks.artifacts import begin_progress, publish, update_progress
from ganbench.tasks.settings import settings, workspace_of
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.results import Record, track_result

Folder = Annotated[str, Option("Folder", "For all that is written; empty: in the home folder.", card="Stages")]
MODEL_FILE = "model.toml"
PROBES = "paces"        # a folder for trainings that are begun to time them


@dataclass(frozen=True)
class Studied:
    """The result: where its page is, and what every stage has found."""

    folder: Path
    plan: Plan
    found: Mapping[str, Found]
    tracked: Tracked

    @property
    def page(self) -> Path:
        return self.folder / "index.html"

    @property
    def failed(self) -> list[str]:
        return [name for name, one in self.found.items() if one.state == FAILED]


def run_name() -> str:
    """`study of netG.pth on photos, 1h`"""
    asked = runtime.flow_run.parameters
    return f"study of {short_name(asked['model'])} on {short_name(asked['data'])}, {asked['budget']}"


@formed
@flow(name="study", flow_run_name=run_name)
@in_form(asked=Study, opening=Opening)
def study(model: AnyModel = "zoo:dcgan-fashion-mnist", *, asked: Study, out: Folder = "", opening: Opening) -> Any:
    """Everything about a model, within a budget of time: scores, copies, learning curves, baselines trained on the same
    images, a report, a mixture, its latent space, a film, what it is good for, a model card, and one page of all.

    A study that was stopped goes on where it was, with the same numbers.  Ends as `Incomplete` where a stage failed.
    """
    work = prepared(model, asked, out, opening)
    publish("plan", said_of_plan(work.plan), as_markdown(plan_screen(work.plan)))
    token = STUDY.set(f"{work.spec.name}-{work.plan.key[:8]}")
    try:
        found, tracked = carried_out(work)
    finally:
        STUDY.reset(token)
    made = Studied(work.folder, work.plan, found, tracked)
    return ended(made)


def ended(made: Studied) -> Studied | State[Any]:
    if not made.failed:
        return made
    return Failed(name="Incomplete", message=failure(made), data=made)


def failure(made: Studied) -> str:
    what = "The stage" if len(made.failed) == 1 else "The stages"
    return f"{what} {', '.join(made.failed)} failed; why, and the other stages, are in {made.page}."


# Before it begins

def prepared(
    model: str, asked: Study, out: str, opening: Opening, tell: Callable[[str], object] = lambda text: None,
    show: Callable[..., None] = lambda *_, **__: None,
) -> Work:
    """Everything is checked, the images are read, and the plan is made, or found where the study began before.
    BadInput before anything has been drawn or trained."""
    workspace, kinds = workspace_of(opening.trust_pickle), checked(asked)
    spec = asked_model(model, opening, workspace)
    for other in asked.against or ():
        resolve(other, workspace)
    folder = Path(out) if out else settings().root / "studies" / f"{spec.name}-{Path(asked.data).name or 'images'}"
    check_folder(folder)
    check_room(folder)
    with single_threaded():
        shape = check_output(spec, asked.seed, workspace)
        tell("Reading the images ...")
        real = real_images(asked, shape, folder / "data", workspace)
        key = question_key(spec, real, asked, workspace)
        plan = kept_plan(folder, key)
        if plan is None:
            tell("Timing this machine ...")
            plan = timed(spec, real, asked, kinds, folder, workspace, key)
            write_plan(folder, plan)
    return Work(asked, named(model, spec, opening, folder), model, opening, spec, real, plan, folder, workspace, show)


def checked(asked: Study) -> tuple[str, ...]:
    """The kinds of baselines.  BadInput: an option that cannot be meant, or a log that cannot be read."""
    out = left_out(asked.without)
    seconds_of_budget(asked.budget)
    if asked.fit not in FITS:
        raise BadInput("unknown-choice", f"The value of --fit is {asked.fit!r}, expected one of {', '.join(FITS)}.")
    for log in asked.logs or () if "curves" not in out else ():
        runs_of_log(log)
    return () if "baselines" in out else tuple(kinds_of(asked.kinds))


def check_folder(folder: Path) -> None:
    """A folder of somebody's own files is no place for a study."""
    if folder.exists() and not folder.is_dir():
        raise BadInput("output-exists", f"{folder} is a file, expected a folder for the study.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "data").is_dir():
        raise BadInput("output-exists", f"{folder} holds other files, expected a new folder or that of a study.")


def question_key(spec: ModelSpec, real: RealImages, asked: Study, workspace: Workspace) -> str:
    facts = {name: value for name, value in asdict(asked).items() if name not in ("data", "logs", "licence")}
    return digest_of(["study", identity(spec), real.kept.digest, file_digest(real.held_out), facts,
                      bool(asked.logs), workspace.device])


def timed(
    spec: Any, real: RealImages, asked: Study, kinds: tuple[str, ...], folder: Path, workspace: Workspace, key: str
) -> Plan:
    from ganbench.flows.studies import training_for

    searched = isinstance(generator_of(spec, workspace), LatentModel) and spec.family not in SLOW
    facts = Facts(real.n, real.kept.held_out, len(real.kept.classes), spec.family == IMAGES, searched,
                  len(asked.logs or ()), len(asked.against or ()))
    try:
        paces = paces_of(spec, real.shape, kinds, training_for(asked, real, 0), folder / PROBES, workspace,
                         settings().workers)
    finally:
        shutil.rmtree(folder / PROBES, ignore_errors=True)
    return planned(asked, facts, paces, key)


def named(model: str, spec: ModelSpec, opening: Opening, folder: Path) -> str:
    """What other commands open without further options: a model file for bare weights."""
    if not (opening.family or opening.factory or opening.weights_key):
        return model
    path = folder / MODEL_FILE
    text = write_spec(spec)
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))
    return str(path)


# The stages

def carried_out(work: Work) -> tuple[dict[str, Found], Tracked]:
    """Every stage that is planned, from its record where that still holds; the pages are written after each."""
    found: dict[str, Found] = {}
    bar = begin_progress(f"study of {work.spec.name}")
    names = [name for name in STAGES if not work.plan.why(name)]
    work.show("stages", 0, len(names))
    for k, name in enumerate(names, 1):
        key = stage_key(name, work, found)
        one = kept(work.folder, name, key)
        found[name] = found_again(name, one) if one else carry_out(name, work, key)
        write_pages(work.folder, cover_of(work, running=k < len(names)), work.plan, found)
        update_progress(bar, k / len(names))
        work.show("stages", 1)
    return found, conclude(work, found)


@task(name="stage", task_run_name="{name}", persist_result=False, cache_policy=NO_CACHE)
def kept_stage(name: str, found: Found) -> Any:
    """A stage whose record holds: shown as `Cached` among the others."""
    return Completed(name="Cached", message=f"The record of {name} in the study's folder holds.", data=found)


def found_again(name: str, found: Found) -> Found:
    made: Found = kept_stage(name, found, return_state=True).result()
    return made


def carry_out(name: str, work: Work, key: str) -> Found:
    """One stage; what it refuses or fails by is said, and the others go on."""
    begun = time.monotonic()
    try:
        return keep(work.folder, DO[name](work), key, time.monotonic() - begun)
    except BadInput as error:
        state = FAILED if error.code in FAILED_CODES else LEFT_OUT
        return refused(name, state, str(error), begun)
    except Exception as error:  # of a model, a library or the disk: the other stages do not depend on it
        get_run_logger().exception("The stage %s failed.", name)
        return refused(name, FAILED, f"{type(error).__name__}: {first_line(error)}", begun)


def refused(name: str, state: str, why: str, begun: float) -> Found:
    text = said("failed" if state == FAILED else "refused", why=why)
    return Found(name, state, (text,), seconds=time.monotonic() - begun)


DO: Mapping[str, Callable[[Work], Found]] = {
    "data": studies.data, "evaluate": studies.evaluate, "audit": studies.audit, "curves": studies.curves,
    "baselines": studies.baselines, "compare": studies.compare, "ensemble": studies.ensemble,
    "explore": study_uses.explore, "interpolate": study_uses.interpolate, "augment": study_uses.augment,
    "restore": study_uses.restore, "stylize": study_uses.stylize, "specialise": study_uses.specialise,
    "publish": study_uses.publish,
}
NEEDS: Mapping[str, tuple[str, ...]] = {       # stages whose records another one's depends on
    "compare": ("baselines",), "ensemble": ("baselines",), "specialise": ("evaluate",),
}
SOURCES: Mapping[str, tuple[str, ...]] = {     # modules of ganbench.gan that make the numbers of a stage
    "data": ("study.images",), "evaluate": ("evaluate", "slices"), "audit": ("copying", "audit"),
    "curves": ("curves.diagnosis", "curves.drawing", "report.curves"), "baselines": ("recipes.running",),
    "compare": ("compare", "findings.analysis", "report.write"), "ensemble": ("ensemble",),
    "explore": ("explorer.page",), "interpolate": ("films",), "augment": ("applications.augment.augmenting",),
    "restore": ("applications.restore.files",), "stylize": ("applications.stylize.stylizing",),
    "specialise": ("specialise.target",), "publish": ("hub.publishing",),
}


def stage_key(name: str, work: Work, found: Mapping[str, Found]) -> str:
    """sha256 over all that a stage depends on: model, images, options, plan, sources, and other stages."""
    facts = [name, work.plan.key, dict(work.plan.steps), work.plan.classifier, HERE.digest(*SOURCES[name]),
             [file_digest(Path(str(module.__file__))) for module in (studies, study_uses)], version("ganbench"),
             [found[other].files for other in NEEDS.get(name, ()) if other in found]]
    if name == "publish":
        facts.append(work.asked.licence)
    if name == "curves":
        facts.append([digest_at(Path(log)) for log in work.asked.logs or () if Path(log).is_file()])
    return digest_of(facts)


def cover_of(work: Work, running: bool) -> Cover:
    return Cover(work.spec.name, Path(work.asked.data).name, command_of(work), version("ganbench"), running)


def command_of(work: Work) -> str:
    return command_line("study", [work.given], work.asked, work.opening, out=work.folder)


def conclude(work: Work, found: Mapping[str, Found]) -> Tracked:
    """The pages and the numbers in MLflow, and the table in Prefect's pages."""
    metrics = {f"{name}.{key}"[:250]: value for name, one in found.items() for key, value in one.numbers.items()}
    note = as_markdown(screen_of(work, found))
    params = {"model": work.spec.name, "data": Path(work.asked.data).name, "budget": work.asked.budget}
    files = [work.folder / name for name in ("index.html", "index.fr.html", "plan.json")]
    tracked = track_result(Record(
        "study", digest_of([work.plan.key, metrics]), f"study of {work.spec.name}", params, metrics, note, files,
        command_of(work), flow_tags()))
    page = (work.folder / "index.html").absolute().as_uri()
    publish("study", f"{work.spec.name} on {Path(work.asked.data).name}", note, "",
            {"Run in MLflow": tracked.url} if tracked.url else {"Page": page})
    return tracked


# On the screen

def plan_screen(plan: Plan) -> Screen:
    """What it will cost, before it begins."""
    rows = tuple((row.name, WORK[row.name][0] if not row.why else WHY[row.why][0],
                  time_of(row.seconds)[0] if not row.why else "") for row in plan.rows)
    return [Grid(said_of_plan(plan), ("stage", "work", "about"), rows)]


def said_of_plan(plan: Plan) -> str:
    return f"Plan: about {time_of(plan.seconds)[0]} of a budget of {time_of(plan.budget)[0]}"


def screen_of(work: Work, found: Mapping[str, Found]) -> Screen:
    """What every stage found, in its first sentence."""
    took = time_of(sum(one.seconds for one in found.values()))[0]
    return [Line("", f"{work.spec.name} on {Path(work.asked.data).name}, in {took}", "bold", indent=0),
            *(Line(f": {one.said[0][0]}", name, "bold") for name, one in found.items() if one.said)]
