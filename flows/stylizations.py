"""What `ganbench stylize` prints, and what is logged of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.applications.stylize.measuring import HALVED, Step
from ganbench.gan.applications.stylize.stylizing import STRIP, Stylized, facts_of
from ganbench.gan.inverting import db
from ganbench.gan.latent_files import finite


def answer_of(made: Stylized) -> Answer:
    return Answer(screen_of(made), json.dumps(facts_of(made), indent=1, allow_nan=False), (strip_of(made),))


def screen_of(made: Stylized) -> Screen:
    """The numbers of every strength, what they mean, and what was written."""
    return [
        Grid(f"{made.content.name} in the style of {made.style.name}: {made.method} by {made.model}", heads_of(made),
             tuple(tuple(row_of(made, step)) for step in made.found.steps)),
        *map(Line, sentences_of(made)),
        *([Line("")] if made.files else []),
        *[Line(path, whole=True) for path in shown(made)],
    ]


def heads_of(made: Stylized) -> tuple[str, ...]:
    return ("strength", f"style by {made.judge}", "of that at 0",
            *([f"style by {made.optimiser}"] if made.optimiser else []),
            *(["style by VGG"] if made.styling.vgg else []), "content moved", "PSNR",
            *(["class"] if made.classifier else []), "")


def row_of(made: Stylized, step: Step) -> list[str]:
    first = made.found.steps[0].style
    numbers = [f"{step.style:.3f}", f"{100 * step.style / first:.0f} %" if first > 0 else DASH]
    others = [f"{value:.3f}" for value in (step.optimised, step.vgg) if value is not None]
    label = [DASH if step.label is None else str(step.label)] if made.classifier else []
    same = "unchanged" if step.unchanged and step.strength > 0 else ""
    return [f"{step.strength:g}", *numbers, *others, f"{step.content:.2f}", db(step.decibels), *label, same]


def sentences_of(made: Stylized) -> list[str]:
    """How it was made, what the columns are, and what they amount to."""
    found = made.found
    return [
        f"{made.how[:1].upper()}{made.how[1:]}. Strength 0 is the content as the model makes it, {reached(made)} from "
        "the image that was given.",
        f"Style: distance of the {kinds(made)} of feature maps from those of the style, relative to these, "
        f"{where(made)}, by {made.judge}{of_others(made)}; content moved: 0 if the same places stand out in "
        "its coarsest map, 1 if others.",
        *([f"Unchanged: {why_unchanged(made)}."] if found.unchanged else [verdict(made)]),
        *([f"Other images of the adapted model change by {made.elsewhere.drift:.1f} of 255 levels (root mean square), "
           f"and {said_share(made.elsewhere.left)} of their distance from the style is left."]
          if made.elsewhere else []),
    ]


def reached(made: Stylized) -> str:
    value = made.found.steps[0].decibels
    return f"{value:.1f} dB" if math.isfinite(value) else "without any difference"


def where(made: Stylized) -> str:
    """The region, and why it is not the one that was asked for."""
    if made.region == "object":
        return "on the object alone, which is what differs from the colour of the border"
    return "in the whole image" + (", since not both images have an object in front of one colour"
                                   if made.styling.region == "object" else "")


def kinds(made: Stylized) -> str:
    return "means and deviations" if made.styling.statistics == "adain" else "Gram matrices"


def of_others(made: Stylized) -> str:
    return f", while {made.optimiser} was optimised" if made.optimiser else ", and nothing was optimised"


def verdict(made: Stylized) -> str:
    found = made.found
    halved = "it is at least halved" if found.left <= HALVED else approached(found.left)
    way = "falls with every strength" if found.monotone else "does not fall with every strength"
    whole = f" ({said_share(found.left_whole)} of that of the whole images)" if made.region == "object" else ""
    left = f"{said_share(found.left)} of the distance is left at {found.steps[-1].strength:g}{whole}"
    kept = "" if found.kept is None else f"; the class is {'kept' if found.kept else 'lost'}, says {made.classifier}"
    return f"The distance of style {way}: {left}, {halved}{kept}."


def approached(left: float) -> str:
    return f"the style is approached by {100 * (1 - left):.0f} % only" if left < 1 else "the style is not approached"


def said_share(value: float) -> str:
    return f"{100 * value:.0f} %" if math.isfinite(value) else "all"


def why_unchanged(made: Stylized) -> str:
    same = made.content.pixels.tobytes() == made.style.pixels.tobytes()
    return ("content and style are the same image, so that there is nothing to take over" if same else
            "no strength above 0 was asked for" if len(made.found.steps) == 1 else
            "every image is that of strength 0; this method finds nothing to take over here")


def shown(made: Stylized) -> list[str]:
    """Of a folder the folder, else all files."""
    folders = {str(Path(path).parent) for path in made.files}
    return sorted(folders) if any(Path(path).name == STRIP for path in made.files) else list(made.files)


def strip_of(made: Stylized) -> str:
    """The picture that stands for all."""
    return made.files[0] if made.files else ""


def artifacts_of(made: Stylized) -> list[Path]:
    return [Path(path) for path in made.files]


def numbers_of(made: Stylized) -> dict[str, float]:
    """For MLflow; of each strength by its value."""
    numbers: dict[str, float] = {}
    for step in made.found.steps:
        facts = {"style": step.style, "style.whole": step.whole, "style.optimised": step.optimised,
                 "style.vgg": step.vgg, "content_moved": step.content, "psnr": finite(step.decibels),
                 "class": step.label}
        numbers |= {f"{name}.{step.strength:g}": float(value) for name, value in facts.items() if value is not None}
    numbers |= {"style_left": made.found.left, "style_left_whole": made.found.left_whole,
                "monotone": float(made.found.monotone)}
    numbers |= {"class_kept": float(made.found.kept)} if made.found.kept is not None else {}
    if made.elsewhere:
        numbers |= {"drift": made.elsewhere.drift, "style_left_elsewhere": made.elsewhere.left}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
