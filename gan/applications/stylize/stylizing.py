"""Style transfer by a model that a user names: checks, latents, the method, numbers, and the files."""

from __future__ import annotations

import json
import math
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ganbench.gan.applications.stylize.measuring import Judgement, classes, left_elsewhere, measured
from ganbench.gan.applications.stylize.methods import LEARN, METHODS, STEER, Adapted, Scene, method_for
from ganbench.gan.applications.stylize.networks import Eyes, chosen, eyes_of, together, vgg_eyes
from ganbench.gan.applications.stylize.pictures import Picture, picture_of
from ganbench.gan.applications.stylize.ramp import Descent
from ganbench.gan.applications.stylize.regions import REGIONS, guide_of
from ganbench.gan.applications.stylize.statistics import STATISTICS
from ganbench.gan.checkpoints import load_into
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import atomic_write, cannot_write
from ganbench.gan.gallery import write_gallery
from ganbench.gan.generators.base import Generator
from ganbench.gan.images import png_bytes
from ganbench.gan.interpolation import numbers_in
from ganbench.gan.inversion import Way, first_space
from ganbench.gan.jobs import asked_model
from ganbench.gan.latent_files import finite
from ganbench.gan.models.identity import identity
from ganbench.gan.photos import FITS
from ganbench.gan.question import Opening, Styling
from ganbench.gan.range_test import shape_of
from ganbench.gan.recipes.recipe import CRITICS
from ganbench.gan.recipes.transfer import file_of, is_training, learnt_by
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.training.loop import read_state
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Workspace
from ganbench.gan.watching import Show

MOST = 50                   # strengths
FASHION, SHIPPED = "fashion-mnist", "judge"
STRIP, NUMBERS = "strip.png", "numbers.json"        # in a folder


@dataclass(frozen=True)
class Elsewhere:
    """What a copy makes of other latents than the content's: root mean square change of images in levels of 255, and
    which share of their distance from the style is left."""

    drift: float
    left: float


@dataclass(frozen=True, eq=False)
class Stylized:
    """What was asked, drawn and measured."""

    model: str
    digest: str                         # of the model
    styling: Styling
    method: str
    how: str
    content: Picture
    style: Picture
    images: np.ndarray                  # (n, C, H, W) uint8, by strength; the first one is of strength 0
    found: Judgement
    optimiser: str                      # the network that optimised; '': none
    judge: str                          # the network that judges style and content
    classifier: str                     # '': none
    region: str                         # where style was looked at; one of REGIONS
    elsewhere: Elsewhere | None = None
    files: tuple[str, ...] = ()


def stylize(
    show: Show, model: str, out: Path | None, styling: Styling, opening: Opening, workspace: Workspace
) -> Stylized:
    """Check everything, draw the images of all strengths, measure them, and write them."""
    strengths = strengths_in(styling.strength)
    check_choices(styling)
    check_out(out)
    spec = asked_model(file_of(model), opening, workspace)
    with single_threaded():
        generator = generator_of(spec, workspace)
        method = method_for(styling.method, generator, spec, styling.learn)
        if spec.factory:
            check_output(spec, styling.seed, workspace)
        shape = shape_of(spec, workspace)
        first, second, vgg = networks(model, spec, generator, styling, shape, workspace)
        classifier = classifier_of(model, styling, shape, workspace)
        scene = scene_of(generator, spec, styling, shape, first, classifier, workspace)
        same = np.array_equal(scene.content.pixels, scene.style.pixels)         # then there is nothing to take over
        drawn = METHODS[method].draw(scene, [0.0] * len(strengths) if same else strengths, show)
        found = measured(drawn.images, strengths, scene.content.pixels, scene.style.pixels, second,
                         first if drawn.optimised else None, vgg, classifier, styling.statistics, workspace.device,
                         scene.guide)
        there = elsewhere_of(drawn.adapted, scene, second)
    made = Stylized(spec.name, identity(spec), styling, method, drawn.how, scene.content, scene.style, drawn.images,
                    found, drawn.optimised, second.name, classifier.name if classifier else "",
                    REGIONS[0] if scene.guide else REGIONS[1], there)
    return written(made, out) if out else made


# What is asked

def strengths_in(text: str) -> list[float]:
    """`0,0.5,1` in their order, and 0 before them.  BadInput: no numbers from 0 to 1, or too many."""
    found = {0.0}
    for word in text.split(","):
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            raise BadInput("unfit-value",
                           f"The value of --strength has {word.strip()!r}, expected numbers from 0 to 1, "
                           "comma-separated.")
        found.add(number)
    if len(found) > MOST:
        raise BadInput("unfit-value", f"The option --strength has {len(found)} numbers, expected at most {MOST}.")
    return sorted(found)


def check_choices(styling: Styling) -> None:
    for name, known in {"statistics": tuple(STATISTICS), "learn": LEARN, "steer": STEER, "fit": FITS,
                        "region": REGIONS}.items():
        value = getattr(styling, name)
        if value not in known:
            raise BadInput("unknown-choice", f"The value of --{name} is {value!r}, expected {' or '.join(known)}.")


def scene_of(
    generator: Any, spec: CompleteSpec, styling: Styling, shape: tuple[int, int, int], eyes: Eyes,
    classifier: Extractor | None, workspace: Workspace,
) -> Scene:
    """The images with their classes, and how they are worked on."""
    told = classes_in(styling.classes, generator.n_classes, spec.name)
    pictures = []
    for option, label in zip(("content", "style"), told, strict=True):
        picture = picture_of(getattr(styling, option), option, generator, spec, shape, styling.fit, workspace.device)
        pictures.append(with_label(picture, label, generator, classifier))
    way = Way(first_space(generator), seed=styling.seed)
    content, style = pictures
    return Scene(generator, spec, content, style, eyes, Descent(styling.steps, styling.keep, styling.statistics), way,
                 styling.layers, styling.learn, styling.steer, workspace.device,
                 guide_of(content.pixels, style.pixels, styling.region, workspace.device))


def with_label(picture: Picture, label: int | None, generator: Generator, classifier: Extractor | None) -> Picture:
    """A file's class is the one that is told, or the classifier's, if it has the model's classes."""
    if picture.place or not generator.n_classes:
        return picture
    if label is None and classifier and classifier.outputs.get("logits") == generator.n_classes:
        found = classes(picture.pixels[None], classifier)
        label = None if found is None else int(found[0])
    return replace(picture, label=label)


def classes_in(text: str, n_classes: int, name: str) -> tuple[int | None, int | None]:
    """`3,8` of content and style, or `3` of both."""
    found = numbers_in(text)
    if not found:
        return None, None
    if not n_classes:
        raise BadInput("missing-labels", f"{name} has no classes: leave --classes out.")
    if len(found) > 2 or max(found) >= n_classes:
        raise BadInput("unfit-value",
                       f"The value of --classes is {text!r}, expected the classes of content and style, from 0 to "
                       f"{n_classes - 1}, or one for both.")
    return found[0], found[-1]


# Networks

def networks(
    model: str, spec: CompleteSpec, generator: Generator, styling: Styling, shape: tuple[int, int, int],
    workspace: Workspace,
) -> tuple[Eyes, Eyes, Eyes | None]:
    """The one that optimises, the one that judges, and VGG if its weights are given."""
    critic = critic_of(model, spec)
    names, judge = chosen(styling.network, shape, critic)
    *first, second = (eyes_of(name, shape, workspace, critic, generator.n_classes) for name in (*names, judge))
    return together(first), second, vgg_eyes(Path(styling.vgg), workspace.device) if styling.vgg else None


def critic_of(model: str, spec: CompleteSpec) -> nn.Module | None:
    """The discriminator of the folder of a training; None of other models."""
    place = Path(model)
    if spec.family not in CRITICS or not is_training(place):
        return None
    parts, make = read_state(place / "state.pt"), CRITICS[spec.family]
    if "discriminator" not in parts:
        return None
    network = make(**{name: value for name, value in spec.arguments.items() if name in signature(make).parameters})
    load_into(network, parts["discriminator"], str(place / "state.pt"))
    return network


def classifier_of(
    model: str, styling: Styling, shape: tuple[int, int, int], workspace: Workspace
) -> Extractor | None:
    """The user's, or of models of Fashion-MNIST the judge."""
    if styling.judge:
        return extractor_of(styling.judge, workspace)
    fits = shape == (1, 32, 32) and learnt_by(model).startswith(FASHION)
    return extractor_of(SHIPPED, workspace) if fits else None


def elsewhere_of(adapted: Adapted | None, scene: Scene, judge: Eyes) -> Elsewhere | None:
    if adapted is None:
        return None
    left = left_elsewhere(adapted.before, adapted.after, scene.style.pixels, judge, scene.descent.kind, scene.device)
    return Elsewhere(adapted.drift, left)


# Files

def check_out(out: Path | None) -> None:
    """Before the work: FILE.png, or a folder that is new or empty."""
    if out is None:
        return
    if out.suffix not in ("", ".png"):
        raise BadInput("unknown-output-format", f"{out} ends in {out.suffix}, expected FILE.png or a folder.")
    if out.suffix and out.is_dir():
        raise BadInput("not-a-file", f"{out} is a folder, not a picture.")
    if not out.suffix and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput("output-exists", f"{out} is not an empty folder, and images of different runs must not mix.")


def written(made: Stylized, out: Path) -> Stylized:
    """FILE.png and FILE.json; or a folder of the strip, the single images and the numbers, all at once."""
    if out.suffix:
        made = replace(made, files=(str(out), str(out.with_suffix(".json"))))
        write_strip(made, out)
        write_numbers(made, out.with_suffix(".json"))
        return made
    names = [STRIP, *(f"{name}.png" for name, _ in singles(made)), NUMBERS]
    made = replace(made, files=tuple(str(out / name) for name in names))
    partial = out.with_name(f".{out.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        partial.mkdir(parents=True)
        for name, image in singles(made):
            (partial / f"{name}.png").write_bytes(png_bytes(image))
        write_strip(made, partial / STRIP)
        write_numbers(made, partial / NUMBERS)
        os.replace(partial, out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made


def singles(made: Stylized) -> list[tuple[str, np.ndarray]]:
    """Names and CHW uint8 images; names sort by strength."""
    named = [(f"strength-{step.strength:.3f}", image)
             for step, image in zip(made.found.steps, made.images, strict=True)]
    return [("content", made.content.pixels), *named, ("style", made.style.pixels)]


def write_strip(made: Stylized, path: Path) -> None:
    """Content, strengths, style, in a row."""
    heads = ["content", *(f"{step.strength:g}" for step in made.found.steps), "style"]
    caption = "\n".join([made.method, f"style: {made.found.left:.2f} left", f"of {made.found.steps[0].style:.2f}",
                         *([f"class {'kept' if made.found.kept else 'lost'}"] if made.found.kept is not None else [])])
    title = f"{made.model}: {made.content.name[:24]} in the style of {made.style.name[:24]}"
    write_gallery(path, title, heads, [([image for _, image in singles(made)], caption)], across=1)


def write_numbers(made: Stylized, path: Path) -> None:
    text = json.dumps(facts_of(made), indent=1, allow_nan=False)
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))


def facts_of(made: Stylized) -> Mapping[str, Any]:
    """As JSON has them: no infinity."""
    rows = [{name: finite(value) for name, value in asdict(step).items()} for step in made.found.steps]
    found = made.found
    return {
        "stylization": {
            "model": made.model, "digest": made.digest, "method": made.method, "how": made.how,
            "content": made.styling.content, "style": made.styling.style, "statistics": made.styling.statistics,
            "optimised_by": made.optimiser, "judged_by": made.judge, "classes_by": made.classifier,
            "region": made.region,
            "classes": [made.content.label, made.style.label], "seed": made.styling.seed, "files": list(made.files),
        },
        "strengths": rows,
        "verdict": {"style_left": finite(found.left), "style_left_whole": finite(found.left_whole),
                    "monotone": found.monotone, "class_kept": found.kept, "class": found.label,
                    "unchanged": found.unchanged},
        "elsewhere": made.elsewhere and {name: finite(value) for name, value in asdict(made.elsewhere).items()},
    }

