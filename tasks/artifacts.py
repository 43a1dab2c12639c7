"""What Prefect's UI shows of a run: how far it is, and the table of scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from ganbench.gan.types import Caveat, Estimate, Score, digest_of
from ganbench.gan.uncertainty import interval
from ganbench.gan.words import caution

DASH = "\N{EN DASH}"


def begin_progress(description: str) -> UUID:
    """A progress artifact at 0 %."""
    return create_progress_artifact(progress=0.0, description=description)  # type: ignore[return-value]


def update_progress(artifact: UUID, fraction: float) -> None:
    update_progress_artifact(artifact_id=artifact, progress=round(100 * fraction, 1))


@task(name="publish", task_run_name="publish table", persist_result=False, cache_policy=NO_CACHE)
def publish_scores(scores: list[Score], heading: str, notes: list[str]) -> None:
    """The table of scores as an artifact of the flow run."""
    create_markdown_artifact(markdown=markdown_of(scores, heading, notes), key="scores", description=heading)


def markdown_of(scores: Iterable[Score], heading: str, notes: list[str]) -> str:
    """A table that people read: value +- standard error, the 95 % interval, and the floor."""
    lines = [
        f"## {heading}", "",
        "| metric | value | standard error | 95 % interval | real images | better |",
        "|---|---:|---:|---:|---:|---|",
    ]
    scores = list(scores)
    for score in scores:
        better = "lower" if score.lower_is_better else "higher"
        lines.append(f"| {' | '.join([f'`{score.metric}`', *cells(score), better])} |")
    warnings = [f"- {about}: {caution(caveat)}" for caveat, about in warned(scores)]
    return "\n".join([*lines, "", *warnings, "", *(f"- {note}" for note in notes)])


def warned(scores: Sequence[Score]) -> list[tuple[Caveat, str]]:
    """Every caveat once, and which scores it is about."""
    found: dict[str, tuple[Caveat, list[str]]] = {}
    for score in scores:
        for caveat in score.caveats:
            found.setdefault(digest_of(caveat), (caveat, []))[1].append(score.metric)
    everything = len(scores) if len(scores) > 1 else 0
    return [(caveat, "all" if len(about) == everything else ", ".join(dict.fromkeys(about)))
            for caveat, about in found.values()]


def cells(score: Score) -> list[str]:
    """Value, standard error, interval and floor, with as many decimals as the error deserves."""
    low, high = (min(max(end, score.bounds[0]), score.bounds[1]) for end in interval(Estimate(score.value, score.se)))
    digits = decimals(score.se)
    real = DASH if score.floor is None else f"{score.floor:.{digits}f}"
    return [f"{score.value:.{digits}f}", f"{score.se:.{digits}f}", f"{low:.{digits}f} {DASH} {high:.{digits}f}", real]


def short(score: Score) -> str:
    """`0.102 ± 0.007 (0.100)`."""
    digits = decimals(score.se)
    real = "" if score.floor is None else f" ({score.floor:.{digits}f})"
    return f"{score.value:.{digits}f} \N{PLUS-MINUS SIGN} {score.se:.{digits}f}{real}"


def decimals(se: float) -> int:
    """So many that the standard error shows two digits."""
    return max(0, 1 - floor(log10(se))) if se > 0 else 6
