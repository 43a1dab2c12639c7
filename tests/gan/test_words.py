"""Sentences of findings and caveats: both languages say the same facts, and nobody's names are translated."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from ganbench.gan import gates, scoring
from ganbench.gan.codes import CODES
from ganbench.gan.types import Caveat, Finding
from ganbench.gan.words import CAVEATS, FORMS, LANGUAGES, NEEDS, REFUSALS, SENTENCES, WORDS, caution, of_slice, sentence

ALL = {**SENTENCES, **CAVEATS}
EXAMPLES = {"": "edges", "of": "edges", "kinds": "class", "word": "edges", "words": ["labels", "logits"],
            "names": ["edges", "ct"], "needs": {"of": list(NEEDS), "least": 100}, "refusal": "too-few-images"}


def fields(text: str) -> dict[str, str]:
    """Facts of a sentence, and how each is shown."""
    return {name: form or "" for _, name, form, _ in Formatter().parse(text) if name}


def said(rule: str, facts, language: str) -> str:
    if rule in CAVEATS:
        return caution(Caveat(rule, facts), language)
    return sentence(Finding("info", rule, facts), language)


@pytest.mark.parametrize("rule", ALL)
def test_both_languages_say_the_same_facts_in_the_same_forms(rule):
    english, french = ALL[rule]
    assert english != french
    assert fields(english) == fields(french)
    assert set(fields(english).values()) <= set(FORMS)


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_can_be_said(rule, language):
    facts = {name: EXAMPLES.get(form, 1234.5) for name, form in fields(ALL[rule][0]).items()}
    assert "{" not in said(rule, facts, language)


@pytest.mark.parametrize("name", ["edges", "training", "reference", "rouge", "red", "cluster", "<b>"])
def test_names_that_somebody_gave_stay_as_they_are(name):
    for rule, (text, _) in ALL.items():
        names = [fact for fact, form in fields(text).items() if form in ("", "of")]
        facts = {fact: EXAMPLES.get(form, 0.25) for fact, form in fields(text).items()} | dict.fromkeys(names, name)
        for language in LANGUAGES:
            assert said(rule, facts, language).count(name) >= len(names), rule


def test_our_own_words_are_translated():
    edges = Finding("warning", "appearance_distribution", {"name": "edges", "spread": 1.5})
    assert sentence(edges).startswith("The distribution of the strength of edges differs from that of real images")
    assert sentence(edges, "fr").startswith("Pour l'intensité des contours, la distribution s'écarte")
    lattice = Finding("info", "lattice", {"direction": "vertical", "period": 2, "amplitude": 3.0})
    assert "vertical checkerboard artefacts with a period of 2 pixels" in sentence(lattice)
    assert "artefacts en damier verticaux d'une période de 2 pixels" in sentence(lattice, "fr")
    lacking = Caveat("left out", {"metrics": ["ct"], "needs": {"of": ["training", "images"], "least": 100}})
    assert caution(lacking) == (
        "not computed: ct; needed: the model's training images (--training), and at least 100 images of each set")
    assert caution(lacking, "fr") == (
        "non calculé : ct ; il faudrait les images d'entraînement du modèle (--training), et au moins 100 images par "
        "ensemble")
    assert all(len(pair) == len(LANGUAGES) for pair in WORDS.values())


def test_why_a_metric_is_not_computed_is_said_in_either_language():
    for code in (*REFUSALS, "root-does-not-fit"):
        left_out = Caveat("not for these images", {"metric": "ct", "why": code})
        english, french = caution(left_out), caution(left_out, "fr")
        assert english.startswith("ct is not computed: ")
        assert french.startswith("ct n'est pas calculé : ")
        assert english.split(": ")[1] not in french
    assert set(REFUSALS) <= set(CODES)


def test_numbers_are_those_of_the_language():
    few = gates.too_few_images(2_000, 1_280)
    assert "with 2,000 images: at least 5 × 1,280 are needed" in caution(few)
    assert "2\u202f000 images : il faudrait au moins 5 × 1\u202f280 images" in caution(few, "fr")
    assert "précision 0,95 avec rappel 0,01" in caution(gates.narrow(0.95, 0.01), "fr")


def test_every_caveat_that_is_made_has_words_for_its_facts():
    sources = [Path(module.__file__).read_text("utf-8") for module in (gates, scoring)]
    calls = [node for source in sources for node in ast.walk(ast.parse(source))
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Caveat" and len(node.args) > 0
             and isinstance(node.args[0], ast.Constant)]
    assert len(calls) > 14
    for call in calls:
        facts = {key.value for key in call.args[1].keys} if len(call.args) > 1 else set()
        assert facts == set(fields(CAVEATS[call.args[0].value][0])), call.args[0].value


PRECISION = Finding("warning", "slice_unlike", {"name": "sandal", "value": 0.6, "real": 0.8})


def test_classes_have_french_names_where_the_data_set_has_them():
    french = {"sandal": "sandales", "airplane": "avions", "horse": "chevaux"}
    assert sentence(PRECISION, "fr", french).startswith("Les images de sandales sont mal dessinées\xa0: 60\xa0% sont ")
    assert sentence(PRECISION, "fr", french).endswith("contre 80\xa0% pour de vraies images.")
    assert "Les images de la classe «\xa0sandal\xa0» sont mal" in sentence(PRECISION, "fr")
    assert sentence(PRECISION, "en", french).startswith("Images of the class sandal have low precision: 60")
    assert of_slice(("airplane", "avions"), "fr") == "d’avions"
    assert of_slice(("horse", "chevaux"), "fr") == "de chevaux"
    assert of_slice("cluster 3", "fr") == "du groupe 3"
    assert of_slice("cluster 3", "en") == "of cluster 3"


def test_all_slices_are_counted_in_the_plural():
    alike = Finding("strength", "shares_alike", {"by": "class", "slices": 10, "within": 0.01})
    assert sentence(alike).startswith("The shares of all 10 classes match")
    assert sentence(alike, "fr").startswith("Les parts des 10 classes sont toutes")
