"""Sample indices -> shards: image i depends on the model, the seed and i alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from ganbench.gan import sampling
from ganbench.gan.drawing import MICRO_BATCH, draw
from ganbench.gan.generators.base import classes
from ganbench.gan.images import write_npz
from ganbench.gan.jobs import check_output, prepare
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.sampling import generator_of, sample_shard, shard_key, shards_of
from ganbench.gan.store import Store, rows_of
from ganbench.gan.types import BadOutput, Convention, ModelSpec, Protocol, Workspace
from tests.refusals import refused

HAND_MADE = ModelSpec("hand-made", factory="m:f", channels=1, resolution=4)


class HandMade:
    """A generator whose draws are the indices, so that tests can say which image does what."""

    n_classes, output_range = 0, (-1.0, 1.0)

    def __init__(self, broken: int = -1, n_classes: int = 0):
        self.broken, self.n_classes, self.labels = broken, n_classes, []

    def draws(self, indices, seed):
        return torch.tensor(list(indices))

    def sample(self, draws, labels=None):
        self.labels.append(labels)
        images = torch.zeros(len(draws), 1, 4, 4)
        images[draws == self.broken, 0, 1, 2] = torch.nan
        return images


@pytest.fixture
def spec(tiny, workspace) -> ModelSpec:
    return resolve(str(tiny), workspace, family="dcgan")


def sampled(spec, workspace, n, home=None, seed=0, shards=None):
    """All shards of n images, in the store of a home."""
    store = Store((home or workspace.root) / "store")
    return [sample_shard(spec, seed, index, rows, workspace, store) for index, rows in shards or shards_of(n)]


def digests(shards):
    return [shard.digest for shard in sorted(shards, key=lambda shard: shard.index)]


@pytest.mark.parametrize(("n", "expected"), [
    (1, [(0, 1)]), (999, [(0, 999)]), (1_000, [(0, 1_000)]), (2_500, [(0, 1_000), (1, 1_000), (2, 500)]),
])
def test_shards_are_of_a_thousand_and_the_last_one_takes_the_rest(n, expected):
    assert list(shards_of(n)) == expected


@pytest.mark.parametrize("n", [2_500, 2_510])
def test_a_larger_number_draws_only_what_is_missing_and_equals_it_at_once(spec, workspace, tmp_path, n):
    fewer = sampled(spec, workspace, n)
    more = sampled(spec, workspace, 3_000)
    at_once = sampled(spec, workspace, 3_000, tmp_path / "at once")
    assert sum(shard.computed for shard in fewer) == n
    assert [shard.computed for shard in more] == [0, 0, 3_000 - n]
    assert digests(more) == digests(at_once)
    assert fewer[2].digest != more[2].digest
    pixels = rows_of(at_once[2])["images"]
    assert np.array_equal(rows_of(fewer[2])["images"], pixels[: n - 2_000])
    assert len(np.unique(pixels.reshape(1_000, -1), axis=0)) == 1_000  # it does make different images


def test_neither_order_nor_workers_nor_threads_change_a_pixel(spec, workspace, tmp_path):
    one_by_one = sampled(spec, workspace, 1_700)
    backwards = sampled(spec, workspace, 1_700, tmp_path / "backwards", shards=[(1, 700), (0, 1_000)])
    with ThreadPoolExecutor(3) as pool:
        store = Store(tmp_path / "pool" / "store")
        at_a_time = list(pool.map(lambda shard: sample_shard(spec, 0, *shard, workspace, store), shards_of(1_700)))
    assert digests(one_by_one) == digests(backwards) == digests(at_a_time)


def test_an_image_is_a_function_of_its_index_whatever_the_run(spec, workspace):
    generator = generator_of(spec, workspace)
    together = draw(generator, spec, 3, 0, 100)["images"]
    for start, stop in ((0, 1), (19, 21), (37, 64), (99, 100)):
        assert np.array_equal(draw(generator, spec, 3, start, stop)["images"], together[start:stop])
    assert not np.array_equal(draw(generator, spec, 4, 0, 100)["images"], together)


def test_the_listener_hears_of_every_row_once(spec, workspace):
    heard = []
    draw(generator_of(spec, workspace), spec, 0, 15, 73, tick=heard.append)
    assert sum(heard) == 73 - 15


def test_a_copy_elsewhere_under_another_name_is_the_same_model(spec, tiny, workspace, tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(tiny.read_bytes())
    other = resolve(str(copy), workspace, family="dcgan")
    assert shard_key(other, 0, 0, Workspace()) == shard_key(spec, 0, 0, Workspace())


def test_everything_that_decides_pixels_is_in_the_key(spec, monkeypatch):
    here = Workspace()
    keys = {shard_key(spec, 0, 0, here), shard_key(spec, 1, 0, here), shard_key(spec, 0, 1, here),
            shard_key(spec, 0, 0, Workspace(device="cuda")), shard_key(replace(spec, latent="uniform"), 0, 0, here),
            shard_key(replace(spec, sha256="0" * 64), 0, 0, here)}
    monkeypatch.setitem(MICRO_BATCH, "cpu", 10)
    assert len(keys | {shard_key(spec, 0, 0, Workspace())}) == 7
    monkeypatch.undo()
    monkeypatch.setattr(sampling, "source_digest", lambda *given: "edited")
    assert shard_key(spec, 0, 0, Workspace()) not in keys


# Models that are not what they should be


def test_a_broken_image_is_named_by_its_number():
    with refused("images-not-finite", "hand-made", 1, 320, 37, kind=BadOutput):
        draw(HandMade(broken=37), HAND_MADE, 0, 0, 60)


@pytest.mark.parametrize("start", [0, 7, 20, 33])
def test_labels_are_in_range_and_do_not_depend_on_the_batch(start):
    model = HandMade(n_classes=5)
    drawn = draw(model, replace(HAND_MADE, n_classes=5), 11, start, 60)
    assert drawn["labels"].tolist() == classes(range(60), 11, 5)[start:].tolist()
    assert set(drawn["labels"].tolist()) <= set(range(5))
    seen = torch.cat(model.labels)[start % 20 :][: 60 - start]  # what the model was told
    assert seen.tolist() == drawn["labels"].tolist()


def test_labels_are_drawn_evenly():
    counts = np.bincount(classes(range(10_000), 0, 10))
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 27.9  # chi-squared, 9 degrees, p = 0.001


RANDOM = '''
import torch
from torch import nn
from torch.nn import functional

class Careful(nn.Module):
    """Dropout as a module: off in eval mode."""
    z_dim = 4
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
    def forward(self, z):
        return self.drop(0.4 * torch.tanh(z)).repeat(1, 16).reshape(-1, 1, 8, 8)

class Dropping(Careful):
    """Dropout that eval mode does not turn off."""
    def forward(self, z):
        return functional.dropout(0.4 * torch.tanh(z)).repeat(1, 16).reshape(-1, 1, 8, 8)

class Noisy(Careful):
    """Noise of its own."""
    def forward(self, z):
        return torch.tanh(z).repeat(1, 16).reshape(-1, 1, 8, 8) + 0.02 * torch.randn(len(z), 1, 8, 8)

def in_train_mode():
    network = Careful().train()
    def function(z):
        return network(0.4 * z)
    function.z_dim = 4
    return function
'''


def prepared(factory, noise, tmp_path, monkeypatch):
    (tmp_path / "randoms.py").write_text(RANDOM)
    monkeypatch.syspath_prepend(tmp_path)
    protocol = Protocol("tiny", Convention("tiny", ("pixels",)), str(noise("real.npz", 20)), 40)
    return prepare(ModelSpec("mine", factory=f"randoms:{factory}"), protocol, 0, Workspace(str(tmp_path / "home")))


@pytest.mark.parametrize("factory", ["Dropping", "Noisy", "in_train_mode"])
def test_a_model_with_randomness_of_its_own_is_refused(factory, noise, tmp_path, monkeypatch):
    torch.manual_seed(0)  # two masks over 20 images of 4 values are alike once in 2^80 runs, and now in none
    with refused("unseeded-randomness", "mine", kind=BadOutput):
        prepared(factory, noise, tmp_path, monkeypatch)


def test_randomness_in_one_late_image_of_the_first_batch_is_noticed(workspace, monkeypatch):
    """All of the images that were drawn are compared, not the first ones alone."""

    class LastOne(HandMade):
        def sample(self, draws, labels=None):
            images = super().sample(draws) + torch.arange(len(draws)).reshape(-1, 1, 1, 1) / 100
            images[draws == 19] = 0.9 - 0.1 * len(self.labels)
            return images

    monkeypatch.setattr("ganbench.gan.trials.generator_of", lambda spec, workspace: LastOne())
    with refused("unseeded-randomness", "hand-made", kind=BadOutput):
        check_output(HAND_MADE, 0, workspace)


def test_dropout_that_eval_mode_turns_off_is_welcome(noise, tmp_path, monkeypatch):
    assert prepared("Careful", noise, tmp_path, monkeypatch).shape == (1, 8, 8)


@pytest.mark.parametrize("device", ["nonsense", "", "mps:0", "cuda:x", "meta"])
def test_a_device_that_cannot_be_used_is_a_sentence(device, spec, workspace):
    with refused("unknown-device", repr(device)):
        generator_of(spec, replace(workspace, device=device))


def test_pictures_on_disk_may_have_been_stretched_one_by_one(tmp_path):
    """Real images that each reach black and white in one pixel are data, and not a model's mistake."""
    ramps = np.stack([np.random.default_rng(i).permutation(256).reshape(1, 16, 16) for i in range(20)]).astype(np.uint8)
    write_npz(tmp_path / "ramps.npz", ramps)
    spec = resolve(str(tmp_path / "ramps.npz"))
    assert np.array_equal(draw(load(spec), spec, 0, 0, 20)["images"], ramps)


def test_images_from_python_are_those_that_are_stored_for_an_evaluation(spec, tiny, workspace, tmp_path):
    found = sampling.sample(spec, 30, 7, workspace=workspace)
    stored = rows_of(sample_shard(spec, 7, 0, 30, workspace, Store(tmp_path / "store")))["images"]
    assert np.array_equal(found, np.array(stored))
    assert np.array_equal(sampling.sample(spec, 5, 7, first=21, workspace=workspace), found[21:26])
    assert np.array_equal(sampling.sample(ModelSpec("mine", family="dcgan", weights=str(tiny)), 30, 7), found)
    with refused("unfit-value", 0):
        sampling.sample(spec, 0)
