"""Directions of toys whose factors are known, and beside second implementations."""

import numpy as np
import pytest
import torch
from torch import nn

from ganbench.gan.latent.directions import principal, regressed, scaled, sefa
from ganbench.gan.latent.first_layer import FirstLayers
from tests.refusals import refused

RANDOM = np.random.default_rng(1)
D = 8
FACTORS = np.linalg.qr(RANDOM.normal(size=(D, 2)))[0].T         # two orthogonal directions of the latent


class Toy(nn.Module):
    """Images whose brightness and contrast follow two known directions of z, strongly, and all others weakly."""

    def __init__(self):
        super().__init__()
        weights = 0.05 * RANDOM.normal(size=(64, D))
        weights[:32] += 3 * FACTORS[0]
        weights[32:] += 2 * FACTORS[1]
        self.first = nn.Linear(D, 64)
        self.first.weight.data = torch.tensor(weights, dtype=torch.float32)
        self.rest = nn.Linear(64, 16)

    def forward(self, z):
        return torch.tanh(self.rest(torch.relu(self.first(z)))).reshape(-1, 1, 4, 4)


def along(vectors, factors):
    return np.abs(np.sum(vectors * factors, axis=1))


def toy_layers(n=16):
    toy = Toy().eval()
    with torch.no_grad():
        return FirstLayers(toy, [torch.zeros(n, D)])


def test_the_first_directions_of_sefa_are_the_two_factors():
    found = sefa(toy_layers().weights(np.zeros(D, np.float32)))
    assert (along(found.vectors[:2], FACTORS) >= 0.95).all()
    assert found.shares[:2].sum() > 0.9


def test_the_first_directions_of_activations_are_the_two_factors():
    z = RANDOM.normal(size=(2_000, D)).astype(np.float32)
    found = regressed(toy_layers().activations(z), z)
    assert (along(found.vectors[:2], FACTORS) >= 0.95).all()
    assert (found.sigmas[:2] <= 1.05).all()


def test_sefa_is_the_singular_value_decomposition_of_the_weights():
    weights = [RANDOM.normal(size=(20, D)), RANDOM.normal(size=(7, D))]
    _, values, axes = np.linalg.svd(np.concatenate(weights))
    found = sefa(weights, D)
    np.testing.assert_allclose(along(found.vectors, axes), 1, atol=1e-5)
    np.testing.assert_allclose(found.shares, values**2 / (values**2).sum(), atol=1e-5)


def test_principal_components_are_the_eigenvectors_of_the_covariance():
    w = RANDOM.normal(size=(500, D)) * np.arange(1, D + 1) + 3
    values, axes = np.linalg.eigh(np.cov(w.T))
    found = principal(w, D)
    np.testing.assert_allclose(along(found.vectors, axes.T[::-1]), 1, atol=1e-5)
    np.testing.assert_allclose(found.sigmas, np.sqrt(values[::-1]), rtol=1e-5)
    np.testing.assert_allclose(scaled(found, w).sigmas, found.sigmas, rtol=1e-5)


def test_of_linear_activations_a_step_of_one_sigma_moves_them_by_one_sigma():
    layer = RANDOM.normal(size=(300, D)) * 2.0 ** np.arange(D)
    z = RANDOM.normal(size=(4_000, D))
    found = regressed(z @ layer.T, z, 3)
    axes = np.linalg.svd(layer, full_matrices=False)[2]
    assert (along(found.vectors, axes[:3]) > 0.99).all()
    np.testing.assert_allclose(found.sigmas, 1, rtol=0.05)
    assert len(found) == 3


@pytest.mark.parametrize("shape", [(40, 10), (10, 40)])
def test_more_activations_than_latents_or_fewer_give_the_same_components(shape):
    n, m = shape
    active = RANDOM.normal(size=(n, 4)) @ RANDOM.normal(size=(4, m))
    whole = np.linalg.svd(active - active.mean(0), full_matrices=False)[0]
    from ganbench.gan.latent.directions import centre, coordinates_of

    found, shares = coordinates_of(centre(active), 3)
    np.testing.assert_allclose(np.abs(found.T @ whole[:, :3]) / np.sqrt(n - 1), np.eye(3), atol=1e-6)
    assert shares.sum() <= 1 + 1e-9


def test_signs_are_settled():
    w = RANDOM.normal(size=(100, D))
    np.testing.assert_allclose(principal(w).vectors, principal(-w).vectors, atol=1e-4)


def test_classes_beside_the_latent_are_left_out_of_its_layers():
    first = nn.Linear(D + 3, 20)

    def network(z, classes):
        return torch.relu(first(torch.cat([z, classes], 1)))

    with torch.no_grad():
        layers = FirstLayers(network, [torch.zeros(4, D), torch.zeros(4, 3)])
    (found,) = layers.weights(np.zeros(D, np.float32), np.zeros(3, np.float32))
    np.testing.assert_allclose(found, first.weight.detach()[:, :D], atol=1e-6)


def test_what_has_no_directions_is_said():
    with refused("no-directions", 1):
        sefa([])
    with refused("no-directions", 2):
        principal(np.zeros((2, D)))
    with torch.no_grad(), refused("no-directions"):
        FirstLayers(lambda z: torch.tanh(z), [torch.zeros(2, D)])
