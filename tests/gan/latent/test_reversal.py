"""Steps backwards: where the answer is known, and where iterating alone runs away."""

import pytest
import torch

from ganbench.gan.latent.reversal import undone


def test_a_linear_step_is_undone_exactly():
    random = torch.Generator().manual_seed(0)
    a = torch.eye(4) + 0.3 * torch.randn(4, 4, generator=random)
    y = torch.randn(3, 4, generator=random)
    torch.testing.assert_close(undone(lambda x: x @ a.T, y, 20, 0), torch.linalg.solve(a, y.T).T, atol=1e-4, rtol=0)


@pytest.mark.parametrize("factor", [0.2, 3.0, -2.0])
def test_where_plain_iteration_runs_away_it_does_not(factor):
    """x - (factor x - y) only comes nearer to y / factor if 0 < factor < 2."""
    y = torch.tensor([[1.0, -2.0], [0.5, 7.0]])
    torch.testing.assert_close(undone(lambda x: factor * x, y), y / factor, atol=1e-4, rtol=0)


def test_rows_are_undone_by_themselves():
    y = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    both = undone(torch.sinh, y, 30)
    torch.testing.assert_close(both, torch.asinh(y), atol=1e-4, rtol=0)
    torch.testing.assert_close(both[1:], undone(torch.sinh, y[1:], 30), atol=1e-4, rtol=0)


def test_the_best_iterate_is_kept_where_there_is_no_answer():
    y = torch.full((1, 3), 2.0)
    x = undone(torch.tanh, y)                               # never reaches 2
    assert (torch.tanh(x) - y).abs().max() <= (torch.tanh(y) - y).abs().max()


def test_what_already_fits_is_left_alone():
    calls = []

    def step(x):
        calls.append(len(x))
        return x

    y = torch.ones(2, 3)
    assert torch.equal(undone(step, y), y)
    assert len(calls) == 1
