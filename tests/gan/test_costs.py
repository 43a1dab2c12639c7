"""Costs on modules whose numbers are known, and measured ones of the zoo."""

import pytest
import torch
from torch import nn

from ganbench.gan import costs, metering
from ganbench.gan.costs import costs_of
from ganbench.gan.metering import Cost, evaluations, rates
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
    (found,), computed = costs_of([spec], workspace)
    assert computed
    assert found.parameters == 369_600          # the card's
    assert found.bytes == 1_481_760             # of the file
    assert found.evaluations == 1
    assert 100 < found.images_per_second_low <= found.images_per_second <= found.images_per_second_high
    assert 1e6 < found.peak_memory < 1e9
    monkeypatch.setattr(costs, "ask", lambda *_: pytest.fail("measured again"))
    assert costs_of([spec], workspace) == ([found], False)


class Clock:
    """A machine that gets slower all the time, beside models whose images take one unit, or as many as they say."""

    def __init__(self, drift: float):
        self.now, self.drift, self.turns = 0.0, drift, []

    def draw(self, model, spec, seed, start, stop, device):
        self.turns.append(spec.name)
        self.now += (stop - start) * float(model) * (1 + self.drift) ** len(self.turns)


@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_models_take_turns_so_that_a_machine_that_slows_down_changes_no_comparison(monkeypatch, drift):
    clock = Clock(drift)
    monkeypatch.setattr(metering, "draw", clock.draw)
    monkeypatch.setattr(metering.time, "perf_counter", lambda: clock.now)
    names, seconds = ("a", "b", "c", "twice"), (0.01, 0.01, 0.01, 0.02)
    models = list(zip(seconds, (ModelSpec(name) for name in names), strict=True))
    found = dict(zip(names, rates(models, "cpu"), strict=True))
    for name in names:
        median, slowest, fastest = found[name]
        assert slowest <= median <= fastest
    assert found["b"][0] == pytest.approx(found["a"][0], rel=drift)
    assert found["c"][0] == pytest.approx(found["a"][0], rel=2 * drift)
    assert found["twice"][0] == pytest.approx(found["a"][0] / 2, rel=2 * drift)
    first = [clock.turns[len(names) * (2 + turn)] for turn in range(4)]     # after warming up
    assert sorted(first) == sorted(names)


def test_a_slow_model_ends_its_turns_early(monkeypatch):
    clock = Clock(0.0)
    monkeypatch.setattr(metering, "draw", clock.draw)
    monkeypatch.setattr(metering.time, "perf_counter", lambda: clock.now)
    (slow, quick) = rates([(1.0, ModelSpec("slow")), (0.001, ModelSpec("quick"))], "cpu")
    assert (slow[0], quick[0]) == (pytest.approx(1.0), pytest.approx(1_000.0))
    assert clock.turns.count("slow") == 3                   # two to begin with, and one of 20 seconds


def test_speeds_that_are_compared_come_from_one_measurement(tmp_path, monkeypatch):
    """Those of two models are measured anew, together, when a third one is compared with them."""
    workspace, asked = Workspace(home=str(tmp_path)), []

    def ask(what, names, given):
        asked.append((what, names))
        if what == "answer_size":
            return vars(Cost(parameters=1))
        return [[10.0 * len(asked), 9.0, 200.0]] * len(given["specs"])

    monkeypatch.setattr(costs, "ask", ask)
    a, b, c = (resolve(f"zoo:{name}-fashion-mnist", workspace) for name in ("dcgan", "gpt", "r3gan"))
    two = costs_of([a, b], workspace)[0]
    assert costs_of([b, a], workspace) == (two[::-1], False)
    three, computed = costs_of([a, b, c], workspace)
    assert computed
    assert len({cost.images_per_second for cost in three}) == 1
    assert three[0].images_per_second != two[0].images_per_second
    assert [what for what, _ in asked].count("answer_size") == 3


def test_images_on_disk_cost_nothing_that_could_be_told(tmp_path):
    workspace = Workspace(home=str(tmp_path))
    (found,), computed = costs_of([resolve("zoo:memoriser-fashion-mnist", workspace)], workspace)
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
        costs.ask("answer_size", "broken", {"spec": vars(spec), "workspace": vars(Workspace(home=str(tmp_path)))})
