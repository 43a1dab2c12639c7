"""What makes numbers misleading is planted, and has to be named; sound sets stay silent."""

import io

import numpy as np
import pytest
from PIL import Image

from ganbench import evaluate
from ganbench.gan import gates
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import to_pillow, write_npz
from ganbench.gan.protocols import Convention, Protocol
from ganbench.gan.store import extend, store_of
from ganbench.gan.types import Alert, BadOutput, Caveat, Features, Samples
from ganbench.gan.words import caution
from tests.refusals import refused


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> np.ndarray:
    return open_data("fashion-mnist:test", DataFolders(None, tmp_path_factory.mktemp("data"))).read(range(600))


@pytest.fixture
def samples(workspace):
    """An array of images as Samples in the store."""

    def keep(images: np.ndarray) -> Samples:
        shard = extend(store_of(workspace), "samples", f"{abs(hash(images.tobytes())):x}", 0, len(images),
                       lambda start, stop: {"images": images[start:stop]})
        return Samples("test", 0, images.shape[1:], (shard,))

    return keep


def causes(generated: Samples, reference: Samples | None, workspace) -> list[tuple[str, str]]:
    found = gates.check_images(generated, reference, store_of(workspace))
    return [(alert.severity, caution(alert.cause)) for alert in found]


def compressed(images: np.ndarray, quality: int) -> np.ndarray:
    """Through JPEG and back."""
    found = []
    for image in images:
        file = io.BytesIO()
        to_pillow(image).save(file, "JPEG", quality=quality)
        pixels = np.array(Image.open(file))
        found.append(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
    return np.stack(found)


def test_real_images_against_other_real_images_stay_silent(samples, real, workspace):
    assert causes(samples(real[:300]), samples(real[300:]), workspace) == []


@pytest.mark.parametrize(("spoil", "severity", "said"), [
    (lambda x: np.full_like(x, 7), "FAIL", "every pixel of all 300 images is 7"),
    (lambda x: (x > 127).astype(np.uint8), "FAIL", "no pixel of the 300 images is above 1"),
    (lambda x: np.repeat(x[:1], len(x), axis=0), "FAIL", "all 300 images are the same"),
    (lambda x: x // 2, "WARN", "all pixels lie between 0 and 127"),
    (lambda x: 128 + x // 2, "WARN", "all pixels lie between 128 and 255"),
    (lambda x: x[np.arange(len(x)) // 3], "WARN", "200 of 300 images are exact copies of others of the set, of which"),
    (lambda x: compressed(x, 75), "WARN", "the generated images show traces of JPEG compression (cosine coeff"),
    (lambda x: compressed(x, 90), "WARN", "the generated images show traces of JPEG compression"),
])
def test_what_is_wrong_with_images_is_named(samples, real, workspace, spoil, severity, said):
    found = causes(samples(spoil(real[:300])), samples(real[300:]), workspace)
    assert [cause for grade, cause in found if grade == severity and cause.startswith(said)], found
    assert len(found) == 1, found


def test_compression_of_both_sets_is_no_difference(samples, real, workspace):
    small = compressed(real, 75)
    assert causes(samples(small[:300]), samples(small[300:]), workspace) == []
    (_, said), = causes(samples(real[:300]), samples(small[300:]), workspace)
    assert said.startswith("the reference images show traces of JPEG compression")


def test_colour_photographs_are_looked_at_by_their_brightness(samples, workspace):
    rng = np.random.default_rng(0)
    smooth = rng.normal(128, 40, (300, 3, 4, 4)).clip(20, 235)
    images = np.stack([np.array(Image.fromarray(x.transpose(1, 2, 0).astype(np.uint8)).resize((32, 32), 3))
                       for x in smooth]).transpose(0, 3, 1, 2)
    images = (images + rng.normal(0, 6, images.shape)).clip(0, 255).astype(np.uint8)
    (_, said), = causes(samples(compressed(images[:150], 85)), samples(images[150:]), workspace)
    assert "generated images show traces of JPEG compression" in said
    assert causes(samples(images[:150]), samples(images[150:]), workspace) == []


def test_images_of_the_reference_among_the_generated_ones_are_counted(samples, real, workspace):
    mixed = np.concatenate([real[:290], real[300:310]])
    assert causes(samples(mixed), samples(real[300:]), workspace) == [
        ("WARN", "10 distinct images are identical, bit for bit, to images of the reference")
    ]


def test_an_extractor_that_does_not_see_the_images_is_named(workspace):
    def features(array: np.ndarray) -> Features:
        shard = extend(store_of(workspace), "features", f"{abs(hash(array.tobytes())):x}", 0, len(array),
                       lambda start, stop: {"features": array[start:stop]})
        return Features("blind", (shard,))

    rng = np.random.default_rng(0)
    varied = rng.standard_normal((100, 4)).astype(np.float32)
    assert gates.check_features(features(varied), "blind", store_of(workspace)) == []
    blind = gates.check_features(features(np.ones((100, 4), np.float32)), "blind", store_of(workspace))
    assert blind == [Alert("FAIL", Caveat("blind", {"extractor": "blind", "n": 100}), "blind")]
    twice = gates.check_features(features(np.repeat(varied[:50], 2, axis=0)), "blind", store_of(workspace))
    assert twice == [Alert("WARN", Caveat("same features", {"count": 100, "n": 100}), "blind")]
    varied[:40] = varied[0]
    half = gates.check_features(features(varied), "blind", store_of(workspace))
    assert half == [Alert("WARN", Caveat("same features", {"count": 40, "n": 100}), "blind")]


@pytest.mark.parametrize(("n", "d", "said"), [
    (5_000, 1_000, None), (4_999, 1_000, "at least 5 × 1,000 are needed; compare"),
    (1_000, 1_000, "whose covariance does not have full rank (at most 999)"),
])
def test_too_few_images_for_the_features_are_said(n, d, said):
    found = gates.too_few_images(n, d)
    assert found is said is None or said in caution(found)


def test_scores_that_are_too_good_or_too_narrow_are_said():
    close = gates.closer_than_real(1.0, 0.1, 2.0, 0.1)
    assert caution(close).startswith("closer to the reference than held-out real images")
    assert gates.closer_than_real(1.8, 0.1, 2.0, 0.1) is None
    assert gates.closer_than_real(0.0, 0.1, None, 0.0) is None
    assert caution(gates.narrow(0.97, 0.02)).startswith("precision 0.97 with recall 0.02")
    assert gates.narrow(0.97, 0.5) is gates.narrow(0.5, 0.02) is None


def test_an_evaluation_stops_at_a_failure_and_carries_warnings(noise, tmp_path, workspace):
    reference = noise("real.npz", 60)
    protocol = Protocol("tiny", Convention("pixels", ("pixels",), ("kid",)), str(reference), 30)
    images = np.repeat(np.random.default_rng(1).integers(0, 256, (1, 1, 8, 8), np.uint8), 30, axis=0)
    write_npz(tmp_path / "same.npz", images)
    with refused("meaningless-scores", "all 30 images are the same", kind=BadOutput):
        evaluate(str(tmp_path / "same.npz"), protocol, workspace=workspace)
    images[:2] = np.random.default_rng(2).integers(0, 256, (2, 1, 8, 8), np.uint8)
    write_npz(tmp_path / "few.npz", images)
    (score,) = evaluate(str(tmp_path / "few.npz"), protocol, workspace=workspace)
    assert caution(score.caveats[0]) == (
        "27 of 30 images are exact copies of others of the set, of which one appears 28 times")
