"""What a study plans: everything within the budget, the same plan after a kill, and words for what is left out."""

import dataclasses

import pytest

from ganbench.gan.study.options import Study
from ganbench.gan.study.paces import Kind, Paces
from ganbench.gan.study.planning import (
    FEATURES,
    LEAST_STEPS,
    Facts,
    kept_plan,
    planned,
    seconds_of_budget,
    write_plan,
)
from ganbench.gan.study.stages import STAGES, THEMES, left_out
from ganbench.gan.study.texts import SAID, THEME, TITLE, WHY, WORK
from tests.refusals import refused

FACTS = Facts(real=3_000, held_out=600, classes=10, is_images=False, searched=True, logs=1, others=0)
PACES = Paces(0.001, FEATURES, {"r3gan": Kind(0.2, 30), "flow": Kind(0.1, 60), "gpt": Kind(0.05, 40)})


def plan(budget="1h", facts=FACTS, paces=PACES, **options):
    return planned(Study("photos", budget=budget, **options), facts, paces, "key")


def whys(found):
    return {row.name: row.why for row in found.rows if row.why}


@pytest.mark.parametrize("budget", ["12m", "20m", "1h", "8h"])
@pytest.mark.parametrize("slow", [0.5, 1, 2])
def test_a_plan_never_exceeds_its_budget_and_gives_all_kinds_of_baselines_the_same_time(budget, slow):
    paces = Paces(PACES.image * slow, FEATURES * slow,
                  {name: Kind(kind.step * slow, kind.fixed * slow) for name, kind in PACES.kinds.items()})
    found = plan(budget, paces=paces)
    assert found.seconds <= seconds_of_budget(budget)
    times = [paces.kinds[name].step * steps + paces.kinds[name].fixed for name, steps in found.steps.items()]
    assert all(abs(one - times[0]) < max(kind.step for kind in paces.kinds.values()) for one in times)


def test_an_hour_has_room_for_everything_and_what_is_left_of_it_goes_into_the_trainings():
    found = plan()
    assert whys(found) == {}
    assert [row.name for row in found.rows] == list(STAGES)
    assert min(found.steps.values()) >= LEAST_STEPS
    assert found.seconds > 0.8 * 3_600
    assert plan("2h").steps["gpt"] > 1.9 * found.steps["gpt"]


def test_a_small_budget_leaves_the_trainings_out_and_then_there_is_nothing_to_compare_with():
    found = plan("6m")
    assert whys(found) == {"baselines": "budget", "compare": "alone", "ensemble": "alone"} | (
        {} if found.classifier else {"augment": "budget"})
    assert found.steps == {}
    assert "compare" not in whys(plan("8m", dataclasses.replace(FACTS, others=1)))


def test_what_cannot_be_done_is_left_out_with_its_reason():
    assert whys(plan(facts=dataclasses.replace(FACTS, classes=0, logs=0))) == {
        "curves": "no logs", "augment": "no classes"}
    images = whys(plan(facts=dataclasses.replace(FACTS, is_images=True)))
    assert {name for name, why in images.items() if why == "images"} == {
        "explore", "interpolate", "restore", "stylize", "specialise", "publish"}
    assert whys(plan(without="apply,curves")) == dict.fromkeys(("augment", "restore", "stylize", "curves"), "asked")


@pytest.mark.parametrize(("without", "code", "fact"), [
    ("evaluate", "conflicting-options", "evaluate"), ("films", "unknown-choice", "films"),
    ("curves,data", "conflicting-options", "data")])
def test_stages_that_do_not_exist_or_are_needed_are_refused_by_name(without, code, fact):
    with refused(code, fact):
        left_out(without)


@pytest.mark.parametrize("budget", ["", "300", "soon", "-1h", "0m"])
def test_a_budget_is_a_time(budget):
    with refused("unfit-value", "--budget"):
        seconds_of_budget(budget)


def test_a_budget_that_nothing_fits_into_is_refused_with_what_it_takes():
    with refused("small-budget", "1m", "--n", "--without"):
        plan("1m")


def test_a_resumed_study_follows_the_plan_that_it_began_with_and_another_question_gets_another(tmp_path):
    found = plan()
    write_plan(tmp_path, found)
    assert kept_plan(tmp_path, "key") == found
    assert kept_plan(tmp_path, "another") is None
    (tmp_path / "plan.json").write_text("{", "utf-8")
    assert kept_plan(tmp_path, "key") is None


def test_every_stage_has_a_title_and_every_text_says_the_same_facts_in_both_languages():
    assert TITLE.keys() == WORK.keys() == set(STAGES)
    assert THEME.keys() == THEMES.keys()
    for texts in (*SAID.values(), *TITLE.values(), *WORK.values(), *WHY.values(), *THEME.values()):
        english, french = ({part.split("}")[0] for part in text.split("{")[1:]} for text in texts)
        assert english == french, texts
