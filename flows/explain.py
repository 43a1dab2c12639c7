"""The command `ganbench explain-diff`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.gan import explain
from ganbench.gan.gates import too_few_images
from ganbench.gan.models.loading import resolve
from ganbench.gan.numbers import duration
from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings, workspace_of

if TYPE_CHECKING:
    from ganbench.flows.run import Show
    from ganbench.gan.explain import Difference, Looked

SPOKEN = {
    "resize": "Resizing", "normalisation": "Normalisation", "quantisation": "Quantisation",
    "weights": "The file of weights", "covariance": "The divisor of the covariance", "splits": "The way of splitting",
    "bias": "The bias of the last layer",
}


@dataclass(frozen=True)
class Explained:
    """Two readings, the attribution of their difference, and notes."""

    a: str
    b: str
    differences: list[Difference]
    remarks: list[str]


def run_explanation(
    show: Show, a: str, b: str, *, model: str, reference: str, n: int, extractor: str, other_weights: str, seed: int
) -> Explained:
    """Print the expected time, then compute both numbers and the attribution."""
    workspace = workspace_of()
    for name in (a, b):
        explain.reading(name)
    if a == b and not other_weights:
        raise BadInput("given-twice", f"{a} and {b} are the same reading: there is no difference to explain.")
    look = explain.looked(
        resolve(model, workspace), reference, n, workspace, extractor=extractor, seed=seed,
        workers=settings().workers, tick=lambda rows: show("features", rows),
    )
    total = explain.n_looks(a, b, look, other_weights)
    took = duration(explain.seconds_of(a, b, look, other_weights))
    print(f"{total:,} passes of an image: {took} if the machine stays as busy as now; finished work is stored.",
          file=sys.stderr)
    show("features", 0, total)
    found = explain.explain(a, b, look, other_weights)
    return Explained(a, b, found, remarks(a, b, look))


def remarks(a: str, b: str, look: Looked) -> list[str]:
    """Notes below the table."""
    said = [f"{name} prints no Inception Score, so none is compared." for name in (a, b)
            if explain.READINGS[name].splits == explain.NO_SCORE]
    n, d = min(look.model.n, look.reference.n), look.network.d
    if too_few_images(n, d):
        said.append(
            f"From {n:,} images of {d:,} features both distances are too large, and the gap is that of so many images; "
            "--n takes more."
        )
    return said


def differences_screen(explained: Explained, n: int) -> Screen:
    """A row per axis for every number, then what explains most of it, in a sentence."""
    a, b = explained.a, explained.b
    screen: list[Grid | Line] = []
    for found in explained.differences:
        rows = [("value", f"{found.a:.4f}", f"{found.b:.4f}", f"{found.b - found.a:+.4f}")]
        rows += [(part.axis, part.a or "the given ones", part.b, "none" if part.idle else f"{part.share:+.4f}")
                 for part in sorted(found.shares, key=lambda part: -abs(part.share))]
        title = f"{found.metric} of {n:,} images"
        screen += [Grid(title, ("", a, b, "share of the gap"), tuple(rows), numbers=False),
                   Line(" ".join([sentence(a, b, found), *idle(found)]))]
    return [*screen, *map(Line, explained.remarks)]


def sentence(a: str, b: str, found: Difference) -> str:
    """What explains most."""
    gap = found.b - found.a
    if not found.shares:
        return f"{a} and {b} compute {found.metric} alike."
    most = max(found.shares, key=lambda part: abs(part.share))
    if abs(gap) < 1e-9 * max(abs(found.a), 1):
        return f"{a} and {b} give the same {found.metric} here."
    return (
        f"{SPOKEN[most.axis]} explains {most.share:+.4f} of the {gap:+.4f} by which {b} differs from {a} "
        f"({most.a or 'the given ones'} against {most.b})."
    )


def idle(found: Difference) -> list[str]:
    return [f"{SPOKEN[part.axis]} changes nothing: {part.idle}." for part in found.shares if part.idle]


def as_json(explained: Explained, **facts: Any) -> str:
    rows = [
        {"metric": found.metric, "a": found.a, "b": found.b, "shares": [asdict(part) for part in found.shares]}
        for found in explained.differences
    ]
    given = {"a": explained.a, "b": explained.b, **facts}
    return json.dumps({**given, "differences": rows, "remarks": explained.remarks}, indent=1)
