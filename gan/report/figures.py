"""The charts of a report: which numbers of the document stand on which axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ganbench.gan.naming import brief
from ganbench.gan.numbers import decimals, english, french, significant
from ganbench.gan.report import verdict
from ganbench.gan.report.charts import (
    BOTTOM,
    EDGE,
    LEFT,
    REAL,
    RIGHT,
    TOP,
    WIDE,
    Axis,
    Chart,
    Line,
    Mark,
    Pair,
    Part,
    Path,
    Words,
    axis,
    below,
    beside,
    cross,
    spread,
)
from ganbench.gan.report.document import Document
from ganbench.gan.report.leaderboard import Column, columns_of, label
from ganbench.gan.report.strengths import Analysed, relative_power, slice_names, slice_place
from ganbench.gan.report.texts import both
from ganbench.gan.tables import Cell, Row
from ganbench.gan.types import Estimate
from ganbench.gan.words import slice_name

TALL = 280                      # of charts with two axes
HEIGHT = 28                     # of a row with its name beside the marker
STEP = 25                       # of a row with its name on the left
LANE = 11                       # of a model within a class
NAMES = 84                      # width of the names of classes
BEYOND = 1.25                   # most of the profile's axis: further right is drawn here
PER_CLASS = ("precision", "recall", "coverage", "share", "kid")     # of slices, the one shown first at the front
SHORT, LONG = 14, 22            # letters of a name that fit beside a point, and beside one in a row of its own
MOST = 30                       # classes of a chart
SIDE = 340                      # height of the map


@dataclass(frozen=True)
class Sample:
    """A number with its 95 % interval, and where the document has it."""

    name: str
    model: int
    value: float
    low: float
    high: float
    at: str
    said: Pair


def sampled(name: str, model: int, value: float, se: float, at: str, unit: Pair = ("", "")) -> Sample:
    digits = decimals(se) if se > 0 else significant(value, 3)
    said = (f"{name}: {english(value, digits)} ± {english(se, digits)}{unit[0]}",
            f"{name}\N{NO-BREAK SPACE}: {french(value, digits)} ± {french(se, digits)}{unit[1]}")
    return Sample(name, model, value, value - 1.96 * se, value + 1.96 * se, at, said)


def of_cell(name: str, model: int, cell: Cell, at: str) -> Sample:
    found = sampled(name, model, cell.value, cell.se, f"{at}/value")
    return Sample(found.name, found.model, found.value, cell.low, cell.high, found.at, found.said)


def of_floor(cell: Cell, at: str) -> Sample | None:
    """The real images' own score."""
    if cell.floor is None:
        return None
    en, fr = both("real images")
    value, digits = cell.floor, cell.decimals
    said = f"{en}: {english(value, digits)}", f"{fr}\N{NO-BREAK SPACE}: {french(value, digits)}"
    return Sample("", REAL, value, value, value, f"{at}/floor", said)


def fitting(names: Pair, most: int = SHORT) -> Pair:
    """The names, shortened in the middle: models of one training differ at the end."""
    one, other = (name if len(name) <= most else f"{name[: most // 2]}…{name[1 - most // 2 :]}" for name in names)
    return one, other


def names_of(document: Document) -> list[str]:
    return brief([model.name for model in document.models])


def samples_of(document: Document, row: Row) -> list[Sample]:
    """A metric's values of all models that have it, then of real images."""
    place = document.table.rows.index(row)
    names, at = names_of(document), f"table/rows/{place}/cells"
    found = [of_cell(names[i], i, cell, f"{at}/{i}") for i, cell in enumerate(row.cells) if cell]
    first, cell = row.first
    real = of_floor(cell, f"{at}/{first}")
    return [*found, *([real] if real else [])]


def charts_of(document: Document, models: list[Analysed]) -> dict[str, Chart | None]:
    found: dict[str, Chart | None] = {
        "lead": lead_chart(document), "curve": curve_chart(document),
        "front": front_chart(document), "fidelity": pair_chart(document, "precision", "recall"),
        "cover": pair_chart(document, "density", "coverage"), "map": map_chart(document),
        "spectrum": spectrum_chart(document, models) if models else None,
    }
    found |= {chart.identity: chart for chart in profile_charts(document)}
    return found | {f"class-{name}": class_chart(document, models, name) for name in PER_CLASS}


# One number of each model

def lead_chart(document: Document) -> Chart:
    """The leading metric: a row for each model."""
    lead = document.protocol.lead
    samples = samples_of(document, verdict.lead_row(document))
    rows = [one for one in samples if one.model != REAL]
    tall = TOP + HEIGHT * len(rows) + BOTTOM
    ends = [0.0, *(end for one in samples for end in (one.low, one.high))]
    across = axis(ends, EDGE, WIDE - EDGE)
    parts = below(across, tall - BOTTOM, TOP, lead_title(document))
    for real in samples[len(rows):]:
        x = across(real.value)
        parts += [Line(x, x, TOP, tall - BOTTOM, "floor", said=real.said),
                  Words(x, TOP - 6, both("real images"), "end" if x > WIDE / 2 else "start")]
    for k, one in enumerate(rows):
        y, late = TOP + HEIGHT * (k + 0.5), across(one.value) > WIDE / 2
        x = across(one.low) - 9 if late else across(one.high) + 9
        parts += [Words(x, y + 4, fitting((one.name, one.name), LONG), "end" if late else "start", "name"),
                  Line(across(one.low), across(one.high), y, y, "bar", one.model), mark(one, across(one.value), y)]
    return Chart("lead", both("chart lead", metric=lead), tall, parts)


def lead_title(document: Document) -> Pair:
    """`KID (lower is better)`"""
    row = verdict.lead_row(document)
    extractor = next((metric.extractor for metric in document.metrics if metric.name == row.name), "")
    (en, fr), (english_way, french_way) = label(row.name, extractor), both(row.better)
    return f"{en} ({english_way})", f"{fr} ({french_way})"


def mark(one: Sample, x: float, y: float) -> Mark:
    return Mark(x, y, one.model, one.said, one.at, one.value)


# All metrics between the worst model and real images

def profile(row: Row) -> list[float | None] | None:
    """Where each model stands: 0 is the worst model, 1 real images.  None where real images have no score, or one that
    is no better than the worst model's."""
    values = [None if cell is None else cell.value for cell in row.cells]
    known = [value for value in values if value is not None]
    floor = row.first[1].floor
    worst = max(known) if row.better == "lower" else min(known)
    if row.better == "undecided" or floor is None or (floor >= worst if row.better == "lower" else floor <= worst):
        return None
    return [None if value is None else (value - worst) / (floor - worst) for value in values]


def profile_charts(document: Document) -> list[Chart]:
    """A chart for each extractor, with a row for each metric."""
    rows = [(column, places) for column in columns_of(document) if (places := profile(column.row)) is not None]
    if len(document.models) < 2:
        return []
    return [profile_chart(document, k, extractor, list(several))
            for k, (extractor, several) in enumerate(groupby(rows, key=lambda row: row[0].extractor))]


def profile_chart(
    document: Document, k: int, extractor: str, rows: Sequence[tuple[Column, Sequence[float | None]]]
) -> Chart:
    top, title = TOP + STEP, both("features of", extractor=extractor)
    bottom = top + STEP * len(rows)
    across = Axis(0, BEYOND, NAMES + 16, WIDE - EDGE)
    parts: list[Part] = [Words(4, 14, title if extractor else both("images"))]
    for end, word in ((0.0, "worst"), (1.0, "real images")):
        x = across(end)
        parts += [Line(x, x, top - 6, bottom, "floor"), Words(x, top - 12, both(word), "middle")]
    for i, (column, places) in enumerate(rows):
        parts += profile_row(document, column, places, across, top + STEP * (i + 0.5))
    return Chart(f"profile-{k}", title, bottom + 6, parts)


def profile_row(
    document: Document, column: Column, places: Sequence[float | None], across: Axis, y: float
) -> list[Part]:
    samples = {one.model: one for one in samples_of(document, column.row)}
    found: list[Part] = [Words(4, y + 4, column.label, kind="name"), Line(across(0), across(BEYOND), y, y, "grid")]
    return found + [mark(samples[i], across(min(place, BEYOND)), y) for i, place in enumerate(places)
                    if place is not None]


# Two numbers of each model

def row_of(document: Document, kind: str) -> Row | None:
    """A metric's row, of the leading extractor where there are several."""
    names = [score.metric for score in document.scores if score.row == kind]
    return next((row for row in document.table.rows if row.name in names), None)


def pair_chart(document: Document, one: str, other: str) -> Chart | None:
    """Two metrics of all models and of real images, with error bars in both directions."""
    rows = [row_of(document, one), row_of(document, other)]
    if rows[0] is None or rows[1] is None:
        return None
    xs, ys = ({found.model: found for found in samples_of(document, row)} for row in (rows[0], rows[1]))
    title = both(f"short {one}"), both(f"short {other}")
    return scatter(f"{one}-{other}", (f"{title[0][0]}, {title[1][0]}", f"{title[0][1]}, {title[1][1]}"),
                   [(xs[i], ys[i]) for i in xs if i in ys], (title[0], title[1]), zero=True)


def scatter(
    identity: str, title: Pair, points: Sequence[tuple[Sample, Sample]], axes: tuple[Pair, Pair],
    zero: bool = False, front: Sequence[int] = (),
) -> Chart:
    """Points with error bars, and each name beside its point.  `front`: models that a line joins, in steps."""
    base = [0.0] if zero else []
    across = axis([*base, *(end for x, _ in points for end in (x.low, x.high))], LEFT, WIDE - RIGHT, not zero)
    up = axis([*base, *(end for _, y in points for end in (y.low, y.high))], TALL - BOTTOM, TOP, not zero)
    parts = [*below(across, TALL - BOTTOM, TOP, axes[0]), *beside(up, LEFT, WIDE - RIGHT, axes[1])]
    places = {x.model: (across(x.value), up(y.value)) for x, y in points}
    parts += [Path(staircase([places[i] for i in front]), kind="front")] if len(front) > 1 else []
    apart = min(14.0, (TALL - BOTTOM - TOP) / max(1, len(points)))      # names of many models in one place
    heights = spread([places[x.model][1] for x, _ in points], apart, TALL - BOTTOM)
    for (one, other), tall in zip(points, heights, strict=True):
        x, y = places[one.model]
        parts += cross(x, y, (across(one.low), across(one.high)), (up(other.low), up(other.high)), one.model)
        named = (one.name, one.name) if one.model != REAL else both("real images")
        late = x > WIDE * 0.6
        parts += [Words(x - 9 if late else x + 9, tall - 5, fitting(named), "end" if late else "start", "name"),
                  Mark(x, y, one.model, joined(one, other, axes), other.at, other.value)]
    return Chart(identity, title, TALL, parts)


def joined(one: Sample, other: Sample, axes: tuple[Pair, Pair]) -> Pair:
    """Both numbers of a point, for hovering."""
    numbers = [[said.partition(":")[2].strip() for said in found.said] for found in (one, other)]
    name = (one.name, one.name) if one.name else both("real images")
    return (f"{name[0]}: {axes[0][0]} {numbers[0][0]}, {axes[1][0]} {numbers[1][0]}",
            f"{name[1]}\N{NO-BREAK SPACE}: {axes[0][1]} {numbers[0][1]}, {axes[1][1]} {numbers[1][1]}")


def staircase(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The edge of what the points dominate: larger x and larger y (further down) are better."""
    order = sorted(points)
    found = [order[0]]
    for x, y in order[1:]:
        found += [(found[-1][0], y), (x, y)] if y < found[-1][1] else [(x, found[-1][1]), (x, y)]
    return found


def front_chart(document: Document) -> Chart | None:
    """Quality against speed, and the line of the models that no other dominates."""
    row = verdict.lead_row(document)
    quality = {one.model: one for one in samples_of(document, row)}
    points = [(speed(document, i), quality[i]) for i, model in enumerate(document.models)
              if model.cost.images_per_second and i in quality]
    if len(points) < 2:
        return None
    names = document.front.models if document.front else ()
    front = [i for i, model in enumerate(document.models) if model.name in names]
    return scatter("front", both("cost"), points, (both("speed axis"), lead_title(document)), front=front)


def speed(document: Document, i: int) -> Sample:
    cost, name = document.models[i].cost, names_of(document)[i]
    value = cost.images_per_second or 0.0
    digits, (en, fr) = significant(value, 3), both("images per second")
    said = f"{name}: {english(value, digits)} {en}", f"{name}: {french(value, digits)} {fr}"
    return Sample(name, i, value, cost.images_per_second_low or value, cost.images_per_second_high or value,
                  f"models/{i}/cost/images_per_second", said)


# Lines

@dataclass(frozen=True)
class Series:
    """A model's points over x; each with its sample, whose interval is drawn."""

    model: int
    name: Pair
    points: Sequence[tuple[float, Sample]]


def lines_chart(
    identity: str, title: Pair, series: Sequence[Series], axes: tuple[Pair, Pair], ticks: Sequence[float] = (),
    line: float | None = None, base: Sequence[float] = (), logarithmic: bool = False,
) -> Chart:
    """Points joined by lines; names stand at the right ends.  `ticks`: of a logarithmic x axis."""
    right = WIDE - 84
    every = [x for one in series for x, _ in one.points]
    across = (Axis(min(ticks), max(ticks), LEFT + 6, right, True, ticks) if len(ticks) > 1
              else axis(every, LEFT + 6, right))
    up = axis([*base, *(end for one in series for _, found in one.points for end in (found.low, found.high))],
              TALL - BOTTOM, TOP, logarithmic)
    parts = [*below(across, TALL - BOTTOM, TOP, axes[0]), *beside(up, LEFT, right, axes[1])]
    parts += [Line(LEFT, right, up(line), up(line), "floor")] if line is not None else []
    ends = spread([up(one.points[-1][1].value) for one in series], 14, TALL - BOTTOM - 2)
    for one, end in zip(series, ends, strict=True):
        places = [(across(x), up(found.value)) for x, found in one.points]
        parts.append(Path(places, one.model))
        for (x, y), (_, found) in zip(places, one.points, strict=True):
            parts += [*cross(x, y, (x, x), (up(found.low), up(found.high)), one.model), mark(found, x, y)]
        parts.append(Words(right + 10, end + 4, fitting(one.name), kind="name"))
    return Chart(identity, title, TALL, parts)


def curve_chart(document: Document) -> Chart | None:
    """The Fréchet distance by number of images."""
    sets: list[tuple[int, Pair, Sequence[tuple[int, Estimate]], str]] = [
        (i, (name, name), [(row.n, Estimate(row.value, row.se)) for row in model.curve], f"models/{i}/curve")
        for i, (model, name) in enumerate(zip(document.models, names_of(document), strict=True))]
    sets.append((REAL, both("real images"), [(row.n, Estimate(row.value, row.se)) for row in document.real_curve],
                 "real_curve"))
    series = [
        Series(model, name, [(n, sampled(name[0], model, found.value, found.se, f"{at}/{k}/value"))
                             for k, (n, found) in enumerate(curve)])
        for model, name, curve, at in sets if curve
    ]
    ticks = sorted({float(x) for one in series for x, _ in one.points})
    axes = both("images"), both("frechet axis")
    return lines_chart("curve", both("chart curve"), series, axes, ticks, logarithmic=True) if series else None


def spectrum_chart(document: Document, models: list[Analysed]) -> Chart:
    """Power at each frequency relative to that of real images; computed here, so the document has no field for it."""
    names = names_of(document)
    series = []
    for model in models:
        name = names[model.place]
        series.append(Series(model.place, (name, name), [
            (point.x, Sample(name, model.place, point.y, point.low, point.high, "", (
                f"{name}: {english(point.y, 2)} dB", f"{name}\N{NO-BREAK SPACE}: {french(point.y, 2)} dB")))
            for point in relative_power(model.found.spectrum)]))
    return lines_chart("spectrum", both("chart spectrum"), [one for one in series if one.points],
                       (both("frequency"), ("dB", "dB")), line=0.0, base=(0.0,))


# Classes

def class_chart(document: Document, models: Sequence[Analysed], name: str) -> Chart | None:
    """A row for each class, in it a lane for each model; of shares, the real one as well."""
    rows = [(kind, class_samples(document, models, kind, name)) for kind in slice_names(models)]
    if not any(samples for _, samples in rows):
        return None
    rows = most_telling(rows, name)
    high = LANE * len(models) + 10
    tall = TOP + high * len(rows) + BOTTOM
    across = axis([0.0, *(end for _, samples in rows for one in samples for end in (one.low, one.high))],
                  NAMES, WIDE - EDGE)
    title = both(f"slice {name}") if name != "share" else both("share")
    parts = below(across, tall - BOTTOM, TOP, title)
    for k, (kind, samples) in enumerate(rows):
        top = TOP + high * k
        said = fitting(slice_name(kind, document.protocol.classes))
        parts += [Line(4, WIDE - EDGE, top, top, "grid"), Words(4, top + high / 2 + 4, said, kind="name")]
        parts += class_row(samples, across, top, high)
    return Chart(f"class-{name}", title, tall, parts)


def most_telling(rows: list[tuple[str, list[Sample]]], name: str) -> list[tuple[str, list[Sample]]]:
    """At most MOST classes, in their order: those where the models are worst on average."""
    bad = [badness(samples, name) for _, samples in rows]
    kept = set(sorted(range(len(rows)), key=lambda k: -bad[k])[:MOST])
    return [row for k, row in enumerate(rows) if k in kept]


def badness(samples: Sequence[Sample], name: str) -> float:
    values = [one.value for one in samples if one.model != REAL]
    real = next((one.value for one in samples if one.model == REAL), 0.0)
    mean = sum(values) / len(values) if values else -math.inf
    return -mean if name in ("precision", "recall", "coverage") else abs(mean - real) if values else mean


def class_row(samples: Sequence[Sample], across: Axis, top: float, high: float) -> list[Part]:
    found: list[Part] = []
    for one in samples:
        x, y = across(one.value), top + 5 + LANE * (one.model + 0.5)
        if one.model == REAL:
            found.append(Line(x, x, top + 2, top + high - 2, "real", said=one.said))
        else:
            found += [Line(across(one.low), across(one.high), y, y, "bar", one.model), mark(one, x, y)]
    return found


def class_samples(document: Document, models: Sequence[Analysed], kind: str, name: str) -> list[Sample]:
    """A class's number of each model; of shares the real one first."""
    found, names, percent = [], names_of(document), ("\N{NO-BREAK SPACE}%",) * 2
    for model in models:
        k = slice_place(model.found, kind)
        value = None if k is None else getattr(model.found.slices[k], name)
        if value is None:
            continue
        at = f"models/{model.place}/analysis/slices/{k}/{name}/value"
        if name != "share":
            found.append(sampled(names[model.place], model.place, value.value, value.se, at))
            continue
        shown = sampled(names[model.place], model.place, 100 * value.value, 100 * value.se, at, percent)
        found.append(Sample(shown.name, shown.model, value.value, value.value - 1.96 * value.se,
                            value.value + 1.96 * value.se, at, shown.said))
    real = next((row for model in models for row in model.found.slices if row.name == kind), None)
    if name == "share" and real is not None:
        share, (en, fr) = real.real_share.value, both("real images")
        said = (f"{en}: {english(100 * share, 1)}{percent[0]}",
                f"{fr}\N{NO-BREAK SPACE}: {french(100 * share, 1)}{percent[1]}")
        found.insert(0, Sample("", REAL, share, share, share, "", said))
    return found


# The map

def map_chart(document: Document) -> Chart | None:
    """Real images below, models above them; the page's script shows the picture of a point."""
    found = document.map
    if found is None:
        return None
    across = axis([x for one in found.sets for x in one.x], 8, WIDE - 8)
    up = axis([y for one in found.sets for y in one.y], SIDE - 8, 8)
    order = [(i if i < len(document.models) else REAL, cloud) for i, cloud in enumerate(found.sets)]
    parts: list[Part] = [Mark(across(x), up(y), model, small=True)
                         for model, cloud in order[::-1] for x, y in zip(cloud.x, cloud.y, strict=True)]
    return Chart("map", both("map"), SIDE, parts)
