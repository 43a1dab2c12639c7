from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganbench.gan.metrics import likelihood
from ganbench.gan.metrics.likelihood import Mixture, fit, fld, fld_gap, fld_precision, nats_of
from ganbench.gan.uncertainty import interval
from tests.refusals import refused


def sample(seed: int, n: int, d: int = 16, shift: float = 0.0) -> np.ndarray:
    """Features with a falling spectrum, float32."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5 + shift).astype(np.float32)


def some(n: int = 40, d: int = 5) -> Mixture:
    rng = np.random.default_rng(0)
    return Mixture(rng.standard_normal((n, d)), rng.uniform(-2, 1, n))


def by_torch(mixture: Mixture) -> torch.distributions.Distribution:
    means, s = torch.from_numpy(mixture.means), torch.from_numpy(mixture.log_s).exp()
    each = torch.distributions.Independent(torch.distributions.Normal(means, s.sqrt()[:, None]), 1)
    even = torch.distributions.Categorical(torch.ones(len(means), dtype=torch.float64))
    return torch.distributions.MixtureSameFamily(even, each)


# The density

def test_one_gaussian_has_a_closed_form():
    """-log N(x; 0, s I) = |x|^2 / 2s + d/2 log 2 pi s, here for |x|^2 = 4 and d = 4."""
    found = nats_of(Mixture(np.zeros((1, 4)), np.log([2.0])), np.ones((1, 4), np.float32))
    assert found == pytest.approx((4 / 4 + 2 * np.log(2 * np.pi * 2)) / 4)


@pytest.mark.parametrize("tile", [1000, 7])
def test_a_mixture_is_torchs_in_any_tiling(monkeypatch, tile):
    monkeypatch.setattr(likelihood, "ROWS", tile)
    x = np.random.default_rng(1).standard_normal((30, 5))
    expected = -by_torch(some()).log_prob(torch.from_numpy(x)).numpy() / 5
    np.testing.assert_allclose(nats_of(some(), x), expected, rtol=1e-12)


@pytest.mark.parametrize("far", [0, 100])       # at 100 the nearest Gaussian is all that an image sees
def test_what_it_is_without_one_gaussian_is_that_of_the_others(far):
    mixture, x = some(), np.random.default_rng(1).standard_normal((30, 5))
    mixture = Mixture(mixture.means * (1 + far), mixture.log_s)
    value, without = likelihood._nats_without(mixture, x)
    assert value == pytest.approx(nats_of(mixture, x).mean())
    kept = [np.delete(np.arange(40), j) for j in range(40)]
    expected = [nats_of(Mixture(mixture.means[k], mixture.log_s[k]), x).mean() for k in kept]
    np.testing.assert_allclose(without, expected, rtol=1e-10)


# The fit

def by_autograd(squares: torch.Tensor, log_s: torch.Tensor, d: int) -> torch.Tensor:
    """The loss from the paper's formula; the last Gaussian is the one of weight 1."""
    n = squares.shape[1] - 1
    log_weights = torch.cat([torch.full((n,), -np.log(n)), torch.zeros(1)])
    terms = log_weights - squares / (2 * log_s.exp()) - d / 2 * torch.log(2 * np.pi * log_s.exp())
    return -torch.logsumexp(terms, dim=1).mean() / d


def test_the_slope_is_autograds():
    squares = np.random.default_rng(0).uniform(0, 9, (30, 8)).astype(np.float32)
    log_s, log_weights = np.random.default_rng(1).uniform(-1, 1, 8), np.append(np.full(7, -np.log(7)), 0)
    variable = torch.tensor(log_s, requires_grad=True)
    expected = by_autograd(torch.from_numpy(squares).double(), variable, 4)
    expected.backward()
    found, slope = likelihood._loss(squares, log_s, log_weights, 4)
    assert found == pytest.approx(expected.item(), rel=1e-6)                      # float32
    np.testing.assert_allclose(slope, variable.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_the_fit_takes_the_steps_of_torchs_adam():
    """From the nearest image on, 50 epochs at most, until the loss is still."""
    means, x = sample(1, 20, 4).astype(np.float64), sample(2, 60, 4)
    squares = ((torch.from_numpy(x).double()[:, None] - torch.from_numpy(means)) ** 2).sum(dim=2)
    start = torch.cat([((squares.amin(dim=0) + 1e-3) / 4).log(), torch.zeros(1, dtype=torch.float64)])
    centre = 0.81 * ((x - x.mean(axis=0)) ** 2).sum(axis=1, keepdims=True)
    squares = torch.cat([squares, torch.from_numpy(centre).double()], dim=1)
    log_s, losses = start.clone().requires_grad_(), []
    adam = torch.optim.Adam([log_s], lr=0.5)
    while len(losses) < 50 and not (len(losses) > 6 and max(losses[-5:]) - losses[-1] < 5e-4
                                    and losses[-1] - min(losses[-5:]) < 5e-4):
        adam.zero_grad()
        loss = by_autograd(squares, log_s, 4)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    found = fit(means, x, np.random.default_rng(0))
    assert 6 < len(losses) < 50
    np.testing.assert_allclose(found.log_s, log_s.detach().numpy()[:20], atol=1e-3)     # float32, 20 steps of 0.5


def test_a_copy_gets_no_width_and_nothing_breaks():
    x = sample(1, 60)
    found = fit(x[:20].astype(np.float64), x, np.random.default_rng(0))
    assert (found.log_s < -5).all()
    assert np.isfinite(found.log_s).all()
    assert (found.log_s >= -likelihood.BOUND).all()


# The scores

ORIGINAL = {"test": 1.586698293685913, "gap": -1.3529419898986816, "fld": 4.854023456573486, "p": 2.5270581245422363}


def test_they_are_what_the_authors_code_prints(monkeypatch):
    """marcojira/FLD at ffbbf20, with its shuffles left out and ours too; its distances are float32: 1e-5 nats."""
    training, test, generated = sample(1, 300), sample(2, 200), sample(3, 150, shift=0.1)
    assert fld_gap(training, test, generated).value == pytest.approx(ORIGINAL["gap"], abs=1e-4)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: SimpleNamespace(permutation=np.arange))
    assert fld(training, test, generated).value == pytest.approx(ORIGINAL["fld"], abs=1e-4)
    assert fld_precision(training, test, generated).value == pytest.approx(ORIGINAL["p"], abs=1e-4)
    scaled = likelihood._scaled(training, test, generated)
    nats = nats_of(fit(scaled[2], scaled[0], np.random.default_rng(0)), scaled[1]).mean()
    assert nats == pytest.approx(ORIGINAL["test"], abs=1e-6)


def test_worse_images_and_fewer_kinds_and_copies_cost():
    training, test, good = sample(1, 600), sample(2, 300), sample(3, 300)
    few = good.copy()
    few[:, 0] = np.abs(few[:, 0])
    copies = training[:300]
    scores = [fld(training, test, x).value for x in (good, good + 0.3, few, copies)]
    assert abs(scores[0]) < 3
    assert scores[1] > scores[0] + 1
    assert scores[2] > scores[0] + 1
    assert scores[3] > 100


def test_the_gap_sees_memory_alone_and_precision_poor_images_alone():
    training, test, good = sample(1, 600), sample(2, 300), sample(3, 300)
    half = good.copy()
    half[::2] = training[:300:2]
    honest, copied, poor = (fld_gap(training, test, x).value for x in (good, half, good + 0.3))
    assert copied < honest - 50
    assert abs(poor - honest) < 3
    fine, copied, poor = (fld_precision(training, test, x).value for x in (good, half, good + 0.5))
    assert abs(copied - fine) < 3
    assert poor > fine + 3


def test_a_seed_gives_one_number_and_scaling_none():
    training, test, generated = sample(1, 200), sample(2, 100), sample(3, 100)
    assert fld(training, test, generated, seed=1) == fld(training, test, generated, seed=1)
    assert fld(training, test, generated, seed=1) != fld(training, test, generated, seed=2)
    stretched = [x * np.float32(7) + np.float32(1) for x in (training, test, generated)]
    assert fld(*stretched).value == pytest.approx(fld(training, test, generated).value, abs=1e-3)
    dead = [np.pad(x, ((0, 0), (0, 3))) for x in (training, test, generated)]
    assert fld(*dead) == fld(training, test, generated)


def test_more_generated_images_than_the_standard_are_drawn_from(monkeypatch):
    monkeypatch.setattr(likelihood, "MOST", 50)
    training, test, generated = sample(1, 200), sample(2, 100), sample(3, 120)
    assert np.isfinite(fld(training, test, generated).value)
    chosen = likelihood._some(generated, np.random.default_rng(0))
    assert len(np.unique(chosen, axis=0)) == 50


@pytest.mark.parametrize("score", [fld, fld_gap, fld_precision])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_their_intervals_hold_the_expected_value(score, shift):
    """120 draws: 7 % either way for the ratio, and of right intervals 91 % at times."""
    training, test = sample(1, 300), sample(2, 150)
    found = [score(training, test, sample(100 + seed, 150, shift=shift)) for seed in range(120)]
    values = np.array([estimate.value for estimate in found])
    assert 0.85 < np.mean([estimate.se for estimate in found]) / values.std(ddof=1) < 1.5
    assert np.mean([low <= values.mean() <= high for low, high in map(interval, found)]) >= 0.9


def test_what_cannot_be_used_is_refused_in_words():
    training, test, generated = sample(1, 60), sample(2, 30), sample(3, 20)
    with refused("too-few-images", 4, "training", 3):
        fld(training[:3], test, generated)
    with refused("too-few-images", 2, "test", 1):
        fld_gap(training, test[:1], generated)
    with refused("too-few-images", 3, "generated", 2):
        fld_precision(training, test, generated[:2])
    with refused("unequal-features", 16, "generated", 15):
        fld(training, test, generated[:, :15])
    with refused("constant-features", "test"):
        fld(training, test * 0, generated)
    generated[4, 1] = np.inf
    with refused("features-not-finite", 4):
        fld(training, test, generated)
