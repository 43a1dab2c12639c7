"""The range test: exact p-values, stored errors, false alarms and power of a model whose range is known."""

import numpy as np
import pytest
from scipy.stats import betabinom

from ganbench.gan.drawing import draw
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import seed_of
from ganbench.gan.images import write_npz
from ganbench.gan.inversion import Way, errors_of, invert
from ganbench.gan.latent.inversion import Budget
from ganbench.gan.models.loading import resolve
from ganbench.gan.range_test import (
    RangeTest,
    held_out_of,
    own_images,
    range_test,
    real_images,
    shape_of,
    share_of,
)
from ganbench.gan.sampling import generator_of
from tests.refusals import refused

BUDGET = Budget(2, 8, 3, kept=1)


# z (n, 3) -> 8x8 images in the span of three waves, bent by tanh.
FACTORY = '''import torch
from torch import nn

class Small(nn.Module):
    z_dim = 3

    def forward(self, z):
        at = torch.linspace(-1, 1, 64)
        return torch.tanh(z @ torch.stack([torch.sin(2 * at), torch.cos(5 * at), at]) / 2).view(-1, 1, 8, 8)
'''


@pytest.fixture
def spec(tmp_path, workspace):
    (tmp_path / "small_waves.py").write_text(FACTORY)
    (tmp_path / "small.toml").write_text('factory = "small_waves:Small"\nname = "small"\n')
    return resolve(str(tmp_path / "small.toml"), workspace)


def test_p_values_are_ranks_among_own_images():
    test = RangeTest(np.array([1.0, 2, 3, 4]), np.empty(0), alpha=0.2)
    assert test.p_values(np.array([0.5, 2, 3.5, 9])).tolist() == [1, 4 / 5, 2 / 5, 1 / 5]
    assert test.rejected(np.array([9.0, 4])).tolist() == [True, False]
    assert test.power is None


def test_p_values_of_exchangeable_errors_are_uniform():
    """Of 19 own errors and one more, each place is equally likely: P(p <= k / 20) = k / 20."""
    random = np.random.default_rng(0)
    p = np.array([RangeTest(own, np.empty(0)).p_values(one)[0]
                  for own, one in ((random.lognormal(size=19), random.lognormal(size=1)) for _ in range(4_000))])
    for k in (1, 5, 10, 19):
        assert (p <= k / 20 + 1e-9).mean() == pytest.approx(k / 20, abs=4 * np.sqrt(0.25 / 4_000))


def test_a_share_has_the_interval_of_clopper_and_pearson():
    share, low, high = share_of(np.array([True] * 2 + [False] * 18))
    assert (share, round(low, 4), round(high, 4)) == (0.1, 0.0123, 0.3170)
    assert share_of(np.ones(10, bool))[1:] == (pytest.approx(0.025 ** 0.1), 1)      # x^10 = .025


def test_false_alarms_are_as_promised_and_other_images_are_recognised(spec, workspace, noise):
    """200 fresh images against 99: how many are rejected is beta-binomial, as `copying.excess` says."""
    way, alpha = Way("z", BUDGET), 0.05
    test = range_test(spec, way, workspace, own=99, real=30, reference=str(noise("noise.npz", 40)), alpha=alpha)
    model = generator_of(spec, workspace)
    fresh = draw(model, spec, 7, 0, 200)["images"]
    found = invert(model, spec, fresh, way)
    alarms = int(test.rejected(errors_of(fresh, found)).sum())
    low, high = betabinom.interval(0.999, 200, 5, 95)
    assert low <= alarms <= high
    share, bottom, top = test.power
    assert (share, top) == (1, 1)                           # noise is nowhere near three waves
    assert bottom > 0.85


def test_other_images_of_that_kind_are_recognised_as_often_as_is_said(spec, workspace, tmp_path):
    """Own images with a little noise on them, of which some are used for the power and others are tested."""
    way, model = Way("z", BUDGET), generator_of(spec, workspace)
    own = draw(model, spec, 11, 0, 140)["images"].astype(float)
    strength = np.random.default_rng(0).uniform(0, 80, (140, 1, 1, 1))
    noisy = (own + strength * np.random.default_rng(1).normal(size=own.shape)).clip(0, 255).astype(np.uint8)
    write_npz(tmp_path / "noisy.npz", noisy[:60])
    test = range_test(spec, way, workspace, 39, 60, str(tmp_path / "noisy.npz"))
    share = test.power[0]
    assert 0.1 < share < 0.9
    found = test.rejected(errors_of(noisy[60:], invert(model, spec, noisy[60:], way))).mean()
    assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) * (1 / 60 + 1 / 80)))


def test_errors_are_stored_and_extended(spec, workspace, noise):
    way, ticks = Way("z", BUDGET), []
    first = own_images(spec, way, 5, workspace, tick=ticks.append)
    more = own_images(spec, way, 12, workspace, tick=ticks.append)
    np.testing.assert_array_equal(more[:5], first)
    again = own_images(spec, way, 12, workspace, tick=ticks.append)
    np.testing.assert_array_equal(again, more)
    assert sum(ticks) == 5 + 12 + 12
    assert ticks[-1] == 12                                  # found in the store, at once
    other = own_images(spec, Way("z", Budget(2, 9, 3, kept=1)), 5, workspace)
    assert (other != first).any()
    real = real_images(spec, way, 5, workspace, str(noise("noise.npz", 40)))
    assert real.min() > more.max()


def test_the_own_images_are_of_a_seed_that_nobody_shows(spec, workspace):
    model = generator_of(spec, workspace)
    hidden = draw(model, spec, seed_of(0, "range"), 0, 3)["images"]
    np.testing.assert_allclose(own_images(spec, Way("z", BUDGET), 3, workspace),
                               errors_of(hidden, invert(model, spec, hidden, Way("z", BUDGET))))


def test_images_are_looked_at_before_what_the_model_file_does_to_them(tmp_path, workspace, spec):
    path = tmp_path / "padded.toml"
    path.write_text((tmp_path / "small.toml").read_text() + "pad = 12\n")
    assert shape_of(resolve(str(path), workspace), workspace) == shape_of(spec, workspace) == (1, 8, 8)


@pytest.mark.parametrize(("own", "alpha"), [(18, 0.05), (1_001, 0.05), (99, 0.0), (99, 1.0)])
def test_a_test_that_could_not_reject_is_refused(own, alpha, spec, workspace):
    with refused("unfit-value", own):
        range_test(spec, Way("z", BUDGET), workspace, own, alpha=alpha)


def test_a_model_without_latents_is_refused(workspace):
    with refused("no-latent-space", "gpt-fashion-mnist"):
        own_images(resolve("zoo:gpt-fashion-mnist", workspace), Way("z", BUDGET), 3, workspace)


def test_real_images_without_the_classes_that_are_needed_give_no_power(workspace, noise):
    spec = resolve("zoo:r3gan-fashion-mnist", workspace)
    assert len(real_images(spec, Way("z", BUDGET), 3, workspace, str(noise("n.npz", 5, (1, 32, 32))), known=True)) == 0


def test_held_out_images_are_those_of_the_model_file(tmp_path):
    assert held_out_of("zoo:dcgan-fashion-mnist") == "fashion-mnist:test"
    assert held_out_of("zoo:r3gan-emoji") == "emoji:test"
    for data, expected in (("cifar10:train", "cifar10:test"), ("x", ""), ("", "")):
        (tmp_path / "m.toml").write_text(f'[about]\ndata = "{data}"\n')
        assert held_out_of(str(tmp_path / "m.toml")) == expected
    assert held_out_of(str(tmp_path / "weights.pt")) == ""


def test_the_key_follows_the_search_and_the_family():
    from ganbench.gan.sources import HERE, STAGES

    found = HERE.closure(*STAGES["range"], GENERATORS["dcgan"].make.__module__)
    assert {"latent.inversion", "inversion", "drawing", "generators.dcgan"} <= found
    assert {"generators.r3gan", "range_test", "latent.pivot", "latent.paths"}.isdisjoint(found)
