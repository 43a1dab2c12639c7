"""What `ganbench invert` searches, prints and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.interpolations import hundredths, numbers_in
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.gan.gallery import write_gallery
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.interpolation import space_named
from ganbench.gan.inversion import Inverted, Way, errors_of, invert, strangeness_of
from ganbench.gan.jobs import asked_model
from ganbench.gan.latent.inversion import Budget, decibels
from ganbench.gan.latent.pivot import Tuning
from ganbench.gan.latent_files import Latents, finite, write_latents
from ganbench.gan.models.identity import identity
from ganbench.gan.photos import photos
from ganbench.gan.preprocessing import steps_in
from ganbench.gan.question import Opening
from ganbench.gan.range_test import REAL, RangeTest, held_out_of, latents_of, range_test, shape_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.tuning import Tuned, check_tuning, tune, write_tuned
from ganbench.gan.types import BadInput, CompleteSpec, Workspace
from ganbench.tasks.settings import workspace_of

Show = Callable[..., None]
MOST = 1_000            # images
HIGH = 0.8              # a power with which what is not rejected says something


@dataclass(frozen=True)
class Wish:
    """The options of `ganbench invert`."""

    space: str = ""
    classes: str = ""
    fit: str = "squeeze"
    starts: int = Budget.starts
    steps: int = Budget.steps
    tuning: int = 0
    own: int = 99
    reference: str = ""
    seed: int = 0

    @property
    def budget(self) -> Budget:
        return Budget(self.starts, self.steps, min(Budget.trial, self.steps // 5), Budget.kept)


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


def inversion(show: Show, model: str, images: Sequence[str], out: Path, wish: Wish, opening: Opening) -> Reading:
    """Search the latents of the images, test whether they are the model's own, and write what was found."""
    classes, workspace = classes_in(wish, len(images)), workspace_of(opening.trust_pickle)
    check_outputs(out, images)
    spec = asked_model(model, opening, workspace)
    if spec.factory:
        check_output(spec, wish.seed, workspace)
    with single_threaded():
        generator = latents_of(spec, workspace)
        way = Way(space_named(generator, wish.space), wish.budget, wish.seed)
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

def check_outputs(out: Path, images: Sequence[str]) -> None:
    """Refuse what could not be written, before anything is searched."""
    if out.suffix not in ("", ".png"):
        raise BadInput("unknown-output-format", f"{out} ends in {out.suffix}, expected FILE.png or a folder.")
    if not out.suffix and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput("output-exists", f"{out} is not an empty folder, and images of different runs must not mix.")
    if out.suffix and out.is_dir():
        raise BadInput("not-a-file", f"{out} is a folder, not a picture.")
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
        again = sum(Path(other).stem[:150] == stem for other in paths[: len(found)])
        found.append(f"{stem}-{again + 1}" if again else stem)
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


# Screens

def answer_of(read: Reading) -> Answer:
    return Answer(screen_of(read), json_of(read))


def screen_of(read: Reading) -> Screen:
    """PSNR and p-value of each image, what the test is worth, and what was written."""
    return [
        Grid(f"Images in {read.way.space} of {read.model}", columns_of(read), tuple(map(tuple, rows_of(read))),
             numbers=False),
        *(lines_of(read.test, read) if read.test else []),
        *([Line(f"The tuned copy changes other images by {read.tuned.drift:.1f} of 255 levels (root mean square).")]
          if read.tuned else []),
        Line(""),
        *[Line(path, whole=True) for path in read.files],
    ]


def columns_of(read: Reading) -> tuple[str, ...]:
    return ("image", *(["class"] if read.found.labels else []), "PSNR", *(["tuned"] if read.tuned else []),
            *(["p", "verdict"] if read.test else []))


def rows_of(read: Reading) -> list[list[str]]:
    found, tuned = read.found.decibels(read.targets), read.tuned
    rows = []
    for i, path in enumerate(read.paths):
        row = [Path(path).name, *([str(read.found.labels[i])] if read.found.labels else []), db(found[i])]
        row += [db(tuned.found.decibels(read.targets)[i])] if tuned else []
        rows.append(row + (verdict(float(read.p[i]), read.test) if read.p is not None and read.test else []))
    return rows


def verdict(p: float, test: RangeTest) -> list[str]:
    return [f"{p:.3f}", "outside the model's range" if p <= test.alpha else "may be the model's own"]


def lines_of(test: RangeTest, read: Reading) -> list[Line]:
    """What the verdicts are worth."""
    said = (f"p: how often one of the model's own images {as_strange(read)}, by {len(test.own)} of them "
            f"({typical(test.own, read)}). At most {100 * test.alpha:g} % of own images are called outside.")
    if test.power is None:
        return [Line(said),
                Line("Power unknown: no real images are known that the model has not seen; give --reference DATA.")]
    share, low, high = test.power
    return [Line(said), Line(
        f"Power: of {len(test.real)} real images ({test.reference}, {typical(test.real, read)}) "
        f"{100 * share:.0f} % are called outside (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"
        f"{', so that an image which is not says little' if share < HIGH else ''}.")]


def as_strange(read: Reading) -> str:
    return ("is as badly inverted with the same search" if read.found.histories else
            "has as improbable a latent, since samplers come back to nearly every image")


def typical(strangeness: np.ndarray, read: Reading) -> str:
    """The median of what the test looks at."""
    middle = float(np.median(strangeness))
    if not read.found.histories:
        return f"median square of a latent's number {middle:.2f}"
    return f"median {float(decibels(np.array(middle))):.1f} dB"


def json_of(read: Reading) -> str:
    images: list[Mapping[str, Any]] = []
    for i in range(len(read.paths)):
        label = read.found.labels[i] if read.found.labels else None
        images.append({"class": label, **{name: finite(value) for name, value in facts_of(read, i).items()}})
    facts = {"model": read.model, "digest": read.digest, "space": read.way.space, "search": asdict(read.way.budget),
             "seed": read.way.seed, "files": list(read.files),
             "drift": read.tuned.drift if read.tuned else None, "range_test": json_of_test(read.test)}
    return json.dumps({"inversion": facts, "images": images}, indent=1, allow_nan=False)


def json_of_test(test: RangeTest | None) -> dict[str, Any] | None:
    if test is None:
        return None
    share, low, high = test.power or (None, None, None)
    return {"alpha": test.alpha, "own": len(test.own), "real": len(test.real), "reference": test.reference,
            "power": share, "power_low": low, "power_high": high,
            "own_strangeness": [*map(float, test.own)], "real_strangeness": [*map(float, test.real)]}
