"""What `ganbench condition` prints, and what is logged of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.conditioning.control import Conditioned
from ganbench.gan.conditioning.judging import Judged, Share, at_most
from ganbench.gan.conditioning.methods import Found
from ganbench.gan.controlling import Control, chosen, class_name, origin_of

LITTLE = 0.5            # variety, beside as many real images


# Words

def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def with_interval(share: Share) -> str:
    low, high = share.interval
    return f"{percent(share.value)} ({100 * low:.0f} to {100 * high:.0f} %)" if share.n else DASH


def sentences(made: Control) -> list[str]:
    """The verdict, and what it rests on."""
    found, title = made.found, f"{made.name} (class {made.found.number})"
    bench = found.bench
    beside = f"of real ones {percent(bench.confirmed.value)}, of impostors {percent(bench.impostors.value)}"
    if found.verdict.method:
        return [*reached(made, title, beside), *ceiling(made)]
    if found.verdict.state == "unreachable":
        by = " and ".join(filter(None, [", ".join(row.method for row in found.found[:-1]), found.found[-1].method]))
        return [f"{title} is unreachable by {by}.", *(missed(one, row, beside) for one, row in pairs(found)),
                *ceiling(made)]
    why = {"blind": "the judge cannot tell real images of the class from impostors",
           "few": "too few images were found to tell them from impostors; give more --draws"}[found.verdict.why]
    return [f"Whether {title} is reachable is undecided: {why}.",
            *(missed(one, row, beside) for one, row in pairs(found)), *ceiling(made)]


def pairs(found: Conditioned) -> list[tuple[Found, Judged]]:
    return list(zip(found.found, found.judged, strict=True))


def reached(made: Control, title: str, beside: str) -> list[str]:
    one, row = made.found.of(made.found.verdict.method)
    said = (f"{title} is {made.found.verdict.state} by {row.method}: the judge confirms "
            f"{with_interval(row.confirmed)} of its {len(one):,} images, {beside}.")
    if len(one) < made.request.n:
        said += f" They are all that the guide accepted of {one.offered:,}."
    if row.confirmed.interval[1] < made.found.bench.confirmed.interval[0]:
        said += " That is significantly less than of real ones."
    if row.beside_real is not None and row.beside_real < LITTLE:
        said += f" They vary little: effectively {percent(row.beside_real)} of as many real ones."
    return [said]


def missed(one: Found, row: Judged, beside: str) -> str:
    """What a method found instead."""
    if one.note and not one.offered:
        return f"{one.method}: {one.note}."
    if one.method == "direct":
        return f"direct: the judge confirms {row.confirmed.count:,} of {len(one):,} images ({beside})."
    what = "draws" if one.method == "rejection" else "images"
    said = (f"{one.method}: the guide accepted none of {one.offered:,} {what}" if not len(one) else
            f"{one.method}: of {one.offered:,} {what} the guide accepted {len(one):,}, of which the judge confirms "
            f"{row.confirmed.count:,} ({percent(row.confirmed.value)}; {beside})")
    if one.method == "rejection":
        bound = at_most(row.confirmed.count, one.offered)
        said += f": at most {100 * bound:.2g} % of the draws are such images (95 %)"
    return f"{said}."


def ceiling(made: Control) -> list[str]:
    """Where the judge itself is the limit."""
    real = made.found.bench.confirmed
    return [] if real.value >= 0.9 else [
        f"The judge recognises {with_interval(real)} of the real images of the class: it cannot certify more."]


def about(made: Control) -> list[str]:
    """Who guided, and who judged."""
    bench, real = made.found.bench, made.real
    taught = f"trained on {real.guide.n:,} images" if made.guide == "trained" else made.guide
    learnt = f"trained on {real.judge.n:,} others" if made.judge == "trained" and real.judge else made.judge
    return [
        f"Of {real.held_out.n:,} held-out images of {real.name} the guide ({taught}) has "
        f"{percent(bench.guide_accuracy)} right and the judge ({learnt}), which was not used before all images were "
        f"there, {percent(bench.judge_accuracy)}.",
        f"The guide accepts an image from p = {made.found.target.accept:.2f} on: {percent(bench.accepted.value)} of "
        "the real images of the class.",
        f"Impostors: the {bench.impostors.n:,} real images of other classes that the guide accepts or finds most like "
        "the class.",
        f"Variety: the effective number of the confirmed images (Vendi) in {made.eyes}, beside as many of rejection's "
        "and real ones. Cost: images decoded, gradient steps included, and seconds, for each one found; before: once.",
    ]


# Screen and JSON

HEADS = ("method", "images", "confirmed (95 %)", "others", "variety", "of rejection", "of real", "decoded", "s",
         "before")


def answer_of(made: Control) -> Answer:
    return Answer(screen_of(made), json_of(made), (made.out,))


def screen_of(made: Control) -> Screen:
    bench = made.found.bench
    rows = [row_of(made, one, row) for one, row in pairs(made.found)]
    blank = (DASH,) * (len(HEADS) - 3)
    rows += [("real images", f"{bench.confirmed.n:,}", with_interval(bench.confirmed), *blank),
             ("impostors", f"{bench.impostors.n:,}", with_interval(bench.impostors), *blank)]
    grid = Grid(f"{made.name} from {made.model}", HEADS, tuple(rows), spare=("before", "of real", "s"))
    return [*(Line(text) for text in sentences(made)), grid, *(Line(text) for text in about(made)),
            Line(""), *files(made)]


def row_of(made: Control, one: Found, row: Judged) -> tuple[str, ...]:
    n = len(one)
    leaks = ", ".join(f"{class_name(made.real, k)} {count}" for k, count in row.leaks[:2])
    return (one.method, f"{n:,}", with_interval(row.confirmed), leaks or DASH,
            number(row.vendi, "{:.1f}"), number(row.beside_rejection, "{:.0%}"), number(row.beside_real, "{:.0%}"),
            number(one.decodes / n if n else None, "{:,.1f}"), number(one.seconds / n if n else None, "{:.2g}"),
            f"{one.setup:,}" if one.setup else DASH)


def number(value: float | None, form: str) -> str:
    return DASH if value is None else form.format(value).replace("%", " %")


def files(made: Control) -> list[Line]:
    if not made.out:
        return [Line(f"Nothing is written to {made.asked}: no method reached the class.")] if made.asked else []
    return [Line(f"{len(made.found.of(chosen(made))[0]):,} images by {chosen(made)}, and their latents:"),
            Line(made.out, whole=True), Line(str(origin_of(Path(made.out))), whole=True)]


def numbers_of(made: Control) -> dict[str, float]:
    """For MLflow: of each method, of real images and of impostors."""
    bench, numbers = made.found.bench, dict[str, float]()
    for one, row in pairs(made.found):
        numbers |= of_share(f"confirmed.{one.method}", row.confirmed) | {
            f"{name}.{one.method}": value for name, value in numbers_of_method(one, row).items() if value is not None}
    return numbers | of_share("confirmed.real", bench.confirmed) | of_share("confirmed.impostors", bench.impostors) | {
        "guide_accuracy": bench.guide_accuracy, "judge_accuracy": bench.judge_accuracy}


def of_share(name: str, share: Share) -> dict[str, float]:
    low, high = share.interval
    return {name: share.value, f"{name}.low": low, f"{name}.high": high} if share.n else {}


def numbers_of_method(one: Found, row: Judged) -> dict[str, float | None]:
    n = len(one)
    return {"images": n, "vendi": row.vendi, "vendi_beside_real": row.beside_real,
            "vendi_beside_rejection": row.beside_rejection, "decoded_each": one.decodes / n if n else None,
            "decoded_before": one.setup, "seconds_each": one.seconds / n if n else None,
            "seconds_before": one.setup_seconds}


def artifacts_of(made: Control) -> list[Path]:
    """The images and what they are made of."""
    if not made.out:
        return []
    return [path for path in (Path(made.out), origin_of(Path(made.out))) if path.exists()]


def json_of(made: Control) -> str:
    bench, request = made.found.bench, made.request
    facts = {
        "model": made.model, "class": made.found.number, "name": made.name, "data": made.real.name, "n": request.n,
        "draws": request.draws, "seed": request.seed, "verdict": made.found.verdict.state,
        "method": made.found.verdict.method or None, "sentences": sentences(made),
        "guide": {"classifier": made.guide, "accuracy": bench.guide_accuracy, "accepts_from": made.found.target.accept,
                  "accepts_real": share_json(bench.accepted)},
        "judge": {"classifier": made.judge, "accuracy": bench.judge_accuracy, "real": share_json(bench.confirmed),
                  "impostors": share_json(bench.impostors)},
        "variety_in": made.eyes, "out": made.out or None,
        "latents": str(origin_of(Path(made.out))) if made.out else None,
    }
    return json.dumps({"condition": facts, "methods": [method_json(*pair) for pair in pairs(made.found)]}, indent=1,
                      allow_nan=False)


def share_json(share: Share) -> dict[str, Any]:
    return {"count": share.count, "n": share.n, "share": share.value if share.n else None,
            "interval": list(share.interval)}


def method_json(one: Found, row: Judged) -> dict[str, Any]:
    return {
        "method": one.method, "images": len(one), "offered": one.offered, "confirmed": share_json(row.confirmed),
        "p": row.p, "others": {str(k): count for k, count in row.leaks}, "vendi": row.vendi,
        "vendi_beside_rejection": row.beside_rejection, "vendi_beside_real": row.beside_real,
        "decodes": one.decodes, "seconds": one.seconds, "decodes_before": one.setup,
        "seconds_before": one.setup_seconds, "note": one.note,
    }
