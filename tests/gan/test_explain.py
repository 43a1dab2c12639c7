"""A gap between two numbers, shared out among what made them unlike."""

from dataclasses import replace

import numpy as np
import pytest

from gan import explain
from gan.explain import AXES, OF_FID, READINGS, RESIZES, SPLITS, Reading, attributed
from gan.generators.loading import resolve
from gan.types import BadInput

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


@pytest.mark.parametrize("name", READINGS)
def test_every_reading_has_rules_that_exist_and_says_where_they_were_read(name):
    row = READINGS[name]
    assert row.name == name
    assert row.resize in RESIZES
    assert row.splits in SPLITS
    assert row.source
    assert not row.weights
    assert {axis for axis in AXES if not isinstance(getattr(row, axis), str)} == set()


# With a network

@pytest.fixture
def compared(tiny, garments, workspace):
    """Differences between two readings of a model, through EfficientNet."""

    def run(a: str, b: str, model: str = "", **options):
        spec = resolve(model or str(tiny), workspace, family="" if model else "dcgan")
        return explain.explain(a, b, spec, str(garments), 20, workspace, extractor="efficientnet_lite0", **options)

    return run


def test_a_gap_through_a_network_is_shared_out_and_a_second_call_looks_at_nothing(compared):
    seen: list[int] = []
    first = compared("fidelity", "torchmetrics", tick=seen.append)
    assert [found.metric for found in first] == ["fd_efficientnet_lite0", "is_efficientnet_lite0"]
    for found in first:
        assert {part.axis for part in found.shares} == {"resize", "quantisation"}
        assert sum(part.share for part in found.shares) == pytest.approx(found.b - found.a, abs=1e-9)
    assert abs(first[0].b - first[0].a) > 1e-3
    again: list[int] = []
    assert compared("fidelity", "torchmetrics", tick=again.append) == first


def test_covariance_and_splits_cost_no_look_at_an_image(compared):
    assert explain.n_passes("fidelity", "stylegan3") == 1
    distance, score = compared("fidelity", "stylegan3")
    (part,) = distance.shares
    assert (part.axis, part.share) == ("covariance", distance.b - distance.a)
    assert [part.axis for part in score.shares] == ["splits"]


def test_images_on_disk_have_nothing_to_quantise(compared, garments):
    distance, _ = compared("fidelity", "torchmetrics", model=str(garments))
    assert {part.axis for part in distance.shares} == {"resize"}


@pytest.mark.parametrize(("words", "said"), [
    (("fidelity", "clearly"), r"No reading 'clearly'\. Known: fidelity, clean, adm, pytorch-fid"),
    (("", "clean"), "No reading ''"),
])  # fmt: skip
def test_a_reading_that_is_none_is_refused(compared, words, said):
    with pytest.raises(BadInput, match=said):
        compared(*words)


def test_other_networks_and_few_images_are_refused(tiny, garments, workspace):
    spec = resolve(str(tiny), workspace, family="dcgan")
    with pytest.raises(BadInput, match="explained through inception or efficientnet_lite0; got 'pixels'"):
        explain.explain("fidelity", "clean", spec, str(garments), 20, workspace, extractor="pixels")
    with pytest.raises(BadInput, match="at least 10 images, got --n 5"):
        explain.explain("fidelity", "clean", spec, str(garments), 5, workspace, extractor="efficientnet_lite0")
