"""Costs on modules whose numbers are known, and measured ones of the zoo."""

import pytest
import torch
from torch import nn

from ganbench.gan import costs
from ganbench.gan.costs import cost_of
from ganbench.gan.metering import Cost, evaluations
from ganbench.gan.models.loading import resolve
from ganbench.gan.types import ModelSpec, Workspace


class Steps(nn.Module):
    """A layer of 10 parameters called `times` times, one of 30 called once, and one that is never called."""

    n_classes, output_range = 0, (-1.0, 1.0)

    def __init__(self, times):
        super().__init__()
        self.times, self.loop, self.once, self.never = times, nn.Linear(2, 2), nn.Linear(2, 10), nn.Linear(100, 100)
        self.loop.bias = None
        self.loop.weight = nn.Parameter(torch.full((2, 2), 0.1))

    def draws(self, indices, seed):
        return torch.linspace(-1, 1, 2 * len(indices)).reshape(-1, 2)

    def sample(self, draws, labels=None):
        for _ in range(self.times):
            draws = self.loop(draws)
        return self.once(draws)[:, :4].tanh().reshape(-1, 1, 2, 2)


@pytest.mark.parametrize(("times", "expected"), [(1, 1.0), (8, (4 * 8 + 30) / 34), (50, (4 * 50 + 30) / 34)])
def test_evaluations_are_calls_weighted_by_parameters_of_those_that_are_called(times, expected):
    assert evaluations(Steps(times), ModelSpec("steps", factory="a:b"), "cpu") == pytest.approx(expected)


def test_the_cost_of_a_model_is_measured_once(tmp_path, monkeypatch):
    workspace = Workspace(home=str(tmp_path))
    spec = resolve("zoo:dcgan-fashion-mnist", workspace)
    found, computed = cost_of(spec, workspace)
    assert computed
    assert found.parameters == 369_600          # the card's
    assert found.bytes == 1_481_760             # of the file
    assert found.evaluations == 1
    assert found.images_per_second > 100
    assert 1e6 < found.peak_memory < 1e9
    monkeypatch.setattr(costs, "ask", lambda *_: pytest.fail("measured again"))
    assert cost_of(spec, workspace) == (found, False)


def test_images_on_disk_cost_nothing_that_could_be_told(tmp_path):
    workspace = Workspace(home=str(tmp_path))
    found, computed = cost_of(resolve("zoo:memoriser-fashion-mnist", workspace), workspace)
    assert not computed
    assert found == Cost()


def test_a_sampler_of_ten_steps_evaluates_its_network_ten_times(tmp_path):
    workspace = Workspace(home=str(tmp_path))
    spec = resolve("zoo:flow-fashion-mnist", workspace)
    from ganbench.gan.sampling import generator_of

    with torch.inference_mode():
        assert evaluations(generator_of(spec, workspace), spec, "cpu") == 10


def test_a_process_that_fails_says_why(tmp_path):
    spec = ModelSpec("broken", factory="no_such_module:Net")
    with pytest.raises(RuntimeError, match=r"The cost of broken could not be measured: .*no_such_module"):
        costs.ask(spec, Workspace(home=str(tmp_path)))
