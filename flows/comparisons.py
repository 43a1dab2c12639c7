"""What the command line prints of a comparison."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ganbench.flows.tables import console, print_caveats, print_list, published_row, score_json
from ganbench.gan.ensemble import WHOLE
from ganbench.tasks.artifacts import decimals
from ganbench.tasks.leaderboard import arrows_of, cells_of, floors_of, heads_of, remarks, weaknesses

if TYPE_CHECKING:
    from ganbench.flows.compare import Compared
    from ganbench.gan.ensemble import Held


def print_comparison(found: Compared) -> None:
    """The leaderboard turned on its side, since metrics are more than models: a row for each metric."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    job = next(iter(found.jobs.values()))
    title = f"{len(found.jobs)} models, {job.protocol.name}"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    rows = [*cells_of(found.scores, found.rankings, found.costs), floors_of(found.scores, found.rankings)]
    table.add_column("", style="bold", no_wrap=True)
    for row in rows:
        table.add_column(row[0], justify="right")
    heads = heads_of(found.rankings, arrows_of(found.scores))
    for head, *cells in zip(heads[1:], *(row[1:] for row in rows), strict=True):
        table.add_row(head, *cells)
    console().print(table)
    for line in remarks(found.rankings, len(found.jobs)):
        print(f" {line}")
    if found.mixture:
        print(f" {mixture_line(found.mixture, list(found.jobs), found.rankings[0].metric)}")
    for model, said in weaknesses(found.analyses).items():
        console().print(f" [bold]{escape(model)}[/]: {escape(' '.join(said) or 'nothing stands out.')}", soft_wrap=True)
    print_caveats([score for rows in found.scores.values() for score in rows])
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
