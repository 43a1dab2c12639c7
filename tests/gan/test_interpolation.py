"""Films between images of the zoo and of toys: they begin and end with the images that were named."""

import numpy as np
import pytest
import torch
from torch import nn

from ganbench import Workspace
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators.base import LatentModel, Space, rows_of_classes
from ganbench.gan.generators.factory import WrappedLatent
from ganbench.gan.interpolation import (
    Place,
    images_of,
    keys_of,
    kinds_for,
    latent_model,
    places_in,
    render,
    space_named,
    walk,
    weights_at,
)
from ganbench.gan.latent.paths import LatentPath
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

FAMILIES = ("dcgan", "wgan-gp", "r3gan", "stylegan2", "flow")


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


def zoo(name, space):
    spec = resolve(f"zoo:{name}-fashion-mnist", space)
    return spec, generator_of(spec, space)


@pytest.mark.parametrize("family", FAMILIES)
def test_key_images_are_those_that_sample_draws(family, space):
    spec, model = zoo(family, space)
    keys = keys_of(model, [Place(3, 2), Place(3, 5)])
    weights = weights_at(keys.labels[:1], np.zeros(1), False, model.n_classes)
    (first,) = images_of(model, spec, keys, keys.latents[:1], weights)
    whole = draw(model, spec, 3, 2, 3)["images"][0]
    assert np.abs(first.astype(int) - whole).max() <= 1


def test_an_image_of_a_film_does_not_depend_on_how_many_there_are(space):
    spec, model = zoo("dcgan", space)
    keys = keys_of(model, [Place(0), Place(1)])
    path, at = LatentPath(keys.latents, "slerp"), np.linspace(0, 1, 25)
    whole = np.concatenate([*render(model, spec, keys, path, at)])
    (some,) = render(model, spec, keys, path, at[:7])
    np.testing.assert_array_equal(some, whole[:7])


def test_neighbours_on_a_path_may_all_reach_the_ends_of_the_range(space):
    spec, model = zoo("flow", space)
    keys = keys_of(model, [Place(1), Place(2)])
    path = LatentPath(keys.latents, "slerp")
    assert sum(map(len, render(model, spec, keys, path, np.linspace(0, 1, 117)))) == 117


class Squares(nn.Module):
    """z (n, 2) -> a light square whose place is tanh(3 z0): it hurries through the middle."""

    z_dim = 2

    def forward(self, z):
        at = 12 * torch.tanh(3 * z[:, :1]) + 16
        pixels = torch.arange(32.0)
        column = torch.sigmoid(4 - (pixels - at).abs())
        return (2 * column[:, None, None, :] - 1).expand(-1, 1, 32, -1)


def toy(space, latents):
    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(2,))
    model = WrappedLatent(Squares(), spec)
    keys = keys_of(model, [Place(0), Place(1)])
    return spec, model, keys.__class__("z", np.array(latents, np.float32), keys.noise)


@pytest.mark.parametrize("closed", [False, True])
def test_a_retimed_film_is_the_more_even_one_in_another_feature_space(closed, space):
    spec, model, keys = toy(space, [[-1, 0.1], [1, 0.1]])
    pacer, judge = (extractor_of(name, space) for name in ("judge", "pixels"))
    found = walk(model, spec, keys, "lerp", 24, closed, pacer, judge)
    assert len(found.frames) == len(found.at) == 24
    assert found.timed < 0.7 * found.own
    own = walk(model, spec, keys, "lerp", 24, closed, pacer, judge, retime=False)
    assert (own.own, own.timed) == (found.own, found.timed)
    ends = images_of(model, spec, keys, keys.latents)
    np.testing.assert_array_equal(found.frames[0], ends[0])
    np.testing.assert_array_equal(own.frames[-1 if not closed else 12], ends[1])


@pytest.mark.parametrize("family", ["r3gan", "stylegan2", "wgan-gp"])
def test_classes_are_mixed_on_the_way_from_one_to_the_other(family, space):
    spec, model = zoo(family, space)
    keys = keys_of(model, [Place(0), Place(0)], "z", (1, 8))
    weights = weights_at(keys.labels, np.array([0, 0.5, 1]), False, 10)
    np.testing.assert_allclose(weights.sum(1), 1)
    images = images_of(model, spec, keys, keys.latents[[0, 0, 1]], weights)
    for label, image in ((1, images[0]), (8, images[2])):
        (alone,) = images_of(model, spec, keys, keys.latents[:1], torch.tensor([label]))
        assert np.abs(image.astype(int) - alone).max() <= 1
    assert np.abs(images[1].astype(int) - images[0]).mean() > 1


def test_a_model_that_cannot_mix_classes_keeps_to_the_first_one(space):
    _, model = zoo("flow", space)
    keys = keys_of(model, [Place(0, k) for k in range(5)])
    assert len(set(keys.labels)) == 1
    assert weights_at(keys.labels, np.linspace(0, 4, 7), False, 10).dtype == torch.int64


def test_a_mixture_of_one_class_is_that_class():
    for table in (torch.randn(5, 7), torch.randn(5, 7, 1, 1)):
        labels = torch.tensor([4, 0, 4])
        torch.testing.assert_close(rows_of_classes(table, nn.functional.one_hot(labels, 5).float()),
                                   rows_of_classes(table, labels))
    with refused("missing-labels"):
        rows_of_classes(torch.randn(5, 7), None)


def test_what_is_usual_where_nothing_is_asked_for(space):
    normal, mapped = Space((4,)), Space((4,), "mapped")
    assert kinds_for(normal, "", False) == ["slerp", "lerp"]
    assert kinds_for(mapped, "", False) == ["lerp", "slerp"]
    assert kinds_for(mapped, "", True)[0] == "spline"
    for closed in (False, True):
        assert kinds_for(Space((4,), "uniform"), "", closed)[0] == "lerp"
    assert space_named(zoo("stylegan2", space)[1], "") == "w"
    assert space_named(zoo("dcgan", space)[1], "") == "z"


def test_places_are_seeds_and_numbers_of_images():
    assert places_in("3,8:5, 21") == [Place(3), Place(8, 5), Place(21)]
    assert [place.name for place in places_in("3,8:5")] == ["3", "8:5"]
    for text in ("3,-1", "3,x", f"3,{2**63}", "3,4:", "3,1:2:3", "", "3,,4"):
        with refused("unfit-value", "--seeds"):
            places_in(text)
    with refused("too-few-keys", "3"):
        places_in("3")


@pytest.mark.parametrize(("family", "classes", "space_name", "code", "fact"), [
    ("dcgan", (1,), "", "missing-labels", "--classes"), ("r3gan", (1, 2, 3), "", "unfit-value", 3),
    ("r3gan", (1, 10), "", "unfit-value", 10), ("dcgan", (), "w", "unknown-latent-space", "'w'"),
    ("gpt", (), "", "no-latent-space", "gpt-fashion-mnist"), ("flow", (1, 2), "", "conflicting-options", "mix"),
])
def test_what_cannot_be_walked_is_told(family, classes, space_name, code, fact, space):
    spec, model = zoo(family, space)
    assert isinstance(model, LatentModel) == (family != "gpt")
    with refused(code, fact):
        keys_of(latent_model(model, spec.name), [Place(0), Place(1)], space_name, classes, name=spec.name)
