"""What `ganbench restore` prints, and what is logged of restored images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.applications.restore.comparing import LEAST, Paired
from ganbench.gan.applications.restore.damage import missing_in
from ganbench.gan.applications.restore.files import db, json_of
from ganbench.gan.applications.restore.methods import blends
from ganbench.gan.applications.restore.running import Restored
from ganbench.gan.applications.restore.scores import KNOWN


def answer_of(made: Restored, files: Sequence[str]) -> Answer:
    return Answer(screen_of(made, files), json_of(made), tuple(files[:1]))


def screen_of(made: Restored, files: Sequence[str]) -> Screen:
    """The means of every method, what they mean, who is better, and what was written."""
    rows = tuple(tuple(one[1] for one in facts_of(made, method)) for method in made.found)
    columns = tuple(one[0] for one in facts_of(made, next(iter(made.found))))
    n = len(made.images)
    return [
        Grid(f"{made.damage.text}: {n:,} {'image' if n == 1 else 'images'} restored with {made.model}", columns, rows,
             spare=("CPU s",)),
        *(Line(text) for text in sentences(made)), Line(""), *(Line(path, whole=True) for path in files[:2]),
        *([Line(f"and {len(files) - 2:,} restored images beside them.")] if len(files) > 2 else []),
    ]


def facts_of(made: Restored, method: str) -> list[tuple[str, str]]:
    """Column and text."""
    results = made.found[method]
    likes = [one for result in results for one in result.likenesses]
    hole = bool(likes) and likes[0].psnr_hole is not None
    facts = [("method", method)]
    if likes:
        facts += [("PSNR", db(mean([one.psnr for one in likes]))), ("SSIM", f"{mean([one.ssim for one in likes]):.3f}")]
    if hole:
        facts += [("in the hole", db(mean([one.psnr_hole or 0 for one in likes]))),
                  ("SSIM there", f"{mean([one.ssim_hole or 0 for one in likes]):.3f}")]
    fits = [one.decibels for result in results for one in result.agreements]
    ignoring = sum(one.ignores for one in results)
    said = f"{min(99.9, float(np.median(fits))):.1f} dB"
    facts.append(("what is known", f"{said}, ignored in {ignoring:,}" if ignoring else said))
    if made.distances:
        facts.append((f"distance in {made.eyes}", f"{made.distances[method]:.3f}"))
    if made.same:
        facts.append(("same class", f"{100 * made.same[method]:.0f} %"))
    if made.wish.n > 1:
        several = len(results[0].images) > 1
        facts.append(("spread", f"{mean([float(one.spread.mean()) for one in results]):.1f}" if several else DASH))
    return [*facts, ("CPU s", f"{mean([one.seconds for one in results]):.2g}")]


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def sentences(made: Restored) -> list[str]:
    damage, shape = made.damage, made.images[0].task.shape
    said = []
    if damage.kind == "inpaint":
        missing = missing_in(damage, shape)
        where = "White pixels of the mask are missing" if damage.hole == "mask" else "Missing"
        said.append(f"{where}: {int(missing.sum()):,} of {missing.size:,} pixels ({100 * missing.mean():.0f} %).")
    said.append("What is known: how near A x comes to what was measured, median over images"
                + (f"; the noise alone makes {db(-20 * float(np.log10(damage.noise)))}" if damage.noise else "")
                + f". Below {KNOWN:g} dB{', but for noise,' if damage.noise else ''} a method ignores it.")
    if "search" in made.found:
        put = "; what is known is put back afterwards" if blends(damage) else ""
        said.append(f"search looks in {made.space}{put}.")
    if made.training:
        said.append(f"nearest: of the first 10,000 images of {made.training}.")
    if made.wish.n > 1:
        said.append("Spread: standard deviation between solutions, in levels of 255, mean over pixels.")
    return [*said, *verdict(made)]


def verdict(made: Restored) -> list[str]:
    """Who is best."""
    if made.images[0].truth is None:
        return ["The whole images are not known, so that nothing is scored but what is known of them."]
    order = made.compared
    if not order:
        return [f"Methods are compared from {LEAST} images on; there are {len(made.images)}."] if len(
            made.images) < LEAST else []
    return [better(row) for row in order[:2]]


def better(row: Paired) -> str:
    said = "is better than" if row.wins else "is not clearly better than"
    return (f"{row.method} {said} {row.against} by {row.difference:.1f} dB of PSNR (95 % interval {row.low:.1f} to "
            f"{row.high:.1f}, {row.n:,} images).")



def numbers_of(made: Restored) -> dict[str, float]:
    """For MLflow: of each method its means."""
    numbers = dict[str, float]()
    for method, results in made.found.items():
        likes = [one for result in results for one in result.likenesses]
        holes = [one.psnr_hole for one in likes if one.psnr_hole is not None]
        fits = [one.decibels for result in results for one in result.agreements]
        numbers |= {f"known_psnr.{method}": float(np.median(fits)),
                    f"ignores.{method}": mean([one.ignores for one in results]),
                    f"seconds.{method}": mean([one.seconds for one in results])}
        if likes:
            numbers |= {f"psnr.{method}": mean([one.psnr for one in likes]),
                        f"ssim.{method}": mean([one.ssim for one in likes])}
        if holes:
            numbers[f"psnr_hole.{method}"] = mean(holes)
        numbers |= {f"{name}.{method}": values[method] for name, values in (
            (f"distance_{made.eyes}", made.distances), ("same_class", made.same)) if method in values}
    return numbers


def artifacts_of(files: Sequence[str]) -> list[Path]:
    """The sheet and the numbers, or the folder that all lies in."""
    return [Path(files[0]).parent] if len(files) > 2 else [*map(Path, files)]
