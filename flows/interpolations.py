"""What `ganbench interpolate` prints, and what is logged of a film."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.films import JUDGE, Film, Smoothness
from ganbench.gan.naming import short_metric
from ganbench.gan.numbers import decimals, english


def answer_of(film: Film) -> Answer:
    return Answer(screen_of(film), json_of(film), (str(film.out),))


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
        film.photos, film.decibels, strict=True))


def numbers_of(film: Film) -> dict[str, float]:
    """For MLflow; PSNR by the place of a photo on the path, from 1 on."""
    numbers = {f"largest_over_median.{kind}{end}": ratio for kind, pair in film.evenness.items()
               for end, ratio in zip(("", ".retimed"), pair, strict=True)}
    numbers |= {f"psnr.{k}": value for k, value in enumerate(film.decibels, 1)}
    if film.smoothness:
        name = short_metric(film.smoothness.metric, film.pacer)
        numbers |= {name: film.smoothness.found.value, f"{name}.se": film.smoothness.found.se}
    return numbers


def json_of(film: Film) -> str:
    paths = [{"path": kind, **{name: ratio if math.isfinite(ratio) else None for name, ratio in zip(
        ("equal_steps", "retimed"), pair, strict=True)}} for kind, pair in film.evenness.items()]
    facts = {"model": film.model, "space": film.space, "classes": list(film.classes), "frames": film.route.frames,
             "path": film.kind, "retimed": not film.route.own_pace, "paced_by": film.pacer, "judged_by": JUDGE,
             "out": film.out, "photos": [{"image": path, "psnr": value if math.isfinite(value) else None}
                                         for path, value in zip(film.photos, film.decibels, strict=True)]}
    smooth = film.smoothness and {"metric": film.smoothness.metric, **asdict(film.smoothness.found),
                                  "paths": film.smoothness.paths}
    return json.dumps({"interpolation": facts, "paths": paths, "smoothness": smooth}, indent=1, allow_nan=False)
