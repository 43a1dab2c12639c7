"""The training loop on toys of every kind: killed and resumed it ends in the same weights, to the last bit."""

import copy
import csv
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ganbench.gan.checkpoints import load_into
from ganbench.gan.datasets import DataFolders
from ganbench.gan.datasets.base import of_array
from ganbench.gan.generators import dcgan
from ganbench.gan.generators.diffusion import PROCESSES, SAMPLERS, Diffusion, DiT
from ganbench.gan.generators.transformer import GPT, MaskGIT, Tokenizer
from ganbench.gan.models.weights import make_family
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes import running as recipes
from ganbench.gan.training import ema
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.classifier import Classifier
from ganbench.gan.training.denoising import Denoising
from ganbench.gan.training.loop import Batch, Schedule, fit, rows_at, to_float
from ganbench.gan.training.tokens import Codes, PatchCritic, Tokenizing, Writing, masked_tokens
from ganbench.gan.types import BadOutput
from tests.refusals import refused

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), np.uint8))
DATA = Batch(IMAGES, torch.arange(50) % 3)
SCHEDULE = Schedule(steps=8, batch=10, keep_every=2, seed=3)
TOKENS = {"resolution": 8, "grid": 4, "codes": 8, "tokenizer_width": 8, "width": 16, "layers": 1, "n_classes": 3}


def networks():
    random = torch.Generator().manual_seed(0)
    pair = (
        dcgan.DCGAN(z_dim=4, width=2, resolution=8, channels=1),
        dcgan.Discriminator(width=2, resolution=8, channels=1),
    )
    for network in pair:
        dcgan.initialise(network, random)
    return pair


def classifier():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def denoiser(process):
    sampler = next(name for name, row in SAMPLERS.items() if row.process == process)
    return Diffusion(resolution=8, n_classes=3, widths=(8, 16), process=process, sampler=sampler)


MAKE = {                                                    # every kind of task
    "gan": lambda schedule: Adversarial(*networks(), schedule),
    "classifier": lambda schedule: Classifier(classifier(), schedule),
    **{process: lambda schedule, process=process: Denoising(denoiser(process), schedule, process, 10)
       for process in PROCESSES},
    "dit": lambda schedule: Denoising(DiT(8, 1, 3, patch=2, width=16, layers=1), schedule, "flow", 10),
    "tokenizer": lambda schedule: Tokenizing(Tokenizer(8, 1, 4, 8, 8), PatchCritic(1), schedule, alone=3),
    "gpt": lambda schedule: Writing(GPT(**TOKENS), schedule, masked=False, warm_up=10),
    "maskgit": lambda schedule: Writing(MaskGIT(**TOKENS), schedule, masked=True, warm_up=10),
}


def steps_of(kind, folder, schedule=SCHEDULE, data=DATA):
    with torch.random.fork_rng():
        torch.manual_seed(0)                                # of the first weights
        task = MAKE[kind](schedule)
    return fit(task, data, schedule, folder)


def gan_steps(folder, schedule=SCHEDULE):
    return steps_of("gan", folder, schedule)


def kept(folder):
    """All tensors of a kept state, optimisers' included, by path."""

    def tensors(value, at=""):
        if isinstance(value, torch.Tensor):
            yield at, value
        elif isinstance(value, dict):
            for name, part in value.items():
                yield from tensors(part, f"{at}.{name}")

    return dict(tensors(torch.load(folder / "state.pt", weights_only=True)))


# Interrupted and resumed


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("interrupted_after", [1, 5])
def test_a_run_that_was_stopped_ends_in_the_same_bits(kind, interrupted_after, tmp_path):
    whole = list(steps_of(kind, tmp_path / "whole"))
    first = steps_of(kind, tmp_path / "stopped")
    for _ in range(interrupted_after):
        next(first)
    first.close()
    torch.manual_seed(99)  # the global random state must not matter
    rest = list(steps_of(kind, tmp_path / "stopped"))
    begun = interrupted_after // SCHEDULE.keep_every * SCHEDULE.keep_every
    assert [event.step for event in rest] == list(range(begun + 1, 9))
    assert [event.losses for event in rest] == [event.losses for event in whole[begun:]]
    ours, theirs = kept(tmp_path / "stopped"), kept(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert rest[-1].seconds > 0


def test_a_finished_run_does_nothing_more(tmp_path):
    list(gan_steps(tmp_path))
    assert list(gan_steps(tmp_path)) == []


def test_every_epoch_sees_every_image_once_in_another_order():
    epochs = [torch.cat([rows_at(50, SCHEDULE, step) for step in range(first, first + 5)]).tolist() for first in (0, 5)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert epochs[0] != epochs[1]


def test_training_sees_images_from_minus_one_to_one():
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


KILLED = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, "{root}/tests/gan/training")
from test_training import DATA, SCHEDULE, steps_of
torch.set_num_threads(1)
for event in steps_of("gan", Path("{folder}"), SCHEDULE.__class__(steps=400, batch=10, keep_every=20, seed=3)):
    print(event.step, flush=True)
"""


def test_killed_by_the_system_at_five_random_steps_it_ends_in_the_same_bits(tmp_path):
    """`kill -9` at whatever the process is doing, state.pt being written included."""
    schedule = Schedule(steps=400, batch=10, keep_every=20, seed=3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    list(gan_steps(tmp_path / "whole", schedule))
    torch.set_num_threads(threads)
    program = KILLED.format(root=ROOT, folder=tmp_path / "killed")
    random = np.random.default_rng()
    for kill_at in sorted(random.integers(1, 400, 5)):
        child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        while (line := child.stdout.readline()) and int(line) < kill_at:
            pass
        time.sleep(random.uniform(0, 0.01))
        child.kill()
        child.communicate()
        assert child.returncode in (0, -signal.SIGKILL), kill_at
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    ours, theirs = kept(tmp_path / "killed"), kept(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("kind", ["classifier", "flow", "dit", "ddpm", "edm", "tokenizer", "gpt", "maskgit"])
def test_what_can_be_learned_is_learned(kind, tmp_path):
    """Two pictures, one for each class: the loss falls by half."""
    pictures = torch.stack([torch.zeros(1, 8, 8), torch.arange(64.0).view(1, 8, 8) * 4]).byte()
    labels = torch.arange(40) % 2
    schedule = Schedule(steps=150, batch=20, rate=3e-3, betas=(0.9, 0.99), keep_every=150)
    steps = steps_of(kind, tmp_path, schedule, Batch(pictures[labels], labels))
    losses = [next(iter(event.losses.values())) for event in steps]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


# Tokens


def test_the_codebook_is_the_moving_average_of_what_falls_to_each_code():
    codebook = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    codes = Codes(codebook)
    code = torch.tensor([[0.0, 2.0, 4.0], [0.0, 2.0, 4.0]]).T[:, :, None, None]     # three vectors
    codes.follow(code, torch.tensor([[0], [1], [1]]), decay=0.9, rare=0.0, random=torch.Generator())
    assert codes.number.tolist() == pytest.approx([0.9 * 1 + 0.1 * 1, 0.9 * 1 + 0.1 * 2])
    assert codebook[1].tolist() == pytest.approx([(0.9 * 1 + 0.1 * (2 + 4)) / 1.1] * 2)


def test_a_code_that_nothing_falls_to_comes_back_elsewhere():
    codes = Codes(torch.tensor([[0.0], [50.0]]))
    code = torch.tensor([1.0, 2.0, 3.0])[:, None, None, None]
    for _ in range(100):
        codes.follow(code, torch.zeros(3, 1, dtype=torch.int64), 0.9, 0.02, torch.Generator().manual_seed(0))
        if codes.codebook[1].item() < 49:
            break
    assert codes.codebook[1].item() in (1, 2, 3)


def test_masked_tokens_are_hidden_and_counted_by_the_schedule():
    seen = []

    class Model(nn.Module):
        codes = 7

        def forward(self, tokens, labels):
            seen.append(tokens)
            return nn.functional.one_hot(torch.zeros_like(tokens), 7) * 0.0

    tokens = torch.zeros(2_000, 16, dtype=torch.int64)
    loss = masked_tokens(Model(), tokens, None, torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(math.log(7))
    share = (seen[0] == 7).float().mean(1)
    assert share.min() >= 1 / 16
    assert share.mean().item() == pytest.approx(2 / math.pi + 0.5 / 16, abs=0.02)   # mean of cos, rounded up


# The moving average


def test_the_average_follows_the_recursion_with_a_warm_start():
    average, current = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    average.requires_grad_(False).weight.fill_(5.0)
    expected = 5.0
    for step in range(200):
        current.weight.data.fill_(math.sin(step))
        ema.update(average, current, step, 0.9)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * math.sin(step)
    assert average.weight.item() == pytest.approx(expected, abs=1e-5)


def test_buffers_are_copied_not_averaged():
    average, current = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    current(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
    ema.update(average, current, 0, 0.999)
    assert torch.equal(average.running_var, current.running_var)
    assert average.num_batches_tracked == 1


def test_the_kept_average_is_the_average_of_the_kept_weights(tmp_path):
    generator, discriminator = networks()
    start = copy.deepcopy(generator)
    schedule = Schedule(steps=1, batch=10)
    list(fit(Adversarial(generator, discriminator, schedule), DATA, schedule, tmp_path))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    name = "main.0.weight"  # one step: decay 1 / 10
    expected = 0.1 * start.state_dict()[name] + 0.9 * state["generator"][name]
    assert torch.allclose(state["ema"][name], expected, atol=1e-7)
    assert not torch.equal(state["generator"][name], start.state_dict()[name])


# Failure


@pytest.mark.parametrize("kind", MAKE)
def test_a_loss_that_is_no_number_raises_before_the_state_is_kept(kind, tmp_path):
    diverging = Schedule(steps=50, batch=10, rate=1e30, keep_every=1)
    with refused("training-diverged", kind=BadOutput):
        list(steps_of(kind, tmp_path, diverging))
    kept_steps = torch.load(tmp_path / "state.pt", weights_only=True)["step"] if (tmp_path / "state.pt").exists() else 0
    assert kept_steps < 50


# Recipes


@pytest.fixture
def small(monkeypatch):
    """Every recipe for 4 steps (the DCGAN 100) on a handful of images."""
    images = np.random.default_rng(0).integers(0, 256, (70, 1, 32, 32), np.uint8)
    found = of_array("a few", images, np.arange(70) % 10)
    colour = of_array("a few", np.random.default_rng(0).integers(0, 256, (70, 3, 64, 64), np.uint8), np.arange(70) % 9)
    monkeypatch.setattr(recipes, "open_data", lambda data, folders: colour if data == "emoji:train" else found)
    for name, recipe in RECIPES.items():
        steps = 100 if name == "dcgan-fashion-mnist" else 4
        schedule = replace(recipe.schedule, steps=steps, batch=4, keep_every=steps // 2)
        first = min(recipe.first, 10)
        monkeypatch.setitem(
            RECIPES, name, replace(recipe, schedule=schedule, snapshots=(steps // 2, steps), first=first)
        )


def train(name, folder, steps=0):
    return recipes.train(name, folder, DataFolders(None, folder), steps)


def test_a_run_can_be_made_longer_and_goes_on_from_where_it_was(small, tmp_path):
    list(train("gpt-fashion-mnist", tmp_path))
    events = list(train("gpt-fashion-mnist", tmp_path, 9))
    assert [event.step for event in events] == [5, 6, 7, 8, 9]      # of the GPT alone: its tokenizer is as it was
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["step-2", "step-4", "step-6", "step-8",
                                                                            "step-9"]
    with refused("unfit-value", "--budget -1"):
        train("gpt-fashion-mnist", tmp_path, -1).__next__()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_and_leaves_weights_that_its_family_loads(small, name, tmp_path):
    events = list(train(name, tmp_path))
    recipe = RECIPES[name]
    assert events[-1].step == recipe.schedule.steps
    found = load_file(tmp_path / f"step-{recipe.schedule.steps}.safetensors")
    early = load_file(tmp_path / f"step-{recipe.schedule.steps // 2}.safetensors")
    assert any(not torch.equal(found[key], early[key]) for key in found)
    if recipe.family:
        load_into(make_family(recipe.family, recipe.arguments), found, name)


def test_a_recipe_leaves_snapshots_of_the_average_and_a_curve_without_repetitions(small, tmp_path):
    steps = train("dcgan-fashion-mnist", tmp_path)
    for _ in range(70):
        next(steps)
    steps.close()
    events = list(train("dcgan-fashion-mnist", tmp_path))
    assert [events[0].step, events[-1].step] == [51, 100]
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    found = load_file(tmp_path / "step-100.safetensors")
    assert all(torch.equal(found[name], value) for name, value in state["ema"].items())
    with (tmp_path / "loss.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["50", "100"]
    mean = sum(event.losses["generator"] for event in events) / len(events)
    assert float(rows[1]["generator"]) == pytest.approx(mean, abs=1e-5)


def test_an_unknown_recipe_is_a_sentence(tmp_path):
    with refused("unknown-recipe", "biggan", "collapsed-fashion-mnist, dcgan-fashion-mnist"):
        next(train("biggan", tmp_path))


def test_every_recipe_keeps_its_state_at_every_snapshot():
    for recipe in RECIPES.values():
        assert recipe.schedule.steps in recipe.snapshots
        assert all(step % recipe.schedule.keep_every == 0 for step in recipe.snapshots)


def test_the_judge_never_sees_the_images_that_travel_as_held_out_data():
    assert RECIPES["judge-fashion-mnist"].first == 10_000


# What a folder may hold


def trained(tmp_path, name="dcgan-fashion-mnist"):
    list(train(name, tmp_path))
    return (tmp_path / "state.pt").read_bytes()


def test_a_snapshot_that_a_killed_process_owed_is_made_when_it_goes_on(small, tmp_path):
    """Killed after the state was kept and before its weights were written."""
    trained(tmp_path)
    weights, sheet = tmp_path / "step-100.safetensors", tmp_path / "step-100.png"
    before = load_file(weights)
    weights.unlink()
    sheet.unlink()
    assert list(train("dcgan-fashion-mnist", tmp_path)) == []
    assert all(torch.equal(value, before[name]) for name, value in load_file(weights).items())
    assert sheet.exists()


@pytest.mark.parametrize("content", [b"", b"junk", "half"])
def test_a_damaged_state_is_one_sentence_and_stays(small, tmp_path, content):
    state = trained(tmp_path)
    damaged = state[: len(state) // 2] if content == "half" else content
    (tmp_path / "state.pt").write_bytes(damaged)
    with refused("unreadable-weights", "state.pt"):
        next(train("dcgan-fashion-mnist", tmp_path))
    assert (tmp_path / "state.pt").read_bytes() == damaged


def test_the_folder_of_another_recipe_is_refused_and_left_alone(small, tmp_path):
    state = trained(tmp_path)
    with refused("another-training", "its generator has other shapes"):
        next(train("collapsed-fashion-mnist", tmp_path, steps=200))
    with refused("another-training", "it has no"):
        next(train("judge-fashion-mnist", tmp_path, steps=200))
    assert (tmp_path / "state.pt").read_bytes() == state


def test_fewer_steps_than_were_done_are_refused(small, tmp_path):
    trained(tmp_path)
    with refused("another-training", 100, 50, "dcgan-fashion-mnist"):
        next(train("dcgan-fashion-mnist", tmp_path, steps=50))


def test_a_folder_that_is_a_file_is_one_sentence(small, tmp_path):
    (tmp_path / "out").write_text("mine")
    with refused("unwritable-file"):
        next(train("dcgan-fashion-mnist", tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


def test_the_losses_of_a_short_run_are_written_too(small, tmp_path):
    list(train("dcgan-fashion-mnist", tmp_path, steps=60))
    with (tmp_path / "loss.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["50", "60"]
