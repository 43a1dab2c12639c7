"""Images of one class from a model that a user names: checks, search, judgement, and the files of the best method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.conditioning.classes import RealImages, class_named, real_images
from ganbench.gan.conditioning.control import (
    Conditioned,
    Limits,
    check_names,
    condition,
    guide_of,
    judge_of,
    own_classifier,
)
from ganbench.gan.conditioning.judging import check_counts
from ganbench.gan.conditioning.methods import Found, check_model, methods_for
from ganbench.gan.conditioning.source import Source
from ganbench.gan.datasets import DataFolders
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import atomic_write
from ganbench.gan.images import write_contact_sheet, write_folder, write_npz, write_parquet
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import identity
from ganbench.gan.question import Opening, Question, Request, protocol_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, Workspace
from ganbench.gan.watching import Show

FORMATS = (".npz", ".parquet", ".png")
LEAST = {"n": 10, "draws": 20}


@dataclass(frozen=True, eq=False)
class Control:
    """What was found, and where it was written."""

    model: str
    digest: str                 # of the model
    request: Request
    real: RealImages
    guide: str
    judge: str
    eyes: str                   # the extractor whose features tell how varied images are
    found: Conditioned
    asked: str = ""             # where to write; '': nowhere
    out: str = ""               # '': nothing was written

    @property
    def name(self) -> str:
        return class_name(self.real, self.found.number)


def control(
    show: Show, model: str, request: Request, out: Path | None, opening: Opening, workspace: Workspace
) -> Control:
    """Check everything, train what is missing, search, judge, and write the images of the method to take."""
    check_out(out)
    check_counts_asked(request)
    check_names(request.guide, request.judge)
    spec = asked_model(model, opening, workspace)
    with single_threaded():
        generator = generator_of(spec, workspace)
        source = Source(generator, spec, request.seed, workspace.device)
        check_model(source)
        shape = check_output(spec, request.seed, workspace)
        real = real_images(request.data, shape, DataFolders.of(workspace), spec.name)
        number = class_named(request.asked, real)
        check_counts(generator.n_classes, real.names, spec.name, real.name)
        if request.judge:
            own_classifier(request.judge, len(real.names), workspace)
        guide = guide_of(request.guide, real, workspace, show)
        methods = methods_for(source, guide, request.method)
        lead = protocol_of(Question(reference="images")).extractors[0]
        found = condition(source, guide, partial(judge_of, request.judge, real, workspace, show),
                          extractor_of(lead, workspace), real, number, methods, Limits(request.n, request.draws), show)
    made = Control(spec.name, identity(spec), request, real, request.guide or "trained",
                   request.judge or judge_said(real), lead, found, str(out or ""))
    return written(made, out) if out else made


def check_counts_asked(request: Request) -> None:
    for name, least in LEAST.items():
        if getattr(request, name) < least:
            raise BadInput("unfit-value",
                           f"The value of --{name} is {getattr(request, name):,}, expected at least {least}.")


def judge_said(real: RealImages) -> str:
    return "shipped" if real.judge is None else "trained"


def class_name(real: RealImages, number: int) -> str:
    return real.names[number] if number < len(real.names) else str(number)


# Files

def check_out(out: Path | None) -> None:
    """Before the work: --out is a kind of file that can be written, or a folder that is new or empty."""
    if out is None or out.suffix in FORMATS:
        return
    if out.suffix:
        raise BadInput("unknown-output-format",
                       f"Images can be written as {', '.join(FORMATS)} or into a folder; --out {out} is none of these.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput("output-exists", f"{out} is not an empty folder, and images of different runs must not mix.")


def written(made: Control, out: Path) -> Control:
    """Write the images of the verdict's method, or of the only one that was asked for, and what they are made of."""
    method = chosen(made)
    if not method:
        return made
    found, _ = made.found.of(method)
    write(out, found.images, made.found.number, made.real.names)
    write_origin(origin_of(out), found)
    return Control(**{**vars(made), "out": str(out)})


def chosen(made: Control) -> str:
    """'' where there is nothing to write."""
    named = made.found.found[0].method if len(made.found.found) == 1 else ""
    method = made.found.verdict.method or named
    return method if method and len(made.found.of(method)[0]) else ""


def write(out: Path, images: np.ndarray, number: int, names: Sequence[str]) -> None:
    labels = [number] * len(images)
    if out.suffix == ".png":
        write_contact_sheet(out, images)
    elif out.suffix == ".npz":
        write_npz(out, images, labels, names)
    elif out.suffix == ".parquet":
        write_parquet(out, images, labels, names)
    else:
        write_folder(images, out)


def write_picture(made: Control, path: Path) -> str:
    """A sheet of the images that were written, unless they are one; -> where it is, '' where nothing was written."""
    if made.out and Path(made.out).suffix != ".png":
        write_contact_sheet(path, made.found.of(chosen(made))[0].images)
        return str(path)
    return made.out


def origin_of(out: Path) -> Path:
    """Beside the images."""
    return out.with_name(f"{out.stem if out.suffix else out.name}.latents.npz")


def write_origin(path: Path, found: Found) -> None:
    """What the images are made of: `seed` and `indices` of the draws and, where the model has them, `labels`, and
    `latents` of `space` with `noise`, which `decode` of the model takes."""
    if found.rows is None:
        return
    arrays: dict[str, Any] = {name: value for name, value in found.rows.arrays().items() if value is not None}
    arrays |= {"seed": np.array(found.rows.seed), "space": np.array(found.rows.space)}

    def save(partial_file: Path) -> None:
        with partial_file.open("wb") as file:
            np.savez(file, **arrays)

    atomic_write(path, save)
