"""What the command line prints of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.flows.tables import print_list, print_notes, print_table, published_row, say
from ganbench.gan.compare import unsound
from ganbench.gan.ensemble import WHOLE
from ganbench.gan.numbers import decimals
from ganbench.gan.report.verdict import SOME, same_models
from ganbench.gan.tables import remarks, score_table
from ganbench.gan.types import Caveat, Finding
from ganbench.gan.words import caution, sentence
from ganbench.tasks.leaderboard import texts_of, weaknesses

if TYPE_CHECKING:
    from ganbench.flows.compare import Compared
    from ganbench.gan.ensemble import Held



def print_comparison(found: Compared) -> None:
    """The leaderboard transposed: a row for each metric, since there are more metrics than models."""
    job = next(iter(found.jobs.values()))
    table = score_table(found.scores, found.rankings)
    (_, *names), *columns = texts_of(table, found.rankings, found.costs)
    rows = [list(row) for row in zip(names, *(texts for _, *texts in columns), strict=True)]
    print_table(f"{len(found.jobs)} models, {job.protocol.name}", ["", *(texts[0] for texts in columns)], rows)
    same = same_models({name: job.model_digest for name, job in found.jobs.items()})
    for line in [*remarks(found.rankings), *(english for english, _ in same)]:
        print(f" {line}")
    if found.mixture:
        print(f" {mixture_line(found.mixture, list(found.jobs), found.rankings[0].metric)}")
    if found.mixture and helps(found.mixture):
        print_doubts(dict(zip(found.jobs, found.mixture.shares, strict=True)), {
            name: unsound([caveat for score in found.scores[name] for caveat in score.caveats],
                          analysis.findings if analysis else ())
            for name, analysis in ((name, found.analyses.get(name)) for name in found.jobs)})
    for model, said in weaknesses(found.analyses).items():
        say(model, "bold", f": {' '.join(said) or 'nothing stands out.'}", whole=True)
    print_notes(table)
    if found.published:
        print_list("Published under the same protocol", [published_row(row) for row in found.published], False)
    print(f"Images: {found.found:,} from the store, {found.drawn:,} drawn now.")
    print(f"Report: {found.report}/report.html")
    where = found.suite.problem or found.suite.url or f"run {found.suite.run_id}; `ganbench ui` shows it"
    print(f"MLflow: {where}")


def mixture_line(found: Held, names: list[str], metric: str) -> str:
    """`Best mixture: 62 % a, 38 % b; on other images its kernel distance is 0.0042, 0.0006 less than that of a ...`"""
    if max(found.shares) > WHOLE:
        return f"Best mixture: none was found nearer to the real images than {names[int(found.shares.argmax())]} alone."
    parts = sorted(zip(found.shares, names, strict=True), reverse=True)
    shares = ", ".join(f"{100 * share:.0f} % {name}" for share, name in parts if share >= SOME)
    digits = decimals(found.gain.se or found.value.se)
    low, high = found.gain.value - 1.96 * found.gain.se, found.gain.value + 1.96 * found.gain.se
    if not helps(found):
        return (f"Best mixture: none was found significantly nearer to the real images than {names[found.best]} alone "
                f"({shares}: nearer by {found.gain.value:.{digits}f}, 95 %: {low:.{digits}f} to {high:.{digits}f}, on "
                "images not used to choose it).")
    return (f"Best mixture: {shares}; on images not used to choose it, its kernel distance is "
            f"{found.value.value:.{digits}f}, {found.gain.value:.{digits}f} less than that of {names[found.best]} "
            f"alone (95 %: {low:.{digits}f} to {high:.{digits}f}).")


def helps(found: Held) -> bool:
    """Whether a mixture is significantly better than the best model alone, on images not used to choose it."""
    return max(found.shares) <= WHOLE and found.gain.value > 1.96 * found.gain.se


def print_doubts(shares: Mapping[str, float], unsound: Mapping[str, Caveat | Finding | None]) -> None:
    """What is the matter with models that are part of a mixture."""
    for name, why in unsound.items():
        if why and SOME <= shares[name] <= WHOLE:
            said = caution(why) if isinstance(why, Caveat) else sentence(why).rstrip(".")
            print(f" But the mixture contains images of {name}, about which there is a warning: {said}.")


def comparison_json(found: Compared) -> str:
    """The report's document, to the last byte."""
    return (Path(found.report) / "report.json").read_text("utf-8").rstrip("\n")
