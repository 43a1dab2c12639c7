"""The search for latents, on toys whose answers are known: least squares, two minima, rows that do not meet."""

import numpy as np
import pytest
import torch
from scipy.stats import chi
from torch import nn

from ganbench.gan.latent.inversion import Adam, Budget, Chart, anywhere, best_of, cube, decibels, search, shell
from tests.refusals import refused

D, SIDE = 5, 4
ONE = Budget(1, 400, kept=1)


@pytest.fixture(scope="module")
def linear():
    """z (n, 5) -> (n, 1, 4, 4) = A z + b, and A, b."""
    random = torch.Generator().manual_seed(0)
    a, b = torch.randn(SIDE**2, D, generator=random) / 4, torch.randn(SIDE**2, generator=random) / 4
    return (lambda latents, rows: (latents @ a.T + b).view(-1, 1, SIDE, SIDE)), a, b


def pixels(n, seed=1):
    return torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def normal(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


FLAT = Chart(torch.zeros(D))


def test_of_a_linear_generator_it_is_least_squares(linear):
    decode, a, b = linear
    targets = pixels(3)
    found = search(decode, targets, normal(3, 4, D), FLAT, Budget(4, 400))
    expected = torch.linalg.lstsq(a, (targets.flatten(1) - b).T).solution.T
    torch.testing.assert_close(found.latents, expected, atol=2e-3, rtol=0)
    residual = (targets.flatten(1) - b - expected @ a.T).square().mean(1)
    torch.testing.assert_close(found.losses, residual, rtol=1e-4, atol=0)
    np.testing.assert_allclose(found.decibels, 10 * np.log10(4 / residual.numpy()), rtol=1e-4)


def two_minima(latents, rows):
    """z (n, 1) -> pixels z^2 - 1 and (z - 1) / 4: black (0, 0) at z = 1, and nearly so near z = -1."""
    return torch.stack([latents**2 - 1, (latents - 1) / 4], -1)[:, None]


def test_what_one_start_misses_several_find():
    target, chart = torch.zeros(1, 1, 1, 2), Chart(torch.zeros(1))
    alone = search(two_minima, target, torch.tensor([[[-2.0]]]), chart, ONE)
    assert alone.latents.item() == pytest.approx(-0.98, abs=0.02)
    several = search(two_minima, target, torch.tensor([[[-2.0], [-3.0], [2.0]]]), chart, Budget(3, 400, 50, kept=1))
    assert several.latents.item() == pytest.approx(1, abs=1e-3)
    assert several.starts.tolist() == [2]
    assert several.losses.item() < 1e-6 < alone.losses.item()


def test_an_image_does_not_depend_on_those_beside_it(linear):
    decode, _, _ = linear
    targets, starts = pixels(4), normal(4, 3, D)
    budget = Budget(3, 50, 10, kept=1)
    together = search(decode, targets, starts, FLAT, budget)
    alone = search(decode, targets[2:3], starts[2:3], FLAT, budget)
    torch.testing.assert_close(alone.latents, together.latents[2:3], atol=1e-5, rtol=0)
    assert alone.starts == together.starts[2]


def test_starts_that_are_given_up_do_not_change_the_others(linear):
    decode, _, _ = linear
    targets, starts = pixels(2), normal(2, 6, D)
    all_of_them = search(decode, targets, starts, FLAT, Budget(6, 60, 10, kept=6))
    some = search(decode, targets, starts, FLAT, Budget(6, 60, 10, kept=2))
    same = some.starts == all_of_them.starts
    assert same.any()
    np.testing.assert_allclose(some.histories[same], all_of_them.histories[same], rtol=1e-4)


def test_the_best_latent_on_the_way_counts_and_not_the_last():
    """A rate that jumps over the minimum ends farther away than it was."""
    found = search(two_minima, torch.zeros(1, 1, 1, 2), torch.tensor([[[1.01]]]), Chart(torch.zeros(1)),
                   Budget(1, 8, kept=1, rate=5.0))
    assert found.losses.item() == pytest.approx(found.histories.min())
    assert found.losses.item() < found.histories[0, -1]


def test_the_steps_are_those_of_torch():
    random = torch.Generator().manual_seed(0)
    value = nn.Parameter(torch.randn(3, 4, generator=random))
    theirs, ours, mine = torch.optim.Adam([value], lr=0.05), Adam(value.detach()), value.detach().clone()
    for _ in range(30):
        gradient = torch.randn(3, 4, generator=random)
        value.grad = gradient
        theirs.step()
        mine = mine + ours.step(gradient, 0.05)
    torch.testing.assert_close(mine, value.detach(), atol=1e-6, rtol=0)


def test_coordinates_have_the_width_of_the_space(linear):
    """A chart changes the way and not the end: a space that is ten times as wide is searched in as many steps."""
    decode, _, _ = linear
    targets, starts = pixels(2), normal(2, 2, D)
    wide = Chart(torch.full((D,), 3.0), 10.0)
    budget = Budget(2, 100, kept=2)
    found = search(lambda z, rows: decode((z - 3) / 10, rows), targets, wide.latents(starts), wide, budget)
    plain = search(decode, targets, starts, FLAT, budget)
    torch.testing.assert_close((found.latents - 3) / 10, plain.latents, atol=1e-3, rtol=0)


def test_the_shell_holds_what_is_drawn_and_nothing_else():
    drawn = normal(4_000, 100)
    moved = (shell(drawn) != drawn).any(1).double().mean()
    assert moved < 4e-3                                     # one in a thousand
    low, high = chi.ppf([0.0005, 0.9995], 100)
    lengths = shell(torch.cat([drawn * 3, drawn / 3])).norm(dim=1)
    np.testing.assert_allclose(lengths, np.repeat([high, low], len(drawn)), rtol=1e-5)
    assert shell(torch.zeros(2, 100)).isfinite().all()
    far = drawn[:5] * 3
    torch.testing.assert_close(shell(far) / far, (shell(far) / far)[:, :1].expand(-1, 100))     # the same direction
    assert cube(torch.tensor([-3.0, 0.5, 2.0])).tolist() == [-1, 0.5, 1]


def test_latents_stay_where_the_space_has_some(linear):
    decode, _, _ = linear
    found = search(decode, 5 * pixels(2), normal(2, 2, D), Chart(torch.zeros(D), keep=shell), Budget(2, 100, kept=1))
    assert (found.latents.norm(dim=1) <= chi.ppf(0.9995, D) + 1e-4).all()


def test_features_are_added_to_the_pixels(linear):
    """Of two targets that are met equally well by no latent, the weight of a pixel decides."""
    decode, a, b = linear
    targets, weights = pixels(1), torch.linspace(0.1, 3, SIDE**2)
    found = search(decode, targets, normal(1, 1, D), FLAT, ONE, features=lambda x: x.flatten(1) * weights, weight=2.0)
    scale = (1 + 2 * weights**2).sqrt()
    expected = torch.linalg.lstsq(a * scale[:, None], ((targets.flatten(1) - b) * scale).T).solution.T
    torch.testing.assert_close(found.latents, expected, atol=2e-3, rtol=0)


def test_who_watches_may_end_the_search(linear):
    decode, _, _ = linear
    seen = []

    def watch(done, steps, quality):
        seen.append((done, steps, quality))
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(decode, pixels(2), normal(2, 2, D), FLAT, Budget(2, 100), watch=watch)
    assert [done for done, *_ in seen] == [*range(1, 8)]
    assert all(steps == 100 for _, steps, _ in seen)
    assert [quality for *_, quality in seen] == sorted(quality for *_, quality in seen)


def test_it_works_where_gradients_are_off(linear):
    decode, _, _ = linear
    with torch.inference_mode():
        targets, starts = pixels(1), normal(1, 2, D)
        found = search(decode, targets, starts, FLAT, Budget(2, 20))
    again = search(decode, pixels(1), normal(1, 2, D), FLAT, Budget(2, 20))
    torch.testing.assert_close(found.latents, again.latents)


def test_a_model_without_gradients_is_refused():
    with refused("not-differentiable"):
        search(lambda z, rows: torch.zeros(len(z), 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3),
               Chart(torch.zeros(3)), ONE)


@pytest.mark.parametrize("wrong", [{"starts": 0}, {"steps": 0}, {"kept": 0}, {"rate": 0.0}, {"rate": float("inf")}])
def test_a_budget_without_any_search_is_refused(wrong):
    with refused("unfit-value", str(next(iter(wrong.values()))).removesuffix(".0")):
        Budget(**wrong)


def test_the_rate_rises_and_falls():
    rates = [Budget(steps=200, rate=0.1).rate_at(step) for step in range(200)]
    assert rates[9] == pytest.approx(0.1)
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.1)
    assert rates[175] == pytest.approx(0.05)                # the middle of the cosine
    assert rates[-1] < 1e-3


def test_small_things():
    assert best_of(torch.tensor([3.0, 1, 2, 0, 9, 5]), 2, 2).tolist() == [1, 2, 3, 5]
    assert decibels(np.array([4.0, 0.04, 0.0])).tolist() == [0, 20, np.inf]
    assert anywhere(FLAT.centre) is FLAT.centre
