"""Rows of draws of the zoo: their images are those that `ganbench sample` draws, in every latent space."""

import numpy as np
import pytest

from ganbench.gan.conditioning.source import Source, joined
from ganbench.gan.drawing import draw
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import Workspace


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


def zoo(name, space):
    spec = resolve(f"zoo:{name}-fashion-mnist", space)
    return Source(generator_of(spec, space), spec)


@pytest.mark.parametrize(("family", "latents"), [
    ("dcgan", ""), ("r3gan", "z"), ("stylegan2", "w"), ("maskgit", ""),
])
def test_images_of_rows_are_those_that_are_drawn(family, latents, space):
    source = zoo(family, space)
    rows = source.rows(range(12, 20), 3, space=latents)
    whole = draw(source.generator, source.spec, 3, 12, 20)
    assert np.abs(source.images(rows).astype(int) - whole["images"]).max() <= 1
    assert rows.labels is None or rows.labels.tolist() == whole["labels"].tolist()


def test_a_conditional_model_is_asked_for_one_class(space):
    rows = zoo("r3gan", space).rows(range(5), 0, label=7)
    assert rows.labels.tolist() == [7] * 5


def test_rows_can_be_chosen_and_joined(space):
    source = zoo("r3gan", space)
    rows = source.rows(range(10), 0)
    parts = [rows.chosen(np.arange(k, k + 5)) for k in (0, 5)]
    for name, value in joined(parts).arrays().items():
        np.testing.assert_array_equal(value, rows.arrays()[name])
    odd = rows.chosen(rows.indices % 2 == 1)
    assert odd.indices.tolist() == [1, 3, 5, 7, 9]
    np.testing.assert_array_equal(odd.latents, rows.latents[1::2])


def test_an_image_does_not_depend_on_how_many_there_are(space):
    source = zoo("dcgan", space)
    rows = source.rows(range(25), 0)
    np.testing.assert_array_equal(source.images(rows)[:7], source.images(rows.chosen(np.arange(7))))
