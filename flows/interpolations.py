"""What `ganbench interpolate` draws, prints and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.animations import check_animation, write_animation
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators.base import Generator
from ganbench.gan.interpolation import (
    Keys,
    dense_images,
    keys_of,
    keys_of_photos,
    kinds_for,
    latent_model,
    places_in,
    render,
    walk,
)
from ganbench.gan.jobs import asked_model
from ganbench.gan.latent.paths import LatentPath
from ganbench.gan.photos import photos
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.range_test import shape_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Workspace
from ganbench.tasks.settings import workspace_of

Show = Callable[..., None]
JUDGE = "pixels"        # has no weights, and takes images of every size
MOST = 10_000           # frames
MEMORY = 8e9            # bytes


@dataclass(frozen=True)
class Route:
    """The options that say which path is walked, and at which pace."""

    seeds: str
    path: str
    space: str
    classes: str
    frames: int
    loop: bool
    own_pace: bool
    fps: float
    photos: tuple[str, ...] = ()        # image files to pass through, instead of images of seeds
    fit: str = "squeeze"

    @property
    def keys(self) -> int:
        """How many images the path passes through."""
        return len(self.photos) or len(places_in(self.seeds))


@dataclass(frozen=True)
class Film:
    """What was written, and how even each kind of path is: at equal steps, and re-timed."""

    model: str
    route: Route
    space: str
    classes: tuple[int, ...]
    pacer: str
    evenness: Mapping[str, tuple[float, float]]     # the kind that was drawn comes first
    out: str
    decibels: tuple[float, ...] = ()                # PSNR of the frames that stand for photos

    @property
    def kind(self) -> str:
        return next(iter(self.evenness))


def interpolate(show: Show, model: str, route: Route, out: Path, opening: Opening) -> Film:
    """Draw the path and those that it is compared with, and write the film."""
    if not route.keys <= route.frames <= MOST:
        raise BadInput("unfit-value",
                       f"The value of --frames is {route.frames:,}, expected a number from {route.keys}, for the key "
                       f"images, to {MOST:,}.")
    check_animation(out, route.fps)
    workspace = workspace_of(opening.trust_pickle)
    spec = asked_model(model, opening, workspace)
    if spec.factory:
        check_output(spec, 0 if route.photos else places_in(route.seeds)[0].seed, workspace)
    lead = protocol_of(Question(reference="images")).extractors[0]
    with single_threaded():
        generator = generator_of(spec, workspace)
        keys, found_db = keys_for(show, generator, spec, route, workspace)
        kinds = kinds_for(latent_model(generator, spec.name).spaces[keys.space], route.path, route.loop)
        pacer, judge = (extractor_of(name, workspace) for name in (lead, JUDGE))
        check_memory(next(render(generator, spec, keys, LatentPath(keys.latents, kinds[0]), np.zeros(1))), route.frames)
        show("images", 0, len(kinds) * (dense_images(route.frames, route.loop) + route.frames))
        evenness = {}
        for kind in reversed(kinds):                        # last the one that is written
            found = walk(generator, spec, keys, kind, route.frames, route.loop, pacer, judge, not route.own_pace,
                         workspace.device, lambda n: show("images", n))
            evenness[kind] = found.own, found.timed
    write_animation(out, found.frames, route.fps)
    return Film(spec.name, route, keys.space, keys.labels, lead, {kind: evenness[kind] for kind in kinds}, str(out),
                found_db)


def keys_for(
    show: Show, generator: Generator, spec: CompleteSpec, route: Route, workspace: Workspace
) -> tuple[Keys, tuple[float, ...]]:
    """The latents that the path passes through; of photos also the PSNR in dB with which they are met."""
    classes = numbers_in(route.classes)
    if not route.photos:
        return keys_of(generator, places_in(route.seeds), route.space, classes, workspace.device, spec.name), ()
    latent_model(generator, spec.name)
    pixels = photos(route.photos, shape_of(spec, workspace), route.fit)
    show("inversion", 0, 100)
    keys, found = keys_of_photos(generator, spec, pixels, route.space, classes, device=workspace.device,
                                 watch=hundredths(show, "inversion"))
    return keys, tuple(map(float, found))


def photos_in(text: str) -> tuple[str, ...]:
    """`A.png,B.jpg`: paths of at least two image files."""
    found = tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()
    if len(found) == 1:
        raise BadInput("too-few-keys", f"A path needs at least 2 key images, --photos {text} names 1.")
    return found


def hundredths(show: Show, stage: str) -> Callable[..., None]:
    """A `Watch` that shows a bar of 100."""
    shown = 0

    def watch(done: int, steps: int, *rest: float) -> None:
        nonlocal shown
        now = 100 * done // steps
        show(stage, max(0, now - shown))
        shown = max(shown, now)

    return watch


def check_memory(image: np.ndarray, frames: int) -> None:
    """Films of both paces are held in memory."""
    needed = 2 * frames * image.nbytes
    if needed > MEMORY:
        raise BadInput("too-large",
                       f"{frames:,} frames of {image.shape[3]}x{image.shape[2]} pixels need {needed / 1e9:.0f} GB of "
                       f"memory, expected at most {MEMORY / 1e9:.0f}: give fewer --frames.")


def numbers_in(text: str) -> list[int]:
    """`7` or `3,8,8`: class numbers."""
    words = [word.strip() for word in text.split(",")] if text else []
    wrong = next((word for word in words if not word.isdecimal()), None)
    if wrong is not None:
        raise BadInput("unfit-value", f"The value of --classes has {wrong!r}, expected class numbers from 0 on.")
    return [int(word) for word in words]


def answer_of(film: Film) -> Answer:
    return Answer(screen_of(film), json_of(film))


def screen_of(film: Film) -> Screen:
    """The evenness of every path, and what was written."""
    rows = tuple((kind, *(f"{ratio:.2f}" if math.isfinite(ratio) else DASH for ratio in pair))
                 for kind, pair in film.evenness.items())
    route, column = film.route, int(not film.route.own_pace)
    least = min(film.evenness, key=lambda kind: film.evenness[kind][column])
    what = f"{route.frames:,} frames, {route.frames / route.fps:.1f} s, {film.kind} in {film.space}"
    better = "" if least == film.kind else f" Here {least} is the most even; --path {least} draws it."
    return [
        Grid(f"Paths of {film.model} in {film.space}", ("path", "equal steps", "re-timed"), rows),
        Line(f"Largest change between two frames over the median change, in {JUDGE}: 1 is even. Frames are re-timed by "
             f"distances of {film.pacer}.{better}"),
        Line(""),
        *([Line(f"Photos were inverted, PSNR {said(film)}: the film passes through the model's nearest images.")]
          if film.decibels else []),
        Line(f"{what}{', at equal steps' if route.own_pace else ', re-timed'}:"),
        Line(film.out, whole=True),
    ]


def said(film: Film) -> str:
    """`A.png 31.2 dB, B.jpg 22.1 dB`."""
    return ", ".join(f"{Path(path).name} {value:.1f} dB" for path, value in zip(
        film.route.photos, film.decibels, strict=True))


def json_of(film: Film) -> str:
    paths = [{"path": kind, **{name: ratio if math.isfinite(ratio) else None for name, ratio in zip(
        ("equal_steps", "retimed"), pair, strict=True)}} for kind, pair in film.evenness.items()]
    facts = {"model": film.model, "space": film.space, "classes": list(film.classes), "frames": film.route.frames,
             "path": film.kind, "retimed": not film.route.own_pace, "paced_by": film.pacer, "judged_by": JUDGE,
             "out": film.out, "photos": [{"image": path, "psnr": value if math.isfinite(value) else None}
                                         for path, value in zip(film.route.photos, film.decibels, strict=True)]}
    return json.dumps({"interpolation": facts, "paths": paths}, indent=1, allow_nan=False)
