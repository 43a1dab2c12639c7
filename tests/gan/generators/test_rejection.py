"""Rejection: each image is the first accepted one of its own attempts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganbench import evaluate
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.generators.base import seed_of, seeds
from ganbench.gan.generators.rejection import Ratio, Rejection, load_ratio
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.toml_file import read_spec, write_spec
from ganbench.gan.rejection import fit_ratio
from ganbench.gan.types import Convention, ModelSpec, Protocol
from tests.refusals import refused

A = "zoo:dcgan-fashion-mnist-start"


class Grey:
    """Images of one shade, uniform in [0, 1]; with labels, the second class is the brighter half."""

    n_classes, output_range = 0, (0.0, 1.0)

    def draws(self, indices, seed):
        return (seeds(indices, seed) / 2**63).float()[:, None]

    def sample(self, draws, labels=None):
        shade = draws if labels is None else draws * 0.5 + labels[:, None] * 0.5
        return shade[:, :, None, None].expand(-1, 1, 4, 4).clone()


def shade(images):
    """Features: the mean of the pixels / 255."""
    return images.reshape(len(images), -1).mean(1, keepdims=True).astype(np.float32) / 255


def brighter(slope=8.0, log_bound=4.0, extractor="shade"):
    """log r = slope * shade."""
    return Ratio(np.zeros(1), np.ones((1, 1)), np.array([slope]), 0.0, 1.0, 0.0, log_bound, extractor)


def chooser(ratio, attempts=8, model=None):
    spec = ModelSpec("grey", factory="a:b", output_range=(0.0, 1.0))
    return Rejection(model or Grey(), spec, ratio, shade, attempts)


def shades(model, indices, seed=0, labels=None):
    return model.sample(model.draws(indices, seed), labels)[:, 0, 0, 0].numpy()


def test_accepted_images_follow_the_law_of_the_ratio():
    """Density on [0, 1] times min(1, exp(8 x - 4)): its mean is known; 40 attempts, so that nearly all are accepted."""
    x = (np.arange(10_000) + 0.5) / 10_000
    chance = np.exp(np.minimum(8 * x - 4, 0))
    found = shades(chooser(brighter(), 40), range(1_500))
    error = np.sqrt(np.average((x - np.average(x, weights=chance)) ** 2, weights=chance) / 1_500)
    assert found.mean() == pytest.approx(np.average(x, weights=chance), abs=4 * error)


def test_an_image_is_the_same_in_any_batch():
    model = chooser(brighter())
    whole = shades(model, range(24))
    for size in (1, 8):
        assert np.array_equal(np.concatenate([shades(model, range(i, i + size)) for i in range(0, 24, size)]), whole)


def test_where_none_is_accepted_the_largest_ratio_is_taken():
    model = chooser(brighter(log_bound=1e3))
    every = [Grey().draws([5], seed_of(0, f"attempt {t}")).item() for t in range(8)]
    assert shades(model, [5])[0] == pytest.approx(max(every))


def test_where_all_are_accepted_one_attempt_is_made():
    calls = []

    class Counted(Grey):
        def sample(self, draws, labels=None):
            calls.append(len(draws))
            return super().sample(draws, labels)

    shades(chooser(brighter(log_bound=-1e3), model=Counted()), range(6))
    assert calls == [6]


def test_labels_are_kept():
    class Two(Grey):
        n_classes = 2

    labels = torch.tensor([0, 1] * 10)
    found = shades(chooser(brighter(), model=Two()), range(20), labels=labels)
    assert (found[::2] < 0.5).all()
    assert (found[1::2] >= 0.5).all()


def test_seeds_beyond_what_floats_hold_reach_the_model():
    class Seeded(Grey):
        def draws(self, indices, seed):
            return seeds(indices, seed)[:, None]

        def sample(self, draws, labels=None):
            assert draws.dtype == torch.int64
            assert draws[0, 0] == seeds([3], seed_of(0, "attempt 0"))
            return super().sample(draws.double() / 2**63)

    assert len(shades(chooser(brighter(log_bound=-1e3), model=Seeded()), [3])) == 1


# Files


@pytest.fixture
def files(tmp_path, workspace):
    """A model file beside a ratio of pixels: between images of a trained DCGAN, taken as real, and one at its start."""
    extractor = extractor_of("pixels", workspace)
    sets = []
    for name in ("zoo:dcgan-fashion-mnist", A):
        spec = resolve(name)
        sets.append(extract(draw(load(spec), spec, 0, 0, 300)["images"], extractor)["features"])
    fit_ratio(*sets, extractor=extractor.digest)[0].save(tmp_path / "r.safetensors")
    return model_file(tmp_path)


GOOD = f'model = "{A}"\nratio = "r.safetensors"\nextractor = "pixels"'


def model_file(folder, text=f"{GOOD}\nattempts = 4", name="chosen"):
    path = folder / f"{name}.toml"
    path.write_text(f'family = "rejection"\n[arguments]\n{text}\n')
    return path


def test_a_ratio_is_read_as_it_was_written(tmp_path):
    brighter().save(tmp_path / "r.safetensors")
    found = load_ratio(tmp_path / "r.safetensors")
    assert found.extractor == "shade"
    x = np.random.default_rng(0).random((9, 1))
    assert np.array_equal(found.log_ratio(x), brighter().log_ratio(x))
    assert np.array_equal(found.chances(x[:, 0]), brighter().chances(x[:, 0]))


def test_a_model_file_goes_round_and_is_evaluated(files, garments, workspace):
    spec = resolve(str(files))
    assert (spec.channels, spec.resolution) == (1, 32)
    again = files.parent / "again.toml"
    again.write_text(write_spec(read_spec(files)))
    assert identity(resolve(str(again))) == identity(spec)
    protocol = Protocol("tiny", Convention("pixels", ("pixels",)), str(garments), 60)
    chosen, plain = (evaluate(str(model), protocol, workspace=workspace)[0].value for model in (files, A))
    assert np.isfinite(chosen)
    assert chosen != plain


def test_what_is_drawn_does_not_depend_on_where_a_run_begins(files):
    spec = resolve(str(files))
    model = load(spec)
    whole = draw(model, spec, 0, 0, 40)["images"]
    assert np.array_equal(draw(model, spec, 0, 27, 28)["images"][0], whole[27])
    few = chooser_draws(model, 8)
    for i in range(8):
        assert np.abs(chooser_draws(model, 1, i).astype(int) - few[i]).max() <= 1       # rounding


def chooser_draws(model, n, first=0):
    made = model.sample(model.draws(range(first, first + n), 0))
    return (made * 127.5 + 128).clip(0, 255).byte().numpy()


def test_the_identity_is_that_of_model_ratio_and_attempts_and_of_no_path(files, tmp_path):
    mine = identity(resolve(str(files)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.safetensors").write_bytes((tmp_path / "r.safetensors").read_bytes())
    def other(model=A, attempts=4):
        text = f'model = "{model}"\nratio = "other.safetensors"\nextractor = "pixels"\nattempts = {attempts}'
        return identity(resolve(str(model_file(elsewhere, text))))

    assert other() == mine
    assert other(attempts=5) != mine
    assert other("zoo:dcgan-fashion-mnist") != mine
    ratio = load_ratio(tmp_path / "r.safetensors")
    replace(ratio, log_bound=ratio.log_bound + 1).save(elsewhere / "other.safetensors")
    assert other() != mine


@pytest.mark.parametrize(("text", "said"), [
    ('ratio = "r.safetensors"\nextractor = "pixels"', ("unfit-value", "model", "zoo:NAME", "None")),
    (f'model = "{A}"\nextractor = "pixels"', ("unfit-value", "ratio", "FILE.safetensors", "None")),
    (f'model = "{A}"\nratio = "r.safetensors"', ("unfit-value", "extractor", "efficientnet_lite0", "None")),
    (f"{GOOD}\nattempts = 0", ("unfit-value", 1, 1_000, 0)),
    (f"{GOOD}\nrate = 1", ("unknown-argument", "rate", "model")),
    (f'model = "{A}"\nratio = "nowhere.safetensors"\nextractor = "pixels"', ("no-such-file", "nowhere.safetensors")),
    (f'model = "{A}"\nratio = "bad.safetensors"\nextractor = "pixels"', ("no-density-ratio", "a")),
    (f'model = "{A}"\nratio = "text.safetensors"\nextractor = "pixels"',
     ("unreadable-weights", "safetensors", "header")),
    ('model = "zoo:nobody"\nratio = "r.safetensors"\nextractor = "pixels"', ("unknown-model", "nobody")),
    (f'model = "{A}"\nratio = "r.safetensors"\nextractor = "nobody"', ("unknown-extractor", "nobody")),
    (GOOD, ("unequal-features", "pixels")),
    ('model = "inner.toml"\nratio = "r.safetensors"\nextractor = "pixels"',
     ("nested-models", "inner", "itself a rejection")),
    ('model = "folder"\nratio = "r.safetensors"\nextractor = "pixels"', ("nested-models", "cannot be drawn again")),
])
def test_what_is_no_rejection_is_a_sentence(tmp_path, text, said, shared_folder):
    brighter().save(tmp_path / "r.safetensors")
    save_file({"a": torch.zeros(3)}, tmp_path / "bad.safetensors")
    (tmp_path / "text.safetensors").write_text("nothing")
    model_file(tmp_path, GOOD, "inner")
    with refused(*said):
        load(resolve(str(model_file(tmp_path, text))))


@pytest.fixture
def shared_folder(tmp_path):
    """A folder of two images beside the model files."""
    from ganbench.gan.images import write_folder

    write_folder(np.random.default_rng(0).integers(0, 255, (2, 1, 8, 8), np.uint8), tmp_path / "folder")
