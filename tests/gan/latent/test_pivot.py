"""Pivotal tuning of a linear network: the pivot comes near, others stay, and the original is as it was."""

import hashlib

import pytest
import torch
from torch import nn

from ganbench.gan.latent.pivot import Tuning, tuned
from tests.refusals import refused


def digest(network):
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in network.state_dict().values())).hexdigest()


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 9)).requires_grad_(False)
    return made.eval()


def decode(network, latents, rows):
    return network(latents).view(-1, 1, 3, 3)


def given(n=1):
    random = torch.Generator().manual_seed(1)
    return (torch.randn(n, 6, generator=random), torch.rand(n, 1, 3, 3, generator=random) * 2 - 1,
            torch.randn(40, 6, generator=random))


def test_the_pivots_come_nearer_and_the_original_is_untouched(network):
    pivots, targets, others = given(2)
    before, seen = digest(network), []
    copy = tuned(network, decode, pivots, targets, others, Tuning(300, 1e-2, 0), lambda *at: seen.append(at))
    assert digest(network) == before
    assert digest(copy) != before
    assert not any(parameter.requires_grad for parameter in (*network.parameters(), *copy.parameters()))
    rows = torch.arange(2)
    assert (decode(copy, pivots, rows) - targets).abs().max() < 0.02
    assert (decode(network, pivots, rows) - targets).abs().max() > 0.5
    assert seen[-1] == (300, 300)


def test_locality_holds_images_half_way_to_others(network):
    pivots, targets, others = given()

    def drift(locality):
        copy = tuned(network, decode, pivots, targets, others, Tuning(200, 1e-2, locality))
        halfway = pivots + 0.5 * (torch.randn(200, 6, generator=torch.Generator().manual_seed(9)) - pivots)
        return float((network(halfway) - copy(halfway)).square().mean())

    assert drift(10.0) < drift(1.0) < drift(0.0)


def test_it_works_where_gradients_are_off_and_ends_when_told_to(network):
    def stop(done, steps):
        raise InterruptedError

    with torch.inference_mode():
        tuned(network, decode, *given(), Tuning(2))
        with pytest.raises(InterruptedError):
            tuned(network, decode, *given(), Tuning(2), stop)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rate": 0}, {"locality": -1}, {"reach": 0}, {"reach": 2}])
def test_a_tuning_that_is_none_is_refused(wrong):
    with refused("unfit-value", next(iter(wrong.values()))):
        Tuning(**wrong)
