"""The line of text that says what is seen: read, written, and refused."""

import numpy as np
import pytest

from ganbench.gan.explorer.state import Latent, Layers, Shift, State, Style, state_of
from ganbench.gan.interpolation import Place
from tests.refusals import refused


@pytest.mark.parametrize("text", [
    "seed=0", "seed=3:5", "seed=9223372036854775807:281474976710655", "seed=3,class=7", "seed=3,class=7:0.4+9:0.6",
    "seed=3,truncation=0.7", "seed=3,pca1=2.5,sefa3=-1@2-5", "seed=3,style=8:2@4-7,pca2=0.0001",
    "seed=1,z=AACAPwAAAEA", "seed=1,w+=AACAPwAAAEA", "seed=1,steps=4,guidance=2.5", "seed=1,top-k=5,keep=9,redraw=8:1",
])
def test_what_is_written_is_read_and_written_again(text):
    assert state_of(text).text == text


def test_the_parts_mean_what_they_say():
    found = state_of("seed=3:5, class=7:1+9:3 truncation=.5,style=8@2,pca1=2@3-4,w=AACAPwAAAEA")
    assert found == State(
        Place(3, 5), Latent("w", (1.0, 2.0)), ((7, 0.25), (9, 0.75)), 0.5, (Shift("pca", 1, 2.0, Layers(3, 4)),),
        (Style(Place(8), Layers(2, 2)),))


def test_the_last_word_on_a_direction_counts_and_zero_is_none():
    assert state_of("pca1=2,pca2=1,pca1=3").text == "seed=0,pca2=1,pca1=3"
    assert state_of("pca1=2,pca1=0").text == "seed=0"


def test_a_latent_keeps_its_bits():
    numbers = tuple(np.random.default_rng(0).normal(size=100).astype(np.float32).tolist())
    assert state_of(State(latent=Latent("z", numbers)).text).latent == Latent("z", numbers)


@pytest.mark.parametrize("wrong", [
    "seed=-1", f"seed={2**63}", f"seed={2**70}", "seed=1.5", "seed=1:", "seed=", "seed", "class=x", "class=1:-1+2:2",
    "class=1:0",
    "truncation=nan", "truncation=1e3", "pca0=1", "pca1=", "pca100=1", "pca1=1@0-3", "pca1=1@5-2", "ica1=2",
    "z=AAAA", "z=!!", "z=", "w=AADAfw", "style=3@", "=3", "seed=3;class=2",
])
def test_what_is_not_understood_is_named(wrong):
    with refused("malformed-state"):
        state_of(wrong)
