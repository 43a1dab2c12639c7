"""Steps along paths: closed forms of a linear generator, derivatives in float64, and other tools' rules."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import gammaln
from torch import nn

from ganbench import Workspace
from ganbench.gan import stepping
from ganbench.gan.drawing import draw, labels_of
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.judge import JUDGE, SHIPPED
from ganbench.gan.features.network import load
from ganbench.gan.generators.base import LatentModel, latents, seed_of
from ganbench.gan.generators.factory import Wrapped, WrappedLatent
from ganbench.gan.latent.paths import slerp
from ganbench.gan.metrics.path_length import ppl
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.stepping import EPSILON, GOAL, latent_spaces, rounds, steps
from ganbench.gan.types import ModelSpec

D, SIDE = 6, 8
FLOW = pytest.param("flow", "", marks=pytest.mark.long)                           # ten evaluations an image
MATRIX = torch.randn(SIDE**2, D, generator=torch.Generator().manual_seed(0)) * 0.05


class Linear(nn.Module):
    """z (n, 6) -> images A z, (n, 1, 8, 8), which stay well inside [-1, 1]."""

    def forward(self, z):
        return (z @ MATRIX.to(z.dtype).T).reshape(-1, 1, SIDE, SIDE)


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def pixels(space):
    return extractor_of("pixels", space)


def linear(latent="normal"):
    spec = ModelSpec("toy", factory="m:c", latent=latent, latent_shape=(D,))
    return WrappedLatent(Linear(), spec), spec


def walked(model, spec, extractor, n, space="", start=0, seed=0):
    return steps(model, spec, seed, space, start, n, extractor)["steps"]


def ends(n, latent="normal", seed=0):
    """Where paths begin, and what they lead to, (n, 6) float64 each."""
    return (latents(range(n), one, (D,), latent).double().numpy() for one in (seed, seed_of(seed, GOAL)))


# A linear generator


def speed_of_arcs(d: int) -> float:
    """E |p'(0)|^2 of slerp between latents of N(0, I_d): p'(0) = w (b - cos(w) a) / sin(w), where the angle w has the
    density sin(w)^(d - 2) and is independent of the lengths, whose mean is m:
    d E[w^2 / sin(w)^2] + (d - 2 m^2) E[w^2 cot(w)^2]."""
    mean = math.sqrt(2) * math.exp(gammaln((d + 1) / 2) - gammaln(d / 2))
    weight = quad(lambda w: math.sin(w) ** (d - 2), 0, math.pi)[0]
    both = quad(lambda w: w**2 * math.sin(w) ** (d - 4), 0, math.pi)[0] / weight
    radial = quad(lambda w: w**2 * math.cos(w) ** 2 * math.sin(w) ** (d - 4), 0, math.pi)[0] / weight
    return d * both + (d - 2 * mean**2) * radial


@pytest.mark.parametrize(("latent", "speed"), [("uniform", 2 * D / 3), ("normal", speed_of_arcs(D))])
def test_a_linear_generator_has_the_mean_of_its_closed_form(latent, speed, pixels):
    """E |A p'(0)|^2 = E |p'(0)|^2 tr(A A^T) / d, in pixels from 0 to 1, of which [-1, 1] is twice as wide."""
    found = walked(*linear(latent), pixels, 4_000)
    expected = speed * float((MATRIX**2).sum()) / D / 4
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / math.sqrt(len(found)))
    assert found.std() / math.sqrt(len(found)) < 0.02 * expected


def test_steps_along_lines_are_differences_of_images(pixels):
    begin, end = ends(300, "uniform")
    expected = ((end - begin) @ MATRIX.double().numpy().T / 2) ** 2
    found = walked(*linear("uniform"), pixels, 300)
    assert found.mean() == pytest.approx(expected.sum(axis=1).mean(), rel=1e-4)
    np.testing.assert_allclose(found, expected.sum(axis=1), rtol=0.01)


def test_with_larger_steps_a_second_implementation_agrees_to_the_fifth_digit(pixels, monkeypatch):
    """Arcs as NVIDIA's code makes them, by a basis of the plane, here of latents that keep their lengths."""
    monkeypatch.setattr(stepping, "EPSILON", 1e-2)
    begin, end = ends(300)
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (begin, end)]
    a, b = begin / lengths[0], end / lengths[1]
    cosine = (a * b).sum(axis=1, keepdims=True)
    angle = np.arccos(cosine)
    across = (b - cosine * a) / np.sin(angle)                                       # of norm 1, orthogonal to a
    # lengths[0] a sin((1 - t) w) / sin(w) + lengths[1] b sin(t w) / sin(w), in the basis (a, across)
    toward = np.sin(1e-2 * angle) / np.sin(angle)
    there = a * (lengths[0] * np.sin(0.99 * angle) / np.sin(angle) + lengths[1] * toward * cosine) + (
        across * lengths[1] * toward * np.sin(angle))
    moves = (there - begin) @ MATRIX.double().numpy().T / 2
    expected = (moves**2).sum(axis=1) / 1e-4
    found = walked(*linear(), pixels, 300)
    assert found.mean() == pytest.approx(expected.mean(), rel=1e-5)
    assert ppl(found).value == pytest.approx(ppl(expected).value, rel=1e-5)


def test_arcs_between_normal_latents_are_alike_everywhere(pixels):
    """So that "end", t = 0, says the same as "full", t uniform from 0 to 1."""
    begin, end = ends(4_000, seed=1)
    t = np.random.default_rng(0).uniform(size=4_000)
    here, there = (slerp(begin, end, t + more) for more in (0, EPSILON))
    full = (((there - here) @ MATRIX.double().numpy().T / 2) ** 2).sum(axis=1) / EPSILON**2
    at_the_end = walked(*linear(), pixels, 4_000)
    error = math.hypot(full.std(), at_the_end.std()) / math.sqrt(4_000)
    assert full.mean() == pytest.approx(at_the_end.mean(), abs=4 * error)


# Models of the zoo: derivatives


def zoo(name, space):
    spec = resolve(f"zoo:{name}-fashion-mnist", space)
    return spec, generator_of(spec, space)


def seen_by_pixels(images):
    return images.flatten(1) / 2                                                    # [0, 1] is half as wide as [-1, 1]


def seen_by_judge(images):
    return load(JUDGE, SHIPPED).double()(images)[0]


def derivatives(model: LatentModel, space: str, n: int, see, by: float = 1e-6) -> np.ndarray:
    """|d/dt features(G(p(t)))|^2 at t = 0, from differences in float64 to both sides along p'(0)."""
    double, first = copy.deepcopy(model).double(), next(iter(model.spaces))
    labels = labels_of(model, range(n), 0, "cpu")
    (begin, noise), (end, _) = (model.split(model.draws(range(n), seed).double()) for seed in (0, seed_of(0, GOAL)))
    if space == "w":
        begin, end = (double.to_space(z, first, "w", labels) for z in (begin, end))
        towards = end - begin
    else:
        a, b = (x / x.norm(dim=1, keepdim=True) for x in (begin, end))
        angle = (a * b).sum(1, keepdim=True).acos()
        towards = angle * (end - angle.cos() * begin) / angle.sin()
    before, after = (see(double.decode(begin + t * towards, noise, labels, space or first)) for t in (-by, by))
    return ((after - before) / (2 * by)).square().sum(1).detach().numpy()


@pytest.mark.parametrize(("name", "through"), [("dcgan", ""), ("stylegan2", "w")])
@pytest.mark.parametrize(("extractor", "see", "close"), [
    ("pixels", seen_by_pixels, 0.01), ("judge", seen_by_judge, 0.05),      # the judge has corners: ReLU, maxima
])
def test_steps_are_derivatives_up_to_rounding(name, through, extractor, see, close, space):
    spec, model = zoo(name, space)
    found = walked(model, spec, extractor_of(extractor, space), 20, through)
    expected = derivatives(model, through, 20, see)
    assert np.median(np.abs(found / expected - 1)) < close
    assert found.sum() == pytest.approx(expected.sum(), rel=2 * close)


@pytest.mark.parametrize("name", ["dcgan", "r3gan", "stylegan2", "wgan-gp"])
def test_epsilon_does_not_matter(name, space, monkeypatch):
    spec, model = zoo(name, space)
    pixels, found = extractor_of("pixels", space), {}
    for epsilon in (1e-3, 1e-4, 1e-5):
        monkeypatch.setattr(stepping, "EPSILON", epsilon)
        found[epsilon] = ppl(walked(model, spec, pixels, 40)).value
    assert found[1e-3] == pytest.approx(found[1e-4], rel=0.03)
    assert found[1e-5] == pytest.approx(found[1e-4], rel=0.03)


@pytest.mark.parametrize(("name", "through"), [("stylegan2", ""), ("stylegan2", "w"), ("r3gan", ""), FLOW])
def test_noise_and_class_are_the_same_at_both_ends(name, through, space, pixels, monkeypatch):
    """With no way to go, nothing changes."""
    monkeypatch.setattr(stepping, "seed_of", lambda seed, name: seed)
    spec, model = zoo(name, space)
    assert walked(model, spec, pixels, 4, through).max() < 1e-4


# What a path depends on


def test_more_paths_leave_the_others_as_they_are(space):
    spec, model = zoo("dcgan", space)
    judge = extractor_of("judge", space)
    whole = walked(model, spec, judge, 45)
    np.testing.assert_array_equal(walked(model, spec, judge, 17), whole[:17])
    np.testing.assert_array_equal(walked(model, spec, judge, 45, start=17), whole[17:])
    assert len(np.unique(whole)) == 45
    assert not np.isin(walked(model, spec, judge, 20, seed=1), whole).any()


def test_a_path_begins_at_the_image_of_its_number(space):
    for name, through in (("dcgan", ""), ("stylegan2", "w"), ("r3gan", "")):
        spec, model = zoo(name, space)
        with torch.inference_mode():
            paths = stepping.paths_from(model, range(20), 3, through, "cpu")
            here, there = (stepping.images_at(model, spec, paths, np.full(20, t)) for t in (0, EPSILON))
        drawn = draw(model, spec, 3, 0, 20)["images"].astype(np.float32)
        assert here.dtype == there.dtype == np.float32
        assert np.abs(here - drawn).max() <= 0.51                                   # rounded to the nearest level
        assert 0 < np.abs(there - here).mean() < 0.1


def test_which_models_have_paths(space):
    assert latent_spaces(zoo("stylegan2", space)[1]) == {"", "z", "w", "w+"}
    assert latent_spaces(zoo("dcgan", space)[1]) == {"", "z"}
    assert latent_spaces(zoo("gpt", space)[1]) == set()
    assert latent_spaces(Wrapped(Linear(), ModelSpec("a", factory="m:c", latent="none"))) == set()


WIDE = torch.randn(D, SIDE**2, generator=torch.Generator().manual_seed(0)) * 0.3
LOST = {
    "uint8": lambda images: (images * 127.5 + 128).to(torch.uint8),
    "256 values": lambda images: (images * 127.5).round() / 127.5,
    "another grid": lambda images: (images * 1_000).round() / 1_000,
    "half precision": lambda images: images.half(),
    "half precision in between": lambda images: torch.tanh(images.half()).float(),
    "bfloat16": lambda images: images.bfloat16(),
}


@pytest.mark.parametrize("how", LOST)
def test_steps_that_are_lost_in_rounding_are_noticed(how, pixels):
    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(D,))

    def exact(z):
        return torch.tanh(z @ WIDE).reshape(-1, 1, SIDE, SIDE)

    assert not rounds(WrappedLatent(exact, spec), spec, pixels)
    assert rounds(WrappedLatent(lambda z: LOST[how](exact(z)), spec), spec, pixels)


def test_features_of_half_precision_are_noticed_too(space):
    class Half:
        def __init__(self, whole):
            self.whole, self.micro_batch = whole, whole.micro_batch

        def unrounded(self, images):
            return {"features": self.whole.unrounded(images)["features"].astype(np.float16)}

    spec, model = zoo("dcgan", space)
    judge = extractor_of("judge", space)
    assert not rounds(model, spec, judge)
    assert rounds(model, spec, Half(judge))


def test_a_model_that_ignores_its_latents_is_not_taken_to_round(pixels):
    spec = ModelSpec("toy", factory="m:c", latent="normal", latent_shape=(D,))
    picture = torch.tanh(torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)))
    model = WrappedLatent(lambda z: picture.expand(len(z), -1, -1, -1), spec)
    assert not rounds(model, spec, pixels)
    assert (walked(model, spec, pixels, 5) == 0).all()


@pytest.mark.parametrize(("name", "_"), [("dcgan", ""), ("r3gan", ""), ("stylegan2", ""), ("wgan-gp", ""), FLOW])
def test_models_of_the_zoo_resolve_small_steps(name, _, space, pixels):
    spec, model = zoo(name, space)
    for extractor in (pixels, extractor_of("judge", space)):
        assert not rounds(model, spec, extractor)


# Beside torchmetrics


class Similarity(nn.Module):
    """Squared distances of pixels between 0 and 1, of images between -1 and 1."""

    def forward(self, a, b):
        return ((a - b) / 2).flatten(1).double().square().sum(1)


class TheirGenerator(nn.Module):
    """As torchmetrics asks for it: `sample` gives latents, first where paths begin, then what they lead to."""

    def __init__(self, latent):
        super().__init__()
        self.waiting = [torch.from_numpy(z).float() for z in ends(1_000, latent)]

    def sample(self, num_samples):
        return self.waiting.pop(0)[:num_samples]

    def forward(self, z):
        return (Linear()(z) + 1) * 127.5


@pytest.mark.long
@pytest.mark.parametrize(("latent", "rule"), [("normal", "slerp_any"), ("uniform", "lerp")])
def test_torchmetrics_takes_the_same_steps_and_leaves_out_one_more_of_the_largest(latent, rule, pixels, monkeypatch):
    """Its upper quantile is the nearest value below, NVIDIA's the nearest above."""
    functional = pytest.importorskip("torchmetrics.functional.image")
    pytest.importorskip("torchvision")
    monkeypatch.setattr(stepping, "EPSILON", 1e-2)
    mean, _, kept = functional.perceptual_path_length(
        TheirGenerator(latent), 1_000, interpolation_method=rule, epsilon=1e-2, resize=None, sim_net=Similarity())
    ours = np.sort(walked(*linear(latent), pixels, 1_000))
    np.testing.assert_allclose(np.sort(kept.numpy()), ours[9:990], rtol=1e-4)
    assert float(mean) == pytest.approx(ours[9:990].mean(), rel=1e-5)
    assert ppl(ours).value == pytest.approx(ours[9:991].mean(), rel=1e-12)
