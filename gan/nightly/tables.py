"""A night's verdicts and a suite's history as tables of texts; terminals, pages and trackers only render them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganbench.gan.nightly.history import Night, Point, Value, Verdict, points
from ganbench.gan.nightly.sentences import named, shorts, signed, untold_sentence
from ganbench.gan.nightly.views import metrics_of, models_of
from ganbench.gan.numbers import decimals

UNTOLD, BASELINE = "cannot tell", "baseline"        # verdicts that say nothing of a model
WORDS = ("model", "nights", "date", "metric", "verdict", "changed")     # heads of columns that hold no numbers
METRICS = 4             # in a table of the history


@dataclass(frozen=True)
class Table:
    """Texts; the first column names a model.  `note`: what is to be said of all rows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str
    note: str = ""


def verdict_tables(night: Night, protocol: str) -> list[Table]:
    """What was judged, then differences that cannot be; on a first night, the baselines."""
    names, mine = shorts(night), [row for row in night.verdicts if row.protocol == protocol]
    untold = [row for row in mine if row.said == UNTOLD]
    judged = [row for row in mine if row.said not in (UNTOLD, BASELINE)]
    shown = judged or ([] if untold else mine)
    found = [Table(("model", "metric", "verdict", "difference", "from", "to", "margin", "draws"),
                   tuple(judged_row(row, names) for row in shown), "verdicts")] if shown else []
    return [*found, differences(untold, names)] if untold else found


def judged_row(row: Verdict, names: Mapping[str, str]) -> tuple[str, ...]:
    return (named(row.entry, row.snapshot), names.get(row.metric, row.metric), row.said,
            *(gap_text(gap, row.se) for gap in (row.difference, row.low, row.high)),
            "" if row.margin is None else f"{row.margin:.3g}", str(row.draws))


def differences(rows: Sequence[Verdict], names: Mapping[str, str]) -> Table:
    """What cannot be judged: a model in each row, a metric in each column."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    models = dict.fromkeys(named(row.entry, row.snapshot) for row in rows)
    texts = {(named(row.entry, row.snapshot), row.metric): gap_and_error(row) for row in rows}
    return Table(("model", *(names.get(metric, metric) for metric in metrics)),
                 tuple((model, *(texts.get((model, metric), "") for metric in metrics)) for model in models),
                 "differences without a margin, above 0 is worse", untold_sentence(rows, names))


def history_table(nights: Sequence[Night], protocol: str, most: int = 0) -> Table:
    """A row for each snapshot, model by model, oldest first; `most`: so many of the newest ones, 0: all."""
    names, metrics = shorts(nights[-1]), metrics_of(nights, protocol)[:METRICS]
    found = [point for entry, other in models_of(nights) if other == protocol
             for point in points(nights, entry, protocol)]
    newest = sorted(range(len(found)), key=lambda k: found[k].last.number)[-most:]
    rows = [point_row(found[k], metrics) for k in sorted(newest)]
    heads = ("model", "nights", "date", *(names.get(metric, metric) for metric in metrics), "verdict", "changed")
    return Table(heads, tuple(rows), "history")


def point_row(point: Point, metrics: Sequence[str]) -> tuple[str, ...]:
    """`12` or `12 – 21`; values with errors; `weights`, `10 nights unchanged`"""
    mine, same = point.observation, point.nights > 1
    number = f"{point.first.number} – {point.last.number}" if same else str(point.first.number)
    said = {row.said for row in point.last.verdicts
            if (row.entry, row.protocol, row.digest) == (mine.entry, mine.protocol, mine.digest)}
    order = ("worse", "open", UNTOLD, "not worse", "better", BASELINE)
    worst = next((word for word in order if word in said), "")
    changed = [", ".join(point.changed)] * bool(point.changed) + [f"{point.nights} nights unchanged"] * same
    return (named(mine.entry, mine.snapshot), number, point.first.begun[:10],
            *(text_of(mine.scores.get(metric)) for metric in metrics), worst, "; ".join(changed))


def text_of(value: Value | None) -> str:
    """`0.0121 ± 0.0004`"""
    if value is None:
        return ""
    digits = decimals(value.se)
    return f"{value.value:.{digits}f} ± {value.se:.{digits}f}"


def gap_text(gap: float | None, se: float | None) -> str:
    return "" if gap is None or se is None else signed(gap, se)


def gap_and_error(row: Verdict) -> str:
    """`+0.0744 ± 0.0033`"""
    return "" if row.se is None else f"{gap_text(row.difference, row.se)} ± {row.se:.{decimals(row.se)}f}"
