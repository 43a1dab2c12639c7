"""One training in several processes: the same weights as one process that sees the whole batch."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

TOY = """
import json, os, sys
from pathlib import Path
import torch
from torch import nn
from ganbench.gan.training import several
from ganbench.gan.training.augmentation import Adaptive
from ganbench.gan.training.loop import Batch, Schedule, descend, fit, to_float

class Toy:
    batches = 1
    def __init__(self):
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
        self.adam = torch.optim.Adam(self.network.parameters(), 1e-2)
        self.parts = {"network": self.network, "adam": self.adam}
    def step(self, batches, at, seed):
        images = to_float(batches[0].images)
        wanted = images.mean((1, 2, 3))[:, None]
        return {"loss": descend(self.adam, (self.network(images) - wanted).square().mean())}

rank, size, place = (int(os.environ.get(name, default)) for name, default in
                     (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")))
images = torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
with several.together(rank, size, place, "cpu"):
    events = list(fit(Toy(), Batch(images), Schedule(12, batch=8, keep_every=5), Path(sys.argv[1])))
    adaptive = Adaptive("color")
    adaptive.images = 100
    adaptive.follow(torch.ones(2) * (1 if rank else 3), -torch.ones(2), relative=False)
    draws = torch.rand(2, generator=several.draws_at(0, 1)).tolist()
    Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(
        [[event.losses["loss"] for event in events], [event.seconds for event in events], adaptive.p.item(), draws]))
"""


def launch(processes, *words, **options):
    """By torch's launcher, on a free port."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    command = [sys.executable, *torchrun, processes, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, **options)


@pytest.mark.long
def test_two_processes_learn_what_one_does_from_the_whole_batch(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
        done = launch(processes, tmp_path / "toy.py", tmp_path / str(processes))
        said, _ = done.communicate(timeout=200)
        assert done.returncode == 0, said
    one, two = (torch.load(tmp_path / str(n) / "state.pt", weights_only=True)["network"] for n in (1, 2))
    assert all(torch.allclose(two[name], one[name], atol=1e-5) for name in one)
    (alone, _, _, _), first, second = (json.loads((tmp_path / name).read_text()) for name in
                                       ("1/0.json", "2/0.json", "2/1.json"))
    assert first[0] == pytest.approx(alone, rel=1e-4)       # losses of the whole batch
    assert first[:3] == second[:3]                          # losses, seconds and p are agreed on
    assert first[3] != second[3]                            # draws are not


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "stripes.npz", random.integers(0, 256, (80, 32, 1, 1), np.uint8).repeat(32, 2))
    return tmp_path / "stripes.npz"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["dcgan", "gpt"])
def test_a_launched_training_survives_kill_9_to_the_last_bit(name, images, tmp_path):
    words = ["-m", "ganbench", "train", name, "--data", images, "--batch", "8", "--threads", "1", "--budget", "3"]
    whole = launch(2, *words, "--out", tmp_path / "whole", cwd=tmp_path)
    said, _ = whole.communicate(timeout=280)
    assert whole.returncode == 0, said
    assert said.count("to learn from") == 1                 # the first process speaks
    stopped = launch(2, *words, "--out", tmp_path / "stopped", cwd=tmp_path, start_new_session=True)
    end = time.monotonic() + 200
    while not (tmp_path / "stopped" / "step-1.safetensors").exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(stopped.pid, signal.SIGKILL)
    stopped.wait()
    stopped.stdout.close()
    again = launch(2, *words, "--out", tmp_path / "stopped", cwd=tmp_path)
    said, _ = again.communicate(timeout=280)
    assert again.returncode == 0, said
    ours, theirs = (load_file(tmp_path / folder / "step-3.safetensors") for folder in ("stopped", "whole"))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.long
def test_a_batch_that_cannot_be_divided_is_refused_in_a_sentence(images, tmp_path):
    done = launch(2, "-m", "ganbench", "train", "dcgan", "--data", images, "--batch", "9", "--out", tmp_path / "out",
                  cwd=tmp_path)
    said, _ = done.communicate(timeout=200)
    assert done.returncode != 0
    assert "multiple of 2" in said
