"""What `ganbench explain-diff` does and says."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gan import explain
from gan.generators.loading import resolve
from gan.types import BadInput
from tasks.settings import settings, workspace_of

if TYPE_CHECKING:
    from flows.run import Show
    from gan.explain import Difference

IMAGES_PER_SECOND = {"inception": 17, "efficientnet_lite0": 130}  # of one CPU core


def run_explanation(
    show: Show, a: str, b: str, *, model: str, reference: str, n: int, extractor: str, other_weights: str, seed: int
) -> list[Difference]:
    """Say how long it takes, then compute both numbers and what lies between them."""
    workspace = workspace_of()
    spec = resolve(model, workspace)
    if a == b and not other_weights:
        raise BadInput(f"{a} and {b} are the same reading: there is no gap to explain.")
    passes = explain.n_passes(a, b, other_weights, spec.family == "images")
    total, rate = passes * 2 * n, IMAGES_PER_SECOND.get(extractor, 17) * settings().workers
    print(f"{total:,} looks at an image, about {math.ceil(total / rate / 60)} min here; what is finished is kept.",
          file=sys.stderr)  # fmt: skip
    show("features", 0, total)
    return explain.explain(
        a, b, spec, reference, n, workspace, extractor=extractor, other_weights=other_weights, seed=seed,
        workers=settings().workers, tick=lambda rows: show("features", rows),
    )  # fmt: skip


def print_differences(a: str, b: str, differences: Sequence[Difference], n: int) -> None:
    """A row per axis for every number, then what explains most of it, in a sentence."""
    from rich import box
    from rich.table import Table

    from flows.tables import console

    for found in differences:
        table = Table(title=f"{found.metric} of {n:,} images", box=box.SIMPLE_HEAD, title_justify="left",
                      title_style="bold")  # fmt: skip
        for name, where in (("", "left"), (a, "left"), (b, "left"), ("share of the gap", "right")):
            table.add_column(name, justify=where)  # type: ignore[arg-type]
        table.add_row("value", f"{found.a:.4f}", f"{found.b:.4f}", f"{found.b - found.a:+.4f}", style="bold")
        for part in sorted(found.shares, key=lambda part: -abs(part.share)):
            table.add_row(part.axis, part.a or "the given ones", part.b, f"{part.share:+.4f}")
        console().print(table)
        print(sentence(a, b, found))


def sentence(a: str, b: str, found: Difference) -> str:
    """What explains most."""
    gap = found.b - found.a
    if not found.shares:
        return f"{a} and {b} compute {found.metric} alike.\n"
    most = max(found.shares, key=lambda part: abs(part.share))
    if abs(gap) < 1e-9 * max(abs(found.a), 1):
        return f"{a} and {b} give the same {found.metric} here.\n"
    return (
        f"Of the {gap:+.4f} from {a} to {b}, {most.axis} explains {most.share:+.4f} ({most.a or 'the given ones'} "
        f"against {most.b}).\n"
    )


def as_json(a: str, b: str, differences: Sequence[Difference], **facts: Any) -> str:
    rows = [
        {"metric": found.metric, "a": found.a, "b": found.b,
         "shares": [{"axis": part.axis, "a": part.a, "b": part.b, "share": part.share} for part in found.shares]}
        for found in differences
    ]  # fmt: skip
    return json.dumps({"a": a, "b": b, **facts, "differences": rows}, indent=1)
