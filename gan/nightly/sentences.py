"""What a night says, in sentences: verdicts, events, and what is left of alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganbench.gan.nightly.alpha import Spending
from ganbench.gan.nightly.history import Night, Verdict
from ganbench.gan.nightly.suite import Suite
from ganbench.gan.numbers import decimals

DIGITS = 8              # of a digest
FEW = 3                 # models that a headline names


def number(value: float, se: float) -> str:
    """With two significant digits of its error."""
    return f"{value:.{decimals(se)}f}"


def signed(value: float, se: float) -> str:
    return f"{value:+.{decimals(se)}f}"


def named(entry: str, snapshot: str) -> str:
    """`my-gan: 001000`; a model that has one snapshot only has one name."""
    return entry if entry == snapshot else f"{entry}: {snapshot}"


def verdict_sentence(verdict: Verdict, short: str) -> str:
    """`dcgan-early is worse than dcgan by more than the margin: kid +0.0802 (0.0739 to 0.0865), margin 0.002.`"""
    name = named(verdict.entry, verdict.snapshot)
    if verdict.said == "baseline":
        return f"{name} is the baseline."
    if verdict.said == "cannot tell":
        return f"{untold_sentence([verdict], {verdict.metric: short})} {difference_of(verdict, short)}."
    still = "still " if verdict.nights > 1 else ""
    head = {
        "worse": f"{name} is {still}worse than {verdict.baseline} by more than the margin",
        "better": f"{name} is better than {verdict.baseline}",
        "not worse": f"{name} is not worse than {verdict.baseline} by more than the margin",
        "open": f"{name} is not shown to be worse than {verdict.baseline}, nor to be within the margin",
    }[verdict.said]
    return f"{head}: {difference_of(verdict, short)}{margin_of(verdict)}."


def untold_sentence(rows: Sequence[Verdict], names: Mapping[str, str]) -> str:
    """`mine: no margin is given for fd and is, and there are 0 of 5 benign snapshots, so a regression cannot ...`"""
    models = list(dict.fromkeys(named(row.entry, row.snapshot) for row in rows))
    metrics = together(list(dict.fromkeys(names[row.metric] for row in rows)))
    found = {row.margin_from for row in rows}
    there = f"there are {found.pop()}" if len(found) == 1 else "there are too few benign snapshots"
    who = models[0] if len(models) == 1 else f"{len(models)} models"
    return f"{who}: no margin is given for {metrics}, and {there}, so a regression cannot be told from a new snapshot."


def together(words: Sequence[str]) -> str:
    """`fd, is and recall`"""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def difference_of(verdict: Verdict, short: str) -> str:
    """`difference in kid +0.0802 (95 % interval 0.0739 to 0.0865, 1 fresh draw of each)`"""
    if verdict.difference is None or verdict.se is None or verdict.low is None or verdict.high is None:
        return f"no difference in {short}"
    drawn = f", from {verdict.draws} fresh draw{'s' * (verdict.draws != 1)}" if verdict.draws else ""
    ends = f"{signed(verdict.low, verdict.se)} to {signed(verdict.high, verdict.se)}"
    gap = signed(verdict.difference, verdict.se)
    return f"{short} differs by {gap} (95 % interval {ends}{drawn}; above 0 is worse)"


def margin_of(verdict: Verdict) -> str:
    if verdict.margin is None or verdict.se is None:
        return ""
    return f", margin {verdict.margin:.3g} ({verdict.margin_from})"


def digests_of(verdict: Verdict) -> str:
    """`weights 707f2f1d, baseline bd6161ee`"""
    return f"model {verdict.digest[:DIGITS]}, baseline {verdict.baseline_digest[:DIGITS]}"


def told(night: Night) -> list[tuple[str, str]]:
    """The verdicts of a night that need a person, `worse` and `open`, each with its sentence and both digests."""
    names = shorts(night)
    return [(row.said, f"{verdict_sentence(row, names[row.metric])} {digests_of(row)}")
            for row in night.verdicts if row.said in ("worse", "open")]


def alpha_left(suite: Suite, night: Night) -> str:
    """`alpha left 0.025 of 0.05 for this period of 30 nights`: what suspicions have not spent yet."""
    fresh = sum(row.margin is not None and "benign" not in row.margin_from for row in night.verdicts)
    spending = Spending(suite.gate.alpha, suite.gate.nights, fresh, len(night.verdicts) - fresh)
    left = spending.left(night.state.get("gate", {}).get("opened", 0)) + spending.of_nightly
    return f"alpha left {left:.3g} of {spending.alpha:g} for this period of {spending.nights} nights"


def event_sentence(event: Mapping[str, Any]) -> str:
    """One line about something that happened."""
    kind = event["kind"]
    if kind == "drift":
        what = "; ".join(event["what"])
        if event["harmless"]:
            return (f"The toolchain is another one ({what}). The golden images get the same numbers to the last bit, "
                    "so it is accepted from the next night on. No model was judged tonight.")
        far = "" if event["moved"] is None else f" Their scores moved by up to {event['moved']:.2g} standard errors."
        return (f"The toolchain is another one: {what}.{far} No model was judged, and none will be until it is "
                "accepted: `ganbench history SUITE --accept toolchain`.")
    if kind == "refused":
        return f"{event['entry']} could not be measured. {event['why']}"
    if kind == "accepted":
        return f"Accepted: {event['what']}{' - ' + event['why'] if event.get('why') else ''}."
    if kind == "regression":
        return (f"Regression: {event['entry']} is worse in {', '.join(event['metrics'])} "
                f"(model {event['digest'][:DIGITS]}, baseline {event['baseline'][:DIGITS]}).")
    if kind == "recovery":
        return f"Recovery: {event['entry']} is within the margin again."
    if kind == "limit":
        return f"{event['entry']} costs too much: {'; '.join(event['why'])}."
    if kind == "flagged":
        return f"{named(event['entry'], event['snapshot'])} can hold no title: {', '.join(event['why'])}."
    if kind == "elected":
        lead = f"{event['metric']} better by {number(event['lead'], event['se'])} ± {number(event['se'], event['se'])}"
        name = named(event["entry"], event["snapshot"])
        return (f"New champion: {name} ({event['digest'][:DIGITS]}), before {event['before'] or 'none'}; "
                f"{lead} in {event['draws']} fresh draws, significantly better than every other model.")
    return f"{named(event['entry'], event['snapshot'])} challenged the champion and did not win: {event['why']}."


def headline(night: Night) -> str:
    """The night in one sentence."""
    if night.exit == 4:
        return f"Night {night.number}: the toolchain drifted; no model was judged."
    worse = sorted({verdict.entry for verdict in night.verdicts if verdict.said == "worse"})
    costly = sorted({event["entry"] for event in night.events if event["kind"] == "limit"})
    new = sum(one.since == night.number for one in night.observations)
    what = f"{new} new snapshot{'s' * (new != 1)}" if new else "nothing new, so nothing was drawn and no alpha spent"
    refused = sorted({event["entry"] for event in night.events if event["kind"] == "refused"})
    if refused:
        what += f"; {called(refused)} could not be measured"
    if worse or costly:
        parts = [f"{called(worse)} fell behind"] * bool(worse)
        parts += [f"{called(costly)} {'costs' if len(costly) == 1 else 'cost'} too much"] * bool(costly)
        return f"Night {night.number}: {' and '.join(parts)} ({what})."
    return f"Night {night.number}: no regression ({what})."


def called(models: Sequence[str]) -> str:
    """Models by name, or how many they are."""
    return together(models) if len(models) <= FEW else f"{len(models)} models"


def shorts(night: Night) -> dict[str, str]:
    """Metric -> its name in tables."""
    return {metric: value.short or metric for one in night.observations for metric, value in one.scores.items()}
