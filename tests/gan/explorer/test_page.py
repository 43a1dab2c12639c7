"""Pages as text: what is in them, in both languages, and what cannot be."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import clusters_of, end_to_end, principal_plane
from ganbench.gan.explorer.page import Named, exported, own, served
from ganbench.gan.explorer.texts import TEXTS
from ganbench.gan.generators.factory import WrappedLatent
from ganbench.gan.types import ModelSpec
from tests.explored import explored
from tests.refusals import refused

SOURCES = {name: own(name) for name in ("page.html", "explore.js", "around.js", "map.js", "film.js")}


@pytest.fixture
def dcgan():
    return explored("dcgan-fashion-mnist")


def test_every_word_that_a_page_uses_is_there_in_both_languages_and_no_other():
    whole = "".join(SOURCES.values())
    asked = set(re.findall(r"(?:data-[tl]=|\bt\(|refuse\()\"([^\"]+)\"", whole))
    begun = {start for start in asked if start.endswith(" ")} | {"save "}           # of which the end is computed
    assert asked - set(TEXTS) - begun == set()
    idle = {key for key in TEXTS if f'"{key}"' not in whole and not key.startswith(tuple(begun))}
    assert idle == set()
    for key, (english, french) in TEXTS.items():
        assert english.strip(), key
        assert french.strip(), key
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", french)), key


def test_every_element_that_a_script_asks_for_is_in_the_page():
    asked = {name for text in SOURCES.values() for name in re.findall(r"byId\(\"([\w-]+)\"\)", text)}
    there = set(re.findall(r'id="([\w-]+)"', SOURCES["page.html"])) | {"data", "engine", "worker"}
    assert asked <= there


def test_a_page_without_a_server_names_no_address_and_holds_the_weights(dcgan):
    text = exported([Named(dcgan, "zoo:dcgan-fashion-mnist")], "0")
    assert len(text) < 2.3e6
    assert not re.findall(r"https?://", text)
    assert "connect-src 'none'" in text
    data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', text, re.S)[1])
    page = data["models"][0]["page"]
    assert page["numbers"] == 100
    assert len(page["tests"]) == 4
    assert sum(np.prod(one["shape"]) for one in page["synthesis"]["constants"]) * 4 * 4 / 3 < len(text)


def test_a_served_page_holds_no_weights(dcgan):
    text = served([Named(dcgan, "zoo:dcgan-fashion-mnist")], "0")
    assert len(text) < 150_000
    assert "connect-src 'self'" in text


class Toy(nn.Module):
    """A network with an operation that is asked for."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.layer = inner, nn.Linear(6, 64)

    def forward(self, z):
        return torch.tanh(self.inner(self.layer(z)).reshape(-1, 1, 8, 8))


def wrapped(inner, tmp_path):
    spec = ModelSpec(name="toy", factory="toys:make", latent_shape=(6,), channels=1)
    torch.manual_seed(0)
    return Explored(WrappedLatent(Toy(inner).eval(), spec), spec)


def test_a_network_that_the_engine_cannot_run_is_refused_by_its_operation(tmp_path):
    with refused("no-page-engine"):
        exported([Named(wrapped(lambda x: torch.cumsum(x, 1), tmp_path), "toy.toml")], "0")


def test_places_are_inside_and_two_groups_are_apart():
    random = np.random.default_rng(0)
    rows = np.concatenate([random.normal(0, 1, (300, 20)), random.normal(6, 1, (300, 20))])
    places = end_to_end(principal_plane(rows))
    assert 0 <= places.min() <= places.max() <= 1
    assert abs(places[:300, 0].mean() - places[300:, 0].mean()) > 0.5
    found = np.array(clusters_of(rows))
    assert not set(found[:300]) & set(found[300:])


def test_models_that_draw_in_steps_and_those_without_latents_are_refused():
    for name in ("flow", "maskgit"):
        with refused("no-page-engine"):
            exported([Named(explored(f"{name}-fashion-mnist"), "zoo")], "0")
