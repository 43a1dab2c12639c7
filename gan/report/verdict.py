"""The verdict in sentences, each in English and in French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganbench.gan.compare import unsound
from ganbench.gan.ensemble import WHOLE
from ganbench.gan.numbers import decimals, english, french
from ganbench.gan.report.document import Clash, Document, MixtureFacts, RankingFacts
from ganbench.gan.report.texts import Bilingual, both
from ganbench.gan.tables import SOME, Row, about
from ganbench.gan.types import Caveat
from ganbench.gan.words import NEAREST, caution, joined, verdict_of


def sentences(document: Document) -> list[Bilingual]:
    """The most important first."""
    lead = document.rankings[0]
    same = same_models({model.name: model.digest for model in document.models})
    near = nearness(document, lead)
    mixed = [mixture(document.ensemble), *doubts(document)] if document.ensemble else []
    return [leaders(lead), *same, *([near] if near else []), *alerts(document), *disagreements(document.disagreements),
            *trade_offs(document), *mixed]


def trade_offs(document: Document) -> list[Bilingual]:
    """The Pareto-optimal models, without those whose images are not their own or hardly differ."""
    names = document.front.models if document.front else ()
    sound = [name for name in names if not why_unsound(document, name)]
    return [both("front", models=listed(sound))] if sound else []


def same_models(digests: Mapping[str, str]) -> list[Bilingual]:
    """Names of one model: its digest, by name, is equal."""
    names: dict[str, list[str]] = {}
    for name, digest in digests.items():
        names.setdefault(digest, []).append(name)
    return [both("one model", models=listed(same)) for same in names.values() if len(same) > 1]


def warnings(document: Document) -> list[Bilingual]:
    """The caveats of all scores, each once, after the names of the metrics that it is about."""
    found = []
    for note in document.table.notes:
        said = caution(note.caveat, "en"), caution(note.caveat, "fr")
        what = about(note, "en").removesuffix(": "), about(note, "fr").removesuffix(": ")
        found.append(both("said of", what=what, said=said) if all(what) else said)
    return found


def machine(document: Document) -> Bilingual:
    """The machine on which speed was measured."""
    cost = next(model.cost for model in document.models if model.cost.measured_on)
    if not cost.cores:
        return cost.measured_on, cost.measured_on
    return both("one thread", processor=cost.measured_on, cores=str(cost.cores))


def alerts(document: Document) -> list[Bilingual]:
    """The most important alert about each model that has one."""
    found = []
    for model in document.models:
        first = next((row for row in (model.analysis.findings if model.analysis else ()) if row.severity == "alert"),
                     None)
        if first:
            found.append((f"{model.name}: {first.sentence.en}",
                          f"{model.name}\N{NO-BREAK SPACE}: {first.sentence.fr}"))
    return found


def disagreements(rows: Sequence[Clash]) -> list[Bilingual]:
    """One sentence for each two metrics, with all pairs of models on which they disagree."""
    pairs: dict[tuple[str, str], list[Bilingual]] = {}
    for row in rows:
        pairs.setdefault((row.one, row.other), []).append(both("better than", better=row.better, worse=row.worse))
    return [both("disagreement", one=one, other=other, pairs=(", ".join(en for en, _ in said),
                                                              ", ".join(fr for _, fr in said)))
            for (one, other), said in pairs.items()]


def leaders(lead: RankingFacts) -> Bilingual:
    """Which model is best, without a word of statistics."""
    en, fr = (verdict_of(lead.row, lead.metric, lead.models, lead.leaders, language) for language in ("en", "fr"))
    return en, fr


def nearness(document: Document, lead: RankingFacts) -> Bilingual | None:
    """The best model's score compared with the floor: significantly worse if by more than two standard errors of the
    difference."""
    row = lead_row(document)
    score = row.cells[0]
    if score is None or score.floor is None or row.better == "undecided":
        return None
    low, high = score.low, score.high
    gap = (score.value - score.floor) * (-1 if row.better == "higher" else 1)
    facts = {name: (english(value, score.decimals), french(value, score.decimals))
             for name, value in (("value", score.value), ("floor", score.floor), ("low", low), ("high", high))}
    if gap > 2 * 2**0.5 * score.se:
        key = "far from real" if lead.row in NEAREST else "far by"
        return both(key, value=facts["value"], floor=facts["floor"], metric=lead.metric)
    return both("as near as real", model=lead.models[0], **facts)


def mixture(found: MixtureFacts) -> Bilingual:
    """Whether the best mixture is better than the best model, on images that were not used to choose it."""
    digits = decimals(found.gain_se) if found.gain_se > 0 else decimals(found.se)
    numbers = {name: (english(value, digits), french(value, digits))
               for name, value in (("gain", found.gain), ("low", found.low), ("high", found.high))}
    if max(found.shares) > WHOLE:
        return both("mixture of one", best=found.best_single)
    parts = sorted(zip(found.shares, found.models, strict=True), reverse=True)
    named = [(f"{100 * share:.0f}\N{NO-BREAK SPACE}% {name}",) * 2 for share, name in parts if share >= SOME]
    shares = ", ".join(pair[0] for pair in named), ", ".join(pair[1] for pair in named)
    if found.low > 0:
        return both("mixture helps", shares=shares, best=found.best_single, **numbers)
    return both("mixture does not help", best=found.best_single, **numbers)


def doubts(document: Document) -> list[Bilingual]:
    """What is the matter with models that are part of a recommended mixture: it takes from a model what is near to real
    images, copies and a single picture too."""
    found, mixed = [], document.ensemble
    if not mixed or max(mixed.shares) > WHOLE or mixed.low <= 0:
        return []
    for name, share in zip(mixed.models, mixed.shares, strict=True):
        why = why_unsound(document, name) if share >= SOME else None
        if why:
            found.append(both("mixture doubtful", models=name, why=why))
    return found


def why_unsound(document: Document, name: str) -> Bilingual | None:
    caveats = [caveat for score in document.scores if score.model == name for caveat in score.caveats]
    analysis = next((model.analysis for model in document.models if model.name == name), None)
    found = unsound(caveats, analysis.findings if analysis else ())
    if isinstance(found, Caveat):
        return caution(found, "en"), caution(found, "fr")
    return (found.sentence.en.rstrip("."), found.sentence.fr.rstrip(".")) if found else None


def lead_row(document: Document) -> Row:
    """The leading metric's row of the table of scores."""
    return next(row for row in document.table.rows if row.name == document.protocol.lead)


def listed(names: Sequence[str]) -> Bilingual:
    """`a, b and c`."""
    return joined(names, "en"), joined(names, "fr")


def letters(model: str, groups: Sequence[Sequence[str]]) -> str:
    """Models that share a letter do not differ significantly: Piepho's compact letter display."""
    return "".join(chr(ord("a") + k % 26) for k, group in enumerate(groups) if model in group)
