"""The formulas of style and content, against numpy, closed forms and invariances."""

import numpy as np
import pytest
import torch

from ganbench.gan.applications.stylize.statistics import (
    STATISTICS,
    between,
    distance,
    gram,
    moments,
    squared,
    standardised,
    statistics,
    strayed,
)


@pytest.fixture
def maps():
    return torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))


def test_moments_are_numpys_means_and_deviations(maps):
    flat = maps.numpy().reshape(2, 3, 20)
    np.testing.assert_allclose(moments(maps), np.concatenate([flat.mean(2), flat.std(2)], 1), atol=1e-6)


def test_a_gram_matrix_is_the_mean_product_of_two_channels(maps):
    known = np.einsum("nihw,njhw->nij", maps.numpy(), maps.numpy()) / 20
    np.testing.assert_allclose(gram(maps).view(2, 3, 3), known, atol=1e-5)


@pytest.mark.parametrize("kind", STATISTICS)
def test_statistics_do_not_know_where_things_are(kind, maps):
    moved = maps.flatten(2)[:, :, torch.randperm(20, generator=torch.Generator().manual_seed(1))].view_as(maps)
    torch.testing.assert_close(STATISTICS[kind](moved), STATISTICS[kind](maps), atol=1e-5, rtol=0)


def test_twice_the_maps_are_as_far_from_a_style_as_its_own_statistics_are_large(maps):
    aim = statistics([maps, 7 * maps])
    assert distance(aim, aim).tolist() == [0, 0]
    torch.testing.assert_close(distance(statistics([2 * maps, 14 * maps]), aim), torch.ones(2))
    torch.testing.assert_close(squared(statistics([2 * maps, 7 * maps]), aim, aim), torch.full((2,), 0.5))


def test_between_two_statistics_the_distance_falls_in_proportion(maps):
    a, b = statistics([maps]), statistics([maps.flip(0) + 1])
    whole = distance(a, b)
    for t in (0, 0.25, 1):
        torch.testing.assert_close(distance(between(a, b, t), b), (1 - t) * whole, atol=1e-6, rtol=0)


def test_gains_and_shifts_of_channels_are_style_and_no_content(maps):
    """What AdaIN does to maps leaves their content."""
    gains, shifts = torch.tensor([0.5, 2.0, 3.0]).view(3, 1, 1), torch.tensor([1.0, -2.0, 0.3]).view(3, 1, 1)
    torch.testing.assert_close(standardised(maps * gains + shifts), standardised(maps), atol=1e-4, rtol=0)
    assert strayed(maps * gains + shifts, maps).abs().max() < 1e-4
    torch.testing.assert_close(strayed(-maps, maps), torch.full((2,), 2.0), atol=1e-3, rtol=0)


def test_content_strays_by_one_minus_the_correlation(maps):
    other = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(2))
    known = [1 - np.mean([np.corrcoef(other[n, c].flatten(), maps[n, c].flatten())[0, 1] for c in range(3)])
             for n in range(2)]
    np.testing.assert_allclose(strayed(other, maps), known, atol=1e-4)


def test_channels_that_are_the_same_everywhere_say_nothing_and_break_nothing(maps):
    flat = torch.cat([maps[:, :2], torch.full((2, 1, 5, 4), 0.7)], 1).requires_grad_()
    (strayed(flat, flat.detach() + 0.1).sum() + distance(statistics([flat]), statistics([maps])).sum()).backward()
    assert flat.grad.isfinite().all()
    assert strayed(flat, flat).abs().max() < 1e-5
