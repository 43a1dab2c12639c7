"""What `ganbench interpolate` draws, prints and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.animations import check_animation, write_animation
from ganbench.gan.evaluate import walk_one
from ganbench.gan.features.base import Extractor
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
from ganbench.gan.metrics import METRICS
from ganbench.gan.needs.paths import SPACES
from ganbench.gan.numbers import decimals, english
from ganbench.gan.parts import Part
from ganbench.gan.photos import photos
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.range_test import shape_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.scoring import score_name
from ganbench.gan.stepping import rounds
from ganbench.gan.store import rows_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Estimate, ModelSpec, Workspace
from ganbench.tasks.settings import workspace_of

Show = Callable[..., None]
JUDGE = "pixels"        # has no weights, and takes images of every size
MOST = 10_000           # frames
MEMORY = 8e9            # bytes
PATHS = 200             # for the smoothness of the space, but no more than twice the frames


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
class Smoothness:
    """The perceptual path length of a model in the space of its film, by the name of the score."""

    metric: str
    found: Estimate
    paths: int


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
    smoothness: Smoothness | None = None            # None: of other spaces than that of the draws and W, and of 8 bits
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
        keys, decibels = keys_for(show, generator, spec, route, workspace)
        kinds = kinds_for(latent_model(generator, spec.name).spaces[keys.space], route.path, route.loop)
        pacer, judge = (extractor_of(name, workspace) for name in (lead, JUDGE))
        check_memory(next(render(generator, spec, keys, LatentPath(keys.latents, kinds[0]), np.zeros(1))), route.frames)
        show("images", 0, len(kinds) * (dense_images(route.frames, route.loop) + route.frames))
        evenness = {}
        for kind in reversed(kinds):                        # last the one that is written
            found = walk(generator, spec, keys, kind, route.frames, route.loop, pacer, judge, not route.own_pace,
                         workspace.device, lambda n: show("images", n))
            evenness[kind] = found.own, found.timed
        smoothness = smoothness_of(spec, keys.space, min(PATHS, 2 * route.frames), pacer, workspace, show)
    write_animation(out, found.frames, route.fps)
    return Film(spec.name, route, keys.space, keys.labels, lead, {kind: evenness[kind] for kind in kinds}, str(out),
                smoothness, decibels)


def smoothness_of(
    spec: ModelSpec, space: str, paths: int, extractor: Extractor, workspace: Workspace, show: Show
) -> Smoothness | None:
    """Of the first paths of seed 0, which are kept: an evaluation takes them too."""
    model = latent_model(generator_of(spec, workspace), spec.name)
    first = next(iter(model.spaces))
    metric = next((name for name, row in METRICS.items() for need in row.needs if SPACES.get(need) is not None
                   and (SPACES[need] or first) == space), "")
    if not metric or rounds(model, spec, extractor, workspace.device):
        return None
    (need,) = METRICS[metric].needs
    show("paths", 0, paths)
    walked = walk_one(Part(spec, 0, paths), 0, paths, need, extractor.name, workspace, lambda n: show("paths", n))
    found = METRICS[metric].compute(rows_of(walked)["steps"])
    return Smoothness(score_name(metric, extractor.name, extractor.weights), found, paths)


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
        *said_of(film.smoothness, film.space),
        Line(""),
        *([Line(f"Photos were inverted, PSNR {named_decibels(film)}: the film passes through the model's nearest "
                "images.")] if film.decibels else []),
        Line(f"{what}{', at equal steps' if route.own_pace else ', re-timed'}:"),
        Line(film.out, whole=True),
    ]


def said_of(smooth: Smoothness | None, space: str) -> list[Line]:
    """The path length, which is about the model and not about the film."""
    if smooth is None:
        return []
    digits = decimals(smooth.found.se)
    value, se = (english(number, digits) for number in (smooth.found.value, smooth.found.se))
    return [Line(""), Line(f"All of {space}: {smooth.metric} is {value} \N{PLUS-MINUS SIGN} {se}, of {smooth.paths:,} "
                           "small steps between random latents; lower is smoother.")]


def named_decibels(film: Film) -> str:
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
    smooth = film.smoothness and {"metric": film.smoothness.metric, **asdict(film.smoothness.found),
                                  "paths": film.smoothness.paths}
    return json.dumps({"interpolation": facts, "paths": paths, "smoothness": smooth}, indent=1, allow_nan=False)
