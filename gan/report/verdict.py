"""The verdict in sentences, each in English and in French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganbench.gan.ensemble import WHOLE
from ganbench.gan.numbers import decimals, english, french
from ganbench.gan.report.texts import both

Pair = tuple[str, str]
AND = " and ", " et "


def sentences(document: Mapping[str, Any]) -> list[Pair]:
    """The most important first."""
    lead = document["rankings"][0]
    found = [nearness(document, lead)]
    found += disagreements(document["disagreements"])
    if document["front"]:
        found.append(both("front", models=joined(document["front"]["models"])))
    if document["ensemble"]:
        found.append(mixture(document["ensemble"]))
    return [leaders(lead), *alerts(document), *(pair for pair in found if pair)]


def warnings(document: Mapping[str, Any]) -> list[Pair]:
    """What scores themselves say is to be kept in mind, each once, behind the metrics that say it."""
    said: dict[Pair, dict[str, None]] = {}
    for model in document["models"]:
        for score in model["scores"]:
            for caveat in score["caveats"]:
                pair = caveat["sentence"]["en"], caveat["sentence"]["fr"]
                said.setdefault(pair, {})[score["metric"]] = None
    return [both("said of", what=", ".join(metrics), said=pair) for pair, metrics in said.items()]


def machine(document: Mapping[str, Any]) -> Pair:
    """Where speed was measured."""
    cost = next(model["cost"] for model in document["models"] if model["cost"]["measured_on"])
    if not cost["cores"]:
        return cost["measured_on"], cost["measured_on"]
    return both("one thread", processor=cost["measured_on"], cores=str(cost["cores"]))


def alerts(document: Mapping[str, Any]) -> list[Pair]:
    """The most important thing that is wrong with each model, where there is something."""
    found = []
    for model in document["models"]:
        first = next((row for row in (model["analysis"] or {"findings": []})["findings"] if row["severity"] == "alert"),
                     None)
        if first:
            found.append((f"{model['name']}: {first['sentence']['en']}",
                          f"{model['name']}\N{NO-BREAK SPACE}: {first['sentence']['fr']}"))
    return found


def disagreements(rows: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """One sentence for two metrics, whatever pairs of models they disagree on."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        pairs.setdefault((row["one"], row["other"]), []).append(f"{row['better']} > {row['worse']}")
    return [both("disagreement", one=one, other=other, pairs=", ".join(said)) for (one, other), said in pairs.items()]


def leaders(lead: Mapping[str, Any]) -> Pair:
    count = str(len(lead["models"]))
    if len(lead["leaders"]) == 1:
        return both("one best", model=lead["leaders"][0], count=count, metric=lead["metric"])
    return both("several best", models=joined(lead["leaders"]), count=count, metric=lead["metric"])


def nearness(document: Mapping[str, Any], lead: Mapping[str, Any]) -> Pair | None:
    """Of the best model, beside real images: by two standard errors of both."""
    best = next(model for model in document["models"] if model["name"] == lead["models"][0])
    score = next(row for row in best["scores"] if row["metric"] == lead["metric"])
    lower = next(row for row in document["metrics"] if row["name"] == lead["metric"])["lower_is_better"]
    if score["floor"] is None:
        return None
    gap = (score["value"] - score["floor"]) * (1 if lower else -1)
    digits = decimals(score["se"])
    facts = {name: (english(score[name], digits), french(score[name], digits)) for name in ("value", "floor")}
    if gap > 2 * 2**0.5 * score["se"]:
        return both("far from real", **facts)
    return both("as near as real", model=best["name"], **facts)


def mixture(found: Mapping[str, Any]) -> Pair:
    """Whether the best mixture is better than the best model, on images that did not choose it."""
    digits = decimals(found["gain_se"]) if found["gain_se"] > 0 else decimals(found["se"])
    numbers = {name: (english(found[name], digits), french(found[name], digits)) for name in ("gain", "low", "high")}
    if max(found["shares"]) > WHOLE:
        return both("mixture of one", best=found["best_single"])
    parts = sorted(zip(found["shares"], found["models"], strict=True), reverse=True)
    named = [(f"{100 * share:.0f}\N{NO-BREAK SPACE}% {name}",) * 2 for share, name in parts if share >= 0.005]
    shares = ", ".join(pair[0] for pair in named), ", ".join(pair[1] for pair in named)
    if found["low"] > 0:
        return both("mixture helps", shares=shares, best=found["best_single"], **numbers)
    return both("mixture does not help", best=found["best_single"], **numbers)


def joined(names: Sequence[str]) -> Pair:
    """`a, b and c`."""
    if len(names) == 1:
        return names[0], names[0]
    start = ", ".join(names[:-1])
    return start + AND[0] + names[-1], start + AND[1] + names[-1]


def letters(model: str, groups: Sequence[Sequence[str]]) -> str:
    """Models that share a letter cannot be told apart: Piepho's compact display."""
    return "".join(chr(ord("a") + k % 26) for k, group in enumerate(groups) if model in group)
