"""Films through images of a model: from what a user names to a file and how even and smooth it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.animations import check_animation, write_animation
from ganbench.gan.evaluate import walk_one
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators.base import Generator
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.interpolation import (
    Keys,
    dense_images,
    keys_of,
    keys_of_photos,
    kinds_for,
    latent_model,
    numbers_in,
    places_in,
    render,
    walk,
)
from ganbench.gan.jobs import asked_model
from ganbench.gan.latent.paths import LatentPath
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.identity import identity
from ganbench.gan.needs.paths import SPACES
from ganbench.gan.parts import Part
from ganbench.gan.photos import photos
from ganbench.gan.question import Opening, Question, Route, protocol_of
from ganbench.gan.range_test import shape_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.scoring import score_name
from ganbench.gan.stepping import rounds
from ganbench.gan.store import rows_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Estimate, ModelSpec, Workspace
from ganbench.gan.watching import Show, hundredths

JUDGE = "pixels"        # has no weights, and takes images of every size
MOST = 10_000           # frames
MEMORY = 8e9            # bytes
PATHS = 200             # for the smoothness of the space, but no more than twice the frames
SHOWN, SIDE = 16, 128   # frames that stand for a film in a picture, and their least size in pixels


@dataclass(frozen=True)
class Smoothness:
    """The perceptual path length of a model in the space of its film, by the name of the score."""

    metric: str
    found: Estimate
    paths: int


@dataclass(frozen=True, eq=False)
class Film:
    """What was written, and how even each kind of path is: at equal steps, and re-timed."""

    model: str
    digest: str                     # of the model
    route: Route
    space: str
    classes: tuple[int, ...]
    pacer: str
    evenness: Mapping[str, tuple[float, float]]     # the kind that was drawn comes first
    out: str
    smoothness: Smoothness | None = None            # None: of other spaces than that of the draws and W, and of 8 bits
    photos: tuple[str, ...] = ()                    # image files that it passes through
    decibels: tuple[float, ...] = ()                # PSNR of the frames that stand for them
    shown: np.ndarray | None = None                 # (at most SHOWN, C, H, W) uint8, evenly spread over the film

    @property
    def kind(self) -> str:
        return next(iter(self.evenness))


def film(show: Show, model: str, route: Route, out: Path, opening: Opening, workspace: Workspace) -> Film:
    """Draw the path and those that it is compared with, and write the film."""
    pictures = photos_in(route.photos)
    check_route(route, len(pictures) or len(places_in(route.seeds)))
    check_animation(out, route.fps)
    spec = asked_model(model, opening, workspace)
    if spec.factory:
        check_output(spec, 0 if pictures else places_in(route.seeds)[0].seed, workspace)
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
    return Film(spec.name, identity(spec), route, keys.space, keys.labels, lead,
                {kind: evenness[kind] for kind in kinds}, str(out), smoothness, pictures, decibels,
                some_of(found.frames))


def check_route(route: Route, keys: int) -> None:
    """`keys`: how many images the path passes through."""
    if not keys <= route.frames <= MOST:
        raise BadInput("unfit-value",
                       f"The value of --frames is {route.frames:,}, expected a number from {keys}, for the key "
                       f"images, to {MOST:,}.")


def some_of(frames: np.ndarray) -> np.ndarray:
    """The first, the last, and others between them."""
    return frames[np.linspace(0, len(frames) - 1, min(SHOWN, len(frames))).round().astype(int)]


def write_strip(found: Film, path: Path) -> None:
    """The frames that stand for a film, as PNG; small ones enlarged by whole pixels."""
    assert found.shown is not None
    factor = max(1, SIDE // max(found.shown.shape[2:]))
    write_contact_sheet(path, found.shown.repeat(factor, axis=2).repeat(factor, axis=3), SHOWN // 2)


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
    if not photos_in(route.photos):
        return keys_of(generator, places_in(route.seeds), route.space, classes, workspace.device, spec.name), ()
    latent_model(generator, spec.name)
    pixels = photos(photos_in(route.photos), shape_of(spec, workspace), route.fit)
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


def check_memory(image: np.ndarray, frames: int) -> None:
    """Films of both paces are held in memory."""
    needed = 2 * frames * image.nbytes
    if needed > MEMORY:
        raise BadInput("too-large",
                       f"{frames:,} frames of {image.shape[3]}x{image.shape[2]} pixels need {needed / 1e9:.0f} GB of "
                       f"memory, expected at most {MEMORY / 1e9:.0f}: give fewer --frames.")
