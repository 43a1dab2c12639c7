"""What `ganbench invert` prints, and what is logged of an inversion."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.gan.inverting import Reading, db, facts_of, stems
from ganbench.gan.latent.inversion import decibels
from ganbench.gan.latent_files import finite
from ganbench.gan.range_test import RangeTest

HIGH = 0.8              # a power with which what is not rejected says something


def answer_of(read: Reading) -> Answer:
    return Answer(screen_of(read), json_of(read), tuple(read.files[:1]))


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


def numbers_of(read: Reading) -> dict[str, float]:
    """For MLflow: of each image by the name of its file, and of all."""
    found, numbers = read.found.decibels(read.targets), dict[str, float]()
    for i, name in enumerate(stems([*map(named, read.paths)])):
        facts = facts_of(read, i)
        numbers |= {f"{fact}.{name}": facts[fact] for fact in ("psnr", "tuned_psnr", "p") if fact in facts}
    numbers["psnr"] = float(np.mean(found))
    if read.test and read.test.power:
        numbers |= dict(zip(("power", "power.low", "power.high"), read.test.power, strict=True))
    return numbers | ({"drift": read.tuned.drift} if read.tuned else {})


def named(path: str) -> str:
    """A file as MLflow takes it in the name of a metric."""
    return re.sub(r"[^\w -]", "-", Path(path).stem)


def artifacts_of(read: Reading) -> list[Path]:
    """All files, and the weights beside the model file of a tuned copy."""
    files = [Path(path) for path in read.files]
    return [*files, *(path.with_suffix(".safetensors") for path in files if path.suffix == ".toml")]


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
