"""What `ganbench specialise` prints and writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import SPACE
from ganbench.gan.files import atomic_write
from ganbench.gan.gallery import write_gallery
from ganbench.gan.numbers import DASH, decimals, english
from ganbench.gan.question import Training
from ganbench.gan.recipes.transfer import WITH_CRITIC
from ganbench.gan.specialise.nearness import Nearness
from ganbench.gan.specialise.specialists import (
    BASE,
    LEVEL,
    REAL,
    SHOWN,
    SOURCE,
    UNSEEN,
    Row,
    Specialist,
    against_base,
    memorises,
)
from ganbench.gan.types import Estimate, digest_of
from ganbench.gan.uncertainty import interval
from ganbench.gan.words import p_of
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from ganbench.tasks.tracking.specialisations import Record

TABLE, PICTURE = "specialised.json", "specialised.png"
HEADS = ("", "steps", "KID, held out", "95 % interval", "copies", "near", "variety", "source kept")
FIELDS = ("kid", "copies", "nearer", "diversity", "kept")


@dataclass(frozen=True)
class Specialised:
    """The result of a specialisation."""

    model: str
    target: str
    folder: Path
    near: Nearness
    rows: tuple[Specialist, ...]                            # source, real images, then the strategies
    steps: dict[str, int]
    n: int

    @property
    def strategies(self) -> list[Specialist]:
        return [row for row in self.rows if row.name not in (SOURCE, REAL)]


def place_of(out: str, model: str, training: Training, cluster: int) -> Path:
    if out:
        return Path(out)
    what = training.classes or (f"cluster-{cluster}" if cluster else Path(training.data).stem)
    words = "-".join([Path(model.removeprefix("zoo:")).stem, what])
    return settings().root / "specialised" / "".join(c if c.isalnum() or c in "-_." else "-" for c in words)


# Sentences

def distance_sentence(near: Nearness) -> str:
    """Where the target lies, and what follows for the strategies."""
    if near.near is None:
        return (f"Fréchet distance to the images of the source: {english(near.target, 1)} for {near.n} images of the "
                "target. The source draws too few kinds of images to say whether that is near.")
    low, high = min(near.clusters), max(near.clusters)
    where = (f"Fréchet distance to the images of the source: {english(near.target, 1)} for the target, "
             f"{english(low, 1)} to {english(high, 1)} for clusters of the source's own images ({near.n} images each).")
    if near.near:
        return f"{where} The target is near."
    return (f"{where} The target is far: there {' and '.join(WITH_CRITIC)} are reported to be no better than {BASE} "
            "(arXiv:2210.16559).")


def verdicts(found: Specialised) -> list[str]:
    """Which strategy is better than fine-tuning, and which copies."""
    better = []
    for name, (gap, p) in against_base(found.strategies).items():
        if p < LEVEL:
            what = "better" if gap.value < 0 else "worse"
            better.append(f"{name} is significantly {what} than {BASE} (KID {english(gap.value, 4)}, {p_of(p, 'en')}).")
    others = [row.name for row in found.strategies if row.name != BASE]
    none = f"None of {', '.join(others)} differs significantly from {BASE} in KID."
    unseen = [f"Whether images are copies is not known: fewer than {UNSEEN} images are held out."] * any(
        row.copies is None for row in found.strategies)
    return [*(better or [none]), *unseen,
            *(copied(row) for row in found.strategies if memorises(row, len(found.strategies)))]


def copied(row: Specialist) -> str:
    near, p = row.nearer or Estimate(0.0, 0.0), 1.0 if row.excess is None else row.excess
    return (f"{row.name} memorises: {100 * near.value:.0f} % of its images are nearer to a training image than 95 % of "
            f"the held-out images are ({p_of(p, 'en')}); see {PICTURE}.")


# On the screen

def specialised_screen(found: Specialised, tracked: str) -> Screen:
    heading = f"{found.model} specialised to {found.target}: {found.n:,} images of each"
    rows = tuple(row_of(row, found.steps.get(row.name)) for row in found.rows)
    best = min((row for row in found.strategies if row.kid), key=lambda row: row.kid.value if row.kid else 0.0)
    return [
        Line("", heading, "bold", indent=0), Line(distance_sentence(found.near)), Grid("", HEADS, rows),
        Line("KID: lower is better. Copies: listed as copies of training images; near: nearer to one than 95 % of the "
             "held-out images are. Variety: cosine distance inside clusters around training images. Source kept: "
             "coverage of the source's images; what is missing was forgotten."),
        *map(Line, verdicts(found)), SPACE,
        Line(f"Picture: {found.folder / PICTURE}", indent=0, whole=True),
        Line(f"Best: {found.folder / best.name / 'best.toml'}", indent=0, whole=True), Line(tracked, indent=0),
    ]


def row_of(row: Specialist, steps: int | None) -> tuple[str, ...]:
    ends = interval(row.kid) if row.kid else None
    digits = decimals(row.kid.se) if row.kid else 0
    value = (english(row.kid.value, digits), f"{english(ends[0], digits)} to {english(ends[1], digits)}") if (
        row.kid and ends) else (DASH, DASH)
    return (row.name, DASH if steps is None else f"{steps:,}", *value, percent(row.copies), percent(row.nearer),
            DASH if row.diversity is None else english(row.diversity.value, 3), percent(row.kept))


def percent(share: Estimate | None) -> str:
    return DASH if share is None else f"{100 * share.value:.0f} %"


# Files

def specialised_json(found: Specialised) -> str:
    """Everything with full precision."""
    gaps = {name: {"kid": gap.value, "se": gap.se, "p_holm": p}
            for name, (gap, p) in against_base(found.strategies).items()}
    facts: dict[str, Any] = {
        "model": found.model, "target": found.target, "n": found.n, "steps": found.steps,
        "distance": {**asdict(found.near), "near": found.near.near}, "rows": [asdict(row) for row in found.rows],
        f"against_{BASE}": gaps,
        "memorises": [row.name for row in found.strategies if memorises(row, len(found.strategies))],
    }
    return json.dumps(facts, indent=1)


def write_outputs(found: Specialised, pictures: Sequence[Row]) -> None:
    text = specialised_json(found)
    atomic_write(found.folder / TABLE, lambda path: path.write_text(text, "utf-8"))
    rows = [(row.images, row.caption) for row in pictures]
    write_gallery(found.folder / PICTURE, f"{Path(found.model).name} to {Path(found.target).name}", ("",) * SHOWN, rows,
                  across=1)


def record_of(found: Specialised) -> Record:
    from ganbench.tasks.tracking.specialisations import Record

    metrics = {f"{name}.{row.name.replace(' ', '_')}{end}": number for row in found.rows for name in FIELDS
               if (value := getattr(row, name)) is not None for end, number in (("", value.value), (".se", value.se))}
    metrics["distance"] = found.near.target
    params = {"model": found.model, "target": found.target, "n": str(found.n)}
    return Record(digest_of([*params.values(), metrics]), f"specialise {Path(found.model).stem}", params, metrics,
                  "\n\n".join([distance_sentence(found.near), *verdicts(found)]),
                  [found.folder / TABLE, found.folder / PICTURE])
