"""What the command line prints of a comparison."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ganbench.flows.tables import console, print_list, print_notes, print_table, published_row, score_json
from ganbench.gan.ensemble import WHOLE
from ganbench.gan.numbers import decimals
from ganbench.gan.tables import remarks, score_table
from ganbench.tasks.leaderboard import texts_of, weaknesses

if TYPE_CHECKING:
    from ganbench.flows.compare import Compared
    from ganbench.gan.ensemble import Held


def print_comparison(found: Compared) -> None:
    """The leaderboard turned on its side, since metrics are more than models: a row for each metric."""
    from rich.markup import escape

    job = next(iter(found.jobs.values()))
    table = score_table(found.scores, found.rankings)
    (_, *names), *columns = texts_of(table, found.rankings, found.costs)
    rows = [list(row) for row in zip(names, *(texts for _, *texts in columns), strict=True)]
    print_table(f"{len(found.jobs)} models, {job.protocol.name}", ["", *(texts[0] for texts in columns)], rows)
    for line in remarks(found.rankings):
        print(f" {line}")
    if found.mixture:
        print(f" {mixture_line(found.mixture, list(found.jobs), found.rankings[0].metric)}")
    for model, said in weaknesses(found.analyses).items():
        console().print(f" [bold]{escape(model)}[/]: {escape(' '.join(said) or 'nothing stands out.')}", soft_wrap=True)
    print_notes(table)
    if found.published:
        print_list("Published under the same protocol", [published_row(row) for row in found.published], False)
    print(f"Images: {found.found:,} from the store, {found.drawn:,} drawn now.")
    print(f"Report: {found.report}/report.html")
    where = found.suite.problem or found.suite.url or f"run {found.suite.run_id}; `ganbench ui` shows it"
    print(f"MLflow: {where}")


def mixture_line(found: Held, names: list[str], metric: str) -> str:
    """`Best mixture: 62 % a, 38 % b; on other images its kernel distance is 0.0042 +- 0.0003, ...`"""
    if max(found.shares) > WHOLE:
        return f"Best mixture: none is nearer to the real images than {names[int(found.shares.argmax())]} alone."
    parts = sorted(zip(found.shares, names, strict=True), reverse=True)
    shares = ", ".join(f"{100 * share:.0f} % {name}" for share, name in parts if share >= 0.005)
    digits = decimals(found.gain.se)
    low, high = found.gain.value - 1.96 * found.gain.se, found.gain.value + 1.96 * found.gain.se
    return (f"Best mixture: {shares}; on images that did not choose it, its kernel distance is "
            f"{found.value.value:.{digits}f}, {found.gain.value:+.{digits}f} better than {names[found.best]} alone "
            f"(95 %: {low:+.{digits}f} to {high:+.{digits}f}).")


def comparison_json(found: Compared) -> str:
    """What the tables show, with full precision."""
    scores = [score_json(score) for rows in found.scores.values() for score in rows]
    rankings = [
        {
            "metric": row.metric, "models": row.models, "ranks": row.ranks, "first": row.first,
            "pairs": [{"better": pair.better, "worse": pair.worse, "gain": pair.gain.value, "se": pair.gain.se,
                       "p": pair.p} for pair in row.pairs],
        }
        for row in found.rankings
    ]
    costs = {model: vars(cost) for model, cost in found.costs.items()}
    findings = {model: [asdict(finding) for finding in analysis.findings] if analysis else None
                for model, analysis in found.analyses.items()}
    mixture = {**asdict(found.mixture), "shares": found.mixture.shares.tolist()} if found.mixture else None
    content = {"scores": scores, "rankings": rankings, "costs": costs, "findings": findings, "mixture": mixture,
               "provenance": dict(found.provenance), "report": found.report}
    return json.dumps(content, indent=1)
