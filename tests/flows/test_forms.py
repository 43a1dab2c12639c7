"""The forms in which Prefect's pages ask for parameters: made of the options, without a server."""

import inspect
from pathlib import Path
from typing import Literal

import pytest
import yaml

from ganbench.flows.audit import attribute, audit
from ganbench.flows.augment import augment
from ganbench.flows.baselines import baselines
from ganbench.flows.compare import THREE, asked_models, compare
from ganbench.flows.condition import condition
from ganbench.flows.deployments import wanted
from ganbench.flows.ensemble import ensemble
from ganbench.flows.evaluate import evaluate, what_of
from ganbench.flows.interpolate import interpolate
from ganbench.flows.invert import invert
from ganbench.flows.options import as_given, fill, schema_of
from ganbench.flows.publish import publish
from ganbench.flows.restore import restore
from ganbench.flows.specialise import specialise
from ganbench.flows.study import study
from ganbench.flows.stylize import stylize
from ganbench.flows.train import train
from ganbench.gan.models.names import ZOO, zoo_names
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.question import PRESET, Opening, Question, options_of

FLOWS = [evaluate, compare, ensemble, audit, attribute, train, baselines, specialise, interpolate, invert,
         condition, restore, augment, stylize, study, publish]


def form_of(flow):
    return flow.parameters.model_dump_for_openapi()


def cards_of(flow):
    return form_of(flow)["properties"].get("more", {"anyOf": [{}, {"properties": {}}]})["anyOf"][1]["properties"]


def fields_of(flow):
    """All fields, of the first ones and of the cards."""
    first = {name: field for name, field in form_of(flow)["properties"].items() if name != "more"}
    return first | {name: field for card in cards_of(flow).values() for name, field in card["properties"].items()}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_parameter_is_a_field_that_explains_itself_in_words_that_both_pages_show(flow):
    taken = set(inspect.signature(flow.fn).parameters) - {"more"}
    assert set(fields_of(flow)) == taken
    for name, field in fields_of(flow).items():
        assert field["title"] == field["title"].capitalize(), name
        said = field.get("description") or field["anyOf"][0]["description"]
        assert 20 < len(said) < 250, name
        assert "`" not in said, name


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_only_what_may_be_left_empty_is_optional_and_nothing_is_a_choice_between_types_of_python(flow):
    form = form_of(flow)
    for name, field in fields_of(flow).items():
        assert field.get("type") or field["anyOf"][1]["enum"], name
    for name in form["required"]:
        parameter = inspect.signature(flow.fn).parameters[name]
        assert parameter.default is parameter.empty or form["properties"][name]["default"] == parameter.default


def test_a_form_begins_with_few_fields_and_can_be_sent_as_it_is():
    form = form_of(evaluate)
    assert list(form["properties"]) == ["model", "protocol", "n", "more"]
    assert [field["position"] for field in form["properties"].values()] == [0, 1, 2, 3]
    assert form["required"] == ["model", "protocol"]
    assert form["properties"]["protocol"]["default"] == PRESET
    assert form["properties"]["more"]["default"] is None
    assert list(form_of(compare)["properties"]) == ["zoo", "models", "protocol", "n", "more"]


def test_the_zoo_can_be_chosen_and_a_path_be_written_in_the_classic_pages_too():
    """They take the first alternative of type string for any text: so that is the text, and the choice has no type."""
    zoo = {f"zoo:{name}" for name in zoo_names(ZOO)}
    text, choice = form_of(evaluate)["properties"]["model"]["anyOf"]
    assert text["type"] == "string"
    assert "enum" not in text
    assert set(choice["enum"]) == zoo
    assert "type" not in choice
    several = form_of(compare)["properties"]
    assert set(several["zoo"]["items"]["enum"]) == zoo
    assert several["models"]["items"] == {"type": "string"}


def test_choices_are_those_of_the_tables():
    assert set(fields_of(evaluate)["protocol"]["enum"]) == set(PROTOCOLS)
    assert set(fields_of(evaluate)["convention"]["enum"]) == set(CONVENTIONS)
    assert fields_of(evaluate)["by"]["enum"] == ["class", "cluster"]


def test_what_the_form_sends_is_what_the_command_line_says():
    sent = {"model": "m", "n": 20, "more": {"real_images": {"reference": "real", "held_out": None}, "scores": None,
                                            "weights_file": {"family": "dcgan", "trust_pickle": False}}}
    given = as_given(sent)
    assert given == {"model": "m", "n": 20, "reference": "real", "family": "dcgan", "trust_pickle": False}
    assert as_given({"model": "m", "more": None}) == as_given({"model": "m"}) == {"model": "m"}


def test_the_protocol_that_a_form_begins_with_does_not_count_where_a_reference_is():
    from ganbench.flows.options import Some

    some = Some(Question, tuple(options_of(Question)))
    empty = dict.fromkeys(options_of(Question))
    assert fill(some, empty | {"protocol": PRESET, "reference": "real"}, True) == Question(reference="real")
    assert fill(Some(Opening, ("family",)), {"family": "dcgan"}, True) == Opening(family="dcgan")


def test_a_comparison_of_no_named_models_is_of_three_of_the_zoo():
    assert asked_models(None, None) == asked_models([], []) == list(THREE)
    assert asked_models(["zoo:a"], ["b.pt"]) == ["zoo:a", "b.pt"]
    assert asked_models(None, ["b.pt"]) == ["b.pt"]


def test_the_name_of_a_run_says_how_many_images_also_when_that_is_the_protocols_number():
    nothing = {"reference": "", "protocol": PRESET, "n": None, "seed": 0}
    assert what_of(nothing) == ["n=2000", PRESET, "seed 0"]
    assert what_of(nothing | {"n": 50}) == ["n=50", PRESET, "seed 0"]
    assert what_of(nothing | {"more": {"real_images": {"reference": "a/real"}, "images": {"seed": 3}}}) == [
        "real", "seed 3"]
    assert what_of(nothing | {"protocol": "none"}) == ["none", "seed 0"]


def test_types_become_fields():
    assert schema_of(int | None) == {"type": "integer"}
    assert schema_of(Literal["a", "b"] | None) == {"type": "string", "enum": ["a", "b"]}
    assert schema_of(list[str] | None, ("a",)) == {"type": "array", "items": {"type": "string", "enum": ["a"]}}


def test_every_deployment_can_be_run_with_its_own_parameters_and_the_users_images():
    """Prefect asks for a value of each field that begins with one."""
    from prefect.utilities.schema_tools import validate

    for flow, row in wanted():
        schema = flow.parameters.model_dump()
        users = {"data": "photos", "images": ["a photo.png"], "image": "photos"}
        theirs = {name: value for name, value in users.items() if name in schema["properties"]}
        validate({**row["parameters"], **theirs}, schema, raise_on_error=True)


def test_teams_and_ganbench_ui_get_the_same_deployments():
    """prefect.yaml, and what `ganbench ui` makes without a checkout."""
    text = (Path(__file__).parents[2] / "prefect.yaml").read_text("utf-8")
    written = {row["name"]: row for row in yaml.safe_load(text)["deployments"]}
    made = {row["name"]: (flow, row) for flow, row in wanted()}
    assert written.keys() == made.keys()
    for name, (flow, row) in made.items():
        assert written[name]["entrypoint"] == f"{flow.fn.__module__}.{flow.fn.__name__}"
        assert written[name]["description"] == row["description"]
        assert written[name].get("parameters", {}) == row["parameters"]


@pytest.mark.parametrize(("flow", "first"), [
    (interpolate, ["model", "seeds", "frames"]), (invert, ["images", "model", "classes"]),
    (condition, ["model", "asked", "n"]), (restore, ["image", "model", "damage", "n"]),
    (augment, ["model", "data", "per_class", "seeds"]),
    (stylize, ["model", "content", "style", "strength", "method"]),
    (study, ["model", "data", "budget", "logs"]),
], ids=lambda one: getattr(one, "name", None))
def test_latent_spaces_have_forms_of_a_few_first_fields_and_the_defaults_of_the_command_line(flow, first):
    from typer.main import get_command

    from ganbench.flows.cli import app

    assert list(form_of(flow)["properties"]) == [*first, "more"]
    options = {one.name: one for one in get_command(app).commands[flow.name].params}
    fields = fields_of(flow)
    for name in fields.keys() & options.keys() - {"model", "out", "images", "image"}:
        assert fields[name].get("default", options[name].default) == options[name].default, name
    machine = {"json", "report", "device", "workers", "debug"}                          # flows always write a report
    assert fields.keys() == options.keys() - machine


def test_what_a_form_refuses_as_too_little_is_what_the_work_refuses():
    from ganbench.gan.controlling import LEAST
    from ganbench.gan.latent.inversion import Budget
    from ganbench.gan.question import Request, Wish
    from ganbench.gan.range_test import OWN

    assert {name: options_of(Request)[name].least for name in LEAST} == LEAST
    assert (Wish().starts, Wish().steps, Wish().own) == (Budget().starts, Budget().steps, OWN)
