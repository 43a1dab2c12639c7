"""Mixtures: each image is that of one of the models, and how many each makes is its share."""

import numpy as np
import pytest

from ganbench.gan.drawing import draw
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from tests.refusals import refused

A, B = "zoo:dcgan-fashion-mnist", "zoo:dcgan-fashion-mnist-start"


def mixture(folder, models=(A, B), shares=(0.7, 0.3), name="mix"):
    listed = ", ".join(f'"{model}"' for model in models)
    path = folder / f"{name}.toml"
    path.write_text(f'family = "mixture"\n[arguments]\nmodels = [{listed}]\nshares = {list(shares)}\n')
    return str(path)


def images_of(model, n=200, seed=1):
    spec = resolve(model)
    return draw(load(spec), spec, seed, 0, n)["images"]


def test_each_image_is_one_models_image_of_that_number_and_shares_hold(tmp_path):
    mixed, one, other = images_of(mixture(tmp_path)), images_of(A), images_of(B)
    near = [np.abs(mixed.astype(int) - parts).max(axis=(1, 2, 3)) <= 1 for parts in (one, other)]     # rounding
    assert (near[0] ^ near[1]).all()
    assert near[0].mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.7 * 0.3 / 200))


def test_an_image_does_not_depend_on_its_neighbours(tmp_path):
    spec = resolve(mixture(tmp_path))
    model = load(spec)
    whole = draw(model, spec, 0, 0, 60)["images"]
    for i in (0, 7, 41):
        assert np.array_equal(draw(model, spec, 0, i, i + 1)["images"][0], whole[i])


def test_a_share_of_one_is_the_model_itself(tmp_path):
    assert np.array_equal(images_of(mixture(tmp_path, shares=(1, 0)), 40), images_of(A, 40))


def test_conditional_models_keep_their_labels_and_beside_others_draw_them(tmp_path):
    alike = load(resolve(mixture(tmp_path, ("zoo:r3gan-fashion-mnist", "zoo:r3gan-fashion-mnist-early"))))
    assert alike.n_classes == 10
    unlike = resolve(mixture(tmp_path, ("zoo:r3gan-fashion-mnist", A), (0.5, 0.5), "unlike"))
    assert load(unlike).n_classes == 0
    alone = resolve(mixture(tmp_path, ("zoo:r3gan-fashion-mnist", A), (1, 0), "alone"))
    mine = images_of("zoo:r3gan-fashion-mnist", 20, seed=0)
    assert np.array_equal(draw(load(alone), alone, 0, 0, 20)["images"], mine)


def test_the_identity_is_that_of_models_and_shares_and_of_no_path(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    found = {identity(resolve(mixture(tmp_path, shares=shares))) for shares in [(0.7, 0.3), (7, 3), (0.6, 0.4)]}
    assert len(found) == 2                                  # 7 : 3 is 0.7 : 0.3
    mine = tmp_path / "elsewhere" / "mine.toml"
    mine.write_text(f'family = "mixture"\n[arguments]\nmodels = ["{A}", "{B}"]\nshares = [0.7, 0.3]\n')
    assert identity(resolve(str(mine))) in found


def test_models_beside_the_file_are_found(tmp_path, tiny):
    (tmp_path / "tiny.toml").write_text(f'family = "dcgan"\nweights = "{tiny}"\n')
    assert images_of(mixture(tmp_path, ("tiny.toml", A), (1, 1)), 20).shape == (20, 1, 32, 32)


@pytest.mark.parametrize(("text", "said"), [
    ('models = ["a"]', ("unfit-value", "shares", "None")),
    ("shares = [1]", ("unfit-value", "models", "None")),
    ('models = ["a", "b"]\nshares = [1]', ("unfit-value", "2 models", "shares")),
    ('models = ["a", "b"]\nshares = [1, -1]', ("unfit-value", "shares", "[1, -1]")),
    ('models = ["a", "b"]\nshares = [0, 0]', ("unfit-value", "shares", "[0, 0]")),
    ('models = ["a"]\nshares = [1]\nweights = 3', ("unknown-argument", "weights")),
    ('models = ["zoo:nobody"]\nshares = [1]', ("unknown-model", "nobody")),
])
def test_what_is_no_mixture_is_a_sentence(tmp_path, text, said):
    path = tmp_path / "mix.toml"
    path.write_text(f'family = "mixture"\n[arguments]\n{text}\n')
    with refused(*said):
        resolve(str(path))


def test_images_of_unlike_size_do_not_mix(tmp_path):
    spec = resolve(mixture(tmp_path, ("zoo:r3gan-emoji", A), (0.5, 0.5)))
    with refused("unequal-sizes", "(3, 64, 64)", "(1, 32, 32)"):
        draw(load(spec), spec, 0, 0, 20)


def test_a_mixture_of_mixtures_is_refused(tmp_path):
    inner = mixture(tmp_path, name="inner")
    with refused("nested-models", "inner"):
        resolve(mixture(tmp_path, (inner, A), name="outer"))
