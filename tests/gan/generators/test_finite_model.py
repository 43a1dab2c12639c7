"""Images on disk as a model: the very bytes of the files, in order or shuffled."""

import numpy as np
import pytest
import torch

from ganbench.gan.generators.base import Generator
from ganbench.gan.generators.images import order
from ganbench.gan.images import from_model, png_bytes, write_folder
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.types import Workspace
from tests.refusals import refused

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), np.uint8)


@pytest.fixture
def here(tmp_path):
    return Workspace(home=str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path):
    write_folder(PIXELS, tmp_path / "a")
    return tmp_path / "a"


def drawn(spec, here, indices, seed=0):
    generator = load(spec, here)
    return from_model(generator.sample(generator.draws(indices, seed)), spec).numpy()


def test_every_pixel_passes_unchanged(folder, here):
    spec = resolve(str(folder), here)
    assert np.array_equal(drawn(spec, here, range(9)), PIXELS)
    assert np.array_equal(drawn(spec, here, [5, 2], seed=3), PIXELS[[5, 2]])
    generator = load(spec, here)
    assert isinstance(generator, Generator)
    assert generator.n == 9


def test_shuffled_draws_every_image_once_and_depends_on_the_seed(folder, here):
    spec = resolve(str(folder), here, arguments={"shuffled": True})
    rows = {seed: load(spec, here).draws(range(9), seed).tolist() for seed in (0, 1)}
    assert sorted(rows[0]) == sorted(rows[1]) == list(range(9))
    assert rows[0] != rows[1]
    assert load(spec, here).draws([4], 0).tolist() == [rows[0][4]]
    assert np.array_equal(drawn(spec, here, range(9)), PIXELS[rows[0]])


def test_the_random_order_is_the_same_everywhere():
    assert order(10, 0).tolist() == [5, 2, 6, 1, 9, 4, 7, 0, 3, 8]


def test_the_last_micro_batch_may_reach_beyond_the_end(folder, here):
    assert load(resolve(str(folder), here), here).draws(range(7, 12), 0).tolist() == [7, 8, 8, 8, 8]


def test_a_changed_folder_is_another_model_and_is_refused_under_the_old_digest(folder, here):
    spec = resolve(str(folder), here)
    (folder / "000000.png").write_bytes(png_bytes(PIXELS[1]))
    assert identity(resolve(str(folder), here)) != identity(spec)
    with refused("changed-content", "a", spec.sha256):
        load(spec, here)


def test_identity_is_content_not_place_but_includes_the_order(folder, here):
    spec = resolve(str(folder), here)
    moved = folder.rename(folder.with_name("b"))
    assert identity(resolve(str(moved), here)) == identity(spec)
    assert identity(resolve(str(moved), here, arguments={"shuffled": True})) != identity(spec)


def test_resizing_is_an_argument_and_others_are_unknown(folder, here):
    assert resolve(str(folder), here, arguments={"resize": 4}).resolution == 4
    with refused("unknown-argument", "size", "resize, shuffled"):
        resolve(str(folder), here, arguments={"size": 4})


def test_a_model_file_may_name_a_folder(folder, here):
    (folder.parent / "m.toml").write_text('family = "images"\nweights = "a"\n')
    spec = resolve(str(folder.parent / "m.toml"), here)
    assert spec.sha256 == resolve(str(folder), here).sha256
    assert torch.is_tensor(load(spec, here).sample(torch.tensor([0])))
