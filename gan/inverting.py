"""Image files as latents of a model that a user names: the search, the test whether they are its own, and the files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.gallery import write_gallery
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.interpolation import numbers_in, space_named
from ganbench.gan.inversion import Inverted, Way, errors_of, invert, strangeness_of
from ganbench.gan.jobs import asked_model
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.latent.pivot import Tuning
from ganbench.gan.latent_files import Latents, write_latents
from ganbench.gan.models.identity import identity
from ganbench.gan.photos import photos
from ganbench.gan.preprocessing import steps_in
from ganbench.gan.question import Opening, Wish
from ganbench.gan.range_test import REAL, RangeTest, held_out_of, latents_of, range_test, shape_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.tuning import Tuned, check_tuning, tune, write_tuned
from ganbench.gan.types import BadInput, CompleteSpec, Workspace
from ganbench.gan.watching import Show, hundredths

MOST = 1_000            # images


@dataclass(frozen=True)
class Reading:
    """What was found and written."""

    model: str
    digest: str
    wish: Wish
    way: Way
    paths: tuple[str, ...]
    targets: np.ndarray                 # (n, C, H, W) uint8: the images as the model's size and channels have them
    found: Inverted
    errors: np.ndarray                  # (n,)
    test: RangeTest | None
    tuned: Tuned | None
    out: str
    files: tuple[str, ...] = ()

    @property
    def p(self) -> np.ndarray | None:
        return None if self.test is None else self.test.p_values(strangeness_of(self.targets, self.found))


def inversion(
    show: Show, model: str, images: Sequence[str], out: Path, wish: Wish, opening: Opening, workspace: Workspace
) -> Reading:
    """Search the latents of the images, test whether they are the model's own, and write what was found."""
    classes = classes_in(wish, len(images))
    check_outputs(out, images)
    spec = asked_model(model, opening, workspace)
    if spec.factory:
        check_output(spec, wish.seed, workspace)
    with single_threaded():
        generator = latents_of(spec, workspace)
        way = Way(space_named(generator, wish.space), budget_of(wish), wish.seed)
        targets = photos(images, shape_of(spec, workspace), wish.fit)
        if wish.tuning:
            check_tuning(generator, spec)
        show("inversion", 0, 100)
        found = invert(generator, spec, targets, way, classes, device=workspace.device,
                       watch=hundredths(show, "inversion"))
        tuned = tune_to(show, spec, targets, found, way, wish, workspace) if wish.tuning else None
        test = tested(show, model, spec, way, wish, bool(classes), workspace) if wish.own else None
    read = Reading(spec.name, identity(spec), wish, way, tuple(images), targets, found, errors_of(targets, found), test,
                   tuned, str(out))
    return replace(read, files=written(read, spec))


def budget_of(wish: Wish) -> Budget:
    return Budget(wish.starts, wish.steps, min(Budget.trial, wish.steps // 5), Budget.kept)


def classes_in(wish: Wish, n: int) -> tuple[int, ...]:
    """One for each image, or one for all."""
    named = tuple(numbers_in(wish.classes))
    return named * n if len(named) == 1 else named


def tune_to(
    show: Show, spec: CompleteSpec, targets: np.ndarray, found: Inverted, way: Way, wish: Wish, workspace: Workspace
) -> Tuned:
    show("tuning", 0, 100)
    return tune(latents_of(spec, workspace), spec, targets, found, way, Tuning(wish.tuning), hundredths(show, "tuning"))


def tested(
    show: Show, model: str, spec: CompleteSpec, way: Way, wish: Wish, known: bool, workspace: Workspace
) -> RangeTest:
    """The errors of own and real images, with bars.  Where the model file changes the sizes of images, those of its
    data set are not what the network makes, and do not tell its power."""
    reference = wish.reference or ("" if steps_in(spec) else held_out_of(model))
    show("own and real images", 0, wish.own + (REAL if reference else 0))
    return range_test(spec, way, workspace, wish.own, REAL, reference, known,
                      tick=lambda n: show("own and real images", n))


# Files

def check_place(out: Path) -> None:
    """FILE.png, or a folder that is new or empty, and not within a file."""
    if out.suffix not in ("", ".png"):
        raise BadInput("unknown-output-format", f"{out} ends in {out.suffix}, expected FILE.png or a folder.")
    if not out.suffix and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput("output-exists", f"{out} is not an empty folder, and images of different runs must not mix.")
    if out.suffix and out.is_dir():
        raise BadInput("not-a-file", f"{out} is a folder, not a picture.")
    within = next(folder for folder in out.absolute().parents if folder.exists())
    if not within.is_dir():
        raise BadInput("unwritable-file", f"{out} cannot be written: {within} is a file, expected a folder.")


def check_outputs(out: Path, images: Sequence[str]) -> None:
    """Refuse what could not be written, before anything is searched."""
    check_place(out)
    if len(images) > MOST:
        raise BadInput("too-large", f"{len(images):,} images were given, expected at most {MOST:,} at a time.")


def written(read: Reading, spec: CompleteSpec) -> tuple[str, ...]:
    """FILE.png and FILE.json, or a picture and a file of latents for each image in a folder; and the tuned model."""
    out, n = Path(read.out), len(read.targets)
    if out.suffix:
        rows = [(pictures(read, i), "\n".join(words(read, i))) for i in range(n)]
        title = f"{read.model}: images and their inversions in {read.way.space}"
        write_gallery(out, title, heads(read), rows, across=2)
        write_latents(out.with_suffix(".json"), latents_in(read, range(n)))
        files = [out, out.with_suffix(".json")]
    else:
        files = []
        for i, stem in enumerate(stems(read.paths)):
            write_contact_sheet(out / f"{stem}.png", np.stack(pictures(read, i)), columns=len(heads(read)))
            write_latents(out / f"{stem}.json", latents_in(read, [i]))
            files += [out / f"{stem}.png", out / f"{stem}.json"]
    if read.tuned:
        files.append(out.with_name(f"{out.stem}-tuned.toml") if out.suffix else out / "tuned.toml")
        write_tuned(read.tuned, spec, files[-1])
    return tuple(map(str, files))


def heads(read: Reading) -> list[str]:
    return ["image", "inverted", *(["tuned"] if read.tuned else [])]


def pictures(read: Reading, i: int) -> list[np.ndarray]:
    """The image, its inversion, and what the tuned model makes of that: CHW uint8."""
    tuned = [read.tuned.found.pictures[i]] if read.tuned else []
    return [read.targets[i], read.found.pictures[i], *tuned]


def words(read: Reading, i: int) -> list[str]:
    """The caption of a row."""
    p = [] if read.p is None else [f"p = {read.p[i]:.3f}"]
    tuned = [f"tuned: {db(read.tuned.found.decibels(read.targets)[i])}"] if read.tuned else []
    return [Path(read.paths[i]).name[:20], db(read.found.decibels(read.targets)[i]), *tuned, *p]


def db(value: float) -> str:
    return f"{value:.1f} dB" if math.isfinite(value) else "exact"


def stems(paths: Sequence[str]) -> list[str]:
    """Names of files without endings; equal ones get numbers."""
    found: list[str] = []
    for path in paths:
        stem = Path(path).stem[:150]
        numbered = (f"{stem}-{again}" for again in count(2))
        found.append(stem if stem not in found else next(name for name in numbered if name not in found))
    return found


def latents_in(read: Reading, which: Sequence[int]) -> Latents:
    labels = tuple(read.found.labels[i] for i in which) if read.found.labels else ()
    search = asdict(read.way.budget) | {"seed": read.way.seed} if read.found.histories else {}
    return Latents(read.model, read.digest, read.way.space, read.found.latents[list(which)], labels,
                   [facts_of(read, i) for i in which], search)


def facts_of(read: Reading, i: int) -> dict[str, Any]:
    """Of one image, as JSON has them."""
    facts: dict[str, Any] = {"image": read.paths[i], "psnr": float(read.found.decibels(read.targets)[i]),
                             "error": float(read.errors[i])}
    if read.p is not None and read.test is not None:
        facts |= {"strangeness": float(strangeness_of(read.targets, read.found)[i]), "p": float(read.p[i]),
                  "rejected": bool(read.p[i] <= read.test.alpha)}
    if read.tuned:
        facts["tuned_psnr"] = float(read.tuned.found.decibels(read.targets)[i])
    return facts
