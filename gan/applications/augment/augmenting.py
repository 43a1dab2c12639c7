"""From what a user asks for to an experiment, its pictures and its export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ganbench.gan.applications.augment.experiment import Asked, Experiment, check_task, experiment
from ganbench.gan.applications.augment.exporting import Exported, check_export, export
from ganbench.gan.applications.augment.grid import Plan
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.applications.augment.pictures import draw_accuracy, draw_added
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.jobs import asked_model
from ganbench.gan.metrics.realism import realism_of
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, Workspace

Show = Callable[..., None]
ACCURACY, ADDED = "accuracy.png", "added.png"


@dataclass(frozen=True, eq=False)
class Augmented:
    """What was found, and what was written."""

    request: Augmentation
    found: Experiment
    eyes: str                       # the extractor whose features tell realism
    files: tuple[str, ...] = ()


def augment(
    show: Show, model: str, request: Augmentation, out: str, opening: Opening, workspace: Workspace
) -> Augmented:
    """Check everything, train what is missing, and write pictures into the folder `out` ('': none) and what is to be
    exported."""
    check_task(request.task)
    asked = asked_of(request)
    if request.export:
        check_export(Path(request.export), request.format)
    check_folder(out)
    spec = asked_model(model, opening, workspace)
    lead = protocol_of(Question(reference="images")).extractors[0]
    with single_threaded():
        found = experiment(spec, model, asked, extractor_of(lead, workspace), workspace, show)
        made = Augmented(request, found, lead)
        return replace(made, files=written(made, out, workspace))


def asked_of(request: Augmentation) -> Asked:
    arms = tuple(word.strip() for word in request.arms.split(",") if word.strip())
    plan = Plan(request.per_class, request.seeds, factors_in(request.factors), request.steps, request.most_steps,
                request.seed, arms)
    return Asked(request.data, request.test, request.unseen, request.leave_out, plan)


def factors_in(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    wrong = next((word for word in words if not word.isdecimal()), None)
    if wrong is not None:
        raise BadInput("unfit-value",
                       f"The value of --factors has {wrong!r}, expected whole numbers from 1 on, such as 1,4,16.")
    return tuple(int(word) for word in words)


# Files

def check_folder(out: str) -> None:
    if out and Path(out).exists() and not Path(out).is_dir():
        raise BadInput("output-exists", f"{out} is a file, expected a folder for pictures.")


def written(made: Augmented, out: str, workspace: Workspace) -> tuple[str, ...]:
    """The pictures in a folder, and the images in --export."""
    found, request, files = made.found, made.request, list[str]()
    if out:
        title = f"{found.spec.name}, {found.real.name}: {found.grid.real:,} real images"
        files = [str(Path(out) / name) for name in (ACCURACY, ADDED)]
        draw_accuracy(Path(files[0]), title, found.grid)
        draw_added(Path(files[1]), title, found.grid, found.verdict.arm, found.pool.images, found.real.names)
    if request.export:
        export(Path(request.export), request.format, exported(made, workspace))
        files.append(request.export)
    return tuple(files)


def exported(made: Augmented, workspace: Workspace) -> Exported:
    """The images that the verdict's arm has added in the first seed."""
    found = made.found
    rows, eyes = found.grid.added[found.verdict.arm], extractor_of(made.eyes, workspace)
    images = found.pool.images[rows]
    real = extract(found.grid.shown.images, eyes)["features"]
    realism = realism_of(extract(images, eyes)["features"], real)
    return Exported(images, found.grid.labels[rows], found.real.names, found.spec.name, found.pool.digest,
                    found.pool.seed, rows, realism)
