"""What `ganbench specialise` prints and writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import SPACE
from ganbench.gan.files import atomic_write
from ganbench.gan.gallery import write_gallery
from ganbench.gan.numbers import DASH, decimals, english
from ganbench.gan.question import Training
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
from ganbench.gan.specialise.target import lead
from ganbench.gan.types import Estimate, digest_of
from ganbench.gan.uncertainty import interval
from ganbench.gan.words import p_of
from ganbench.tasks.settings import settings

if TYPE_CHECKING:
    from ganbench.tasks.tracking.results import Record

TABLE, PICTURE = "specialised.json", "specialised.png"
HEADS = ("", "steps", "KID, held out", "95 % interval", "copies", "close", "variety", "source kept")
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
    failed: dict[str, str] = field(default_factory=dict)    # strategies that diverged, and the reason

    @property
    def strategies(self) -> list[Specialist]:
        return [row for row in self.rows if row.name not in (SOURCE, REAL)]


def place_of(out: str, model: str, training: Training, cluster: int) -> Path:
    if out:
        return Path(out)
    what = training.classes or (f"cluster-{cluster}" if cluster else Path(training.data).stem)
    apart = digest_of([model, training.data, training.classes, cluster])[:6]
    words = "-".join([Path(model.removeprefix("zoo:")).stem, what, apart])
    return settings().root / "specialised" / "".join(c if c.isalnum() or c in "-_." else "-" for c in words)


# Sentences

def distance_sentence(near: Nearness) -> str:
    """Where the target lies, and what follows for the strategies."""
    if near.near is None:
        return (f"Fréchet distance to the images of the source: {english(near.target, 1)} for {near.n} images of the "
                "target. The source draws too few kinds of images to say whether that is near.")
    low, high = min(near.clusters), max(near.clusters)
    where = (f"Fréchet distance to the images of the source: {english(near.target, 1)} for the target, "
             f"{english(low, 1)} to {english(high, 1)} for clusters of the source's own images ({near.n} images each, "
             f"features of {lead()}).")
    if near.near:
        return f"{where} The target is near."
    return f"{where} The target is far: there ewc is reported to be no better than {BASE} (arXiv:2210.16559)."


def verdicts(found: Specialised) -> list[str]:
    """Which strategy is better than fine-tuning, and which copies."""
    better = []
    for name, (gap, p) in against_base(found.strategies).items():
        if p < LEVEL:
            what = "better" if gap.value < 0 else "worse"
            better.append(f"This run's {name} is significantly {what} than its {BASE} (KID {english(gap.value, 4)}, "
                          f"{p_of(p, 'en')}); another seed or other training images may turn it over.")
    others = [row.name for row in found.strategies if row.name != BASE]
    none = f"None of {', '.join(others)} differs significantly from {BASE} in KID."
    failed = [f"{name} is missing: {reason}" for name, reason in found.failed.items()]
    unseen = [f"Whether images are copies is not known: fewer than {UNSEEN} images are held out."] * any(
        row.copies is None for row in found.strategies)
    compared = better or [none] if any(row.name == BASE for row in found.strategies) and others else []
    return [*compared, *failed, *unseen, *(copied(row) for row in found.strategies if memorises(row))]


def copied(row: Specialist) -> str:
    if row.certain:
        return (f"{row.name} memorises: {percent(row.copies)} of its images are copies of training images; see "
                f"{PICTURE}.")
    return (f"{row.name} memorises: {percent(row.nearer)} of its images are nearer to a training image than 95 % of "
            f"the held-out images are ({p_of(row.excess or 0.0, 'en')}); see {PICTURE}.")


# On the screen

def specialised_screen(found: Specialised, tracked: str) -> Screen:
    heading = f"{found.model} specialised to {found.target}: {found.n:,} images of each"
    rows = tuple(row_of(row, found.steps.get(row.name)) for row in found.rows)
    sound = [row for row in found.strategies if not memorises(row)] or found.strategies
    best = min((row for row in sound if row.kid), key=lambda row: row.kid.value if row.kid else 0.0)
    return [
        Line("", heading, "bold", indent=0), Line(distance_sentence(found.near)), Grid("", HEADS, rows),
        Line("KID: lower is better. Copies: listed as copies of training images; close: nearer to one than 95 % of the "
             "held-out images are. Variety: cosine distance inside clusters around training images. Source kept: "
             "coverage of the source's images, of which a second draw of the source covers what stands in its row; the "
             "rest was forgotten."),
        *map(Line, verdicts(found)), SPACE,
        Line(f"Picture: {found.folder / PICTURE}", indent=0, whole=True),
        Line(f"Least KID without memorising: {found.folder / best.name / 'best.toml'}", indent=0, whole=True),
        Line(tracked, indent=0),
    ]


def row_of(row: Specialist, steps: int | None) -> tuple[str, ...]:
    ends = interval(row.kid) if row.kid else None
    digits = decimals(row.kid.se) if row.kid else 0
    value = (english(row.kid.value, digits), f"{english(ends[0], digits)} to {english(ends[1], digits)}") if (
        row.kid and ends) else (DASH, DASH)
    copies = f"< {100 * row.finest:.0f} %" if row.copies and not row.copies.value else percent(row.copies)
    return (row.name, DASH if steps is None else f"{steps:,}", *value, copies, percent(row.nearer),
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
        "memorises": [row.name for row in found.strategies if memorises(row)], "failed": found.failed,
    }
    return json.dumps(facts, indent=1)


def write_outputs(found: Specialised, pictures: Sequence[Row]) -> None:
    text = specialised_json(found)
    atomic_write(found.folder / TABLE, lambda path: path.write_text(text, "utf-8"))
    rows = [(row.images, row.caption) for row in pictures]
    write_gallery(found.folder / PICTURE, f"{Path(found.model).name} to {Path(found.target).name}", ("",) * SHOWN, rows,
                  across=1)


def record_of(found: Specialised, command: str) -> Record:
    from ganbench.tasks.tracking.results import Record

    metrics = {f"{name}.{row.name.replace(' ', '_')}{end}": number for row in found.rows for name in FIELDS
               if (value := getattr(row, name)) is not None for end, number in (("", value.value), (".se", value.se))}
    metrics["distance"] = found.near.target
    params = {"model": found.model, "target": found.target, "n": str(found.n)}
    return Record("specialisation", digest_of([*params.values(), metrics]),
                  f"specialise {Path(found.model).stem}", params, metrics,
                  "\n\n".join([distance_sentence(found.near), *verdicts(found)]),
                  [found.folder / TABLE, found.folder / PICTURE], command)
