"""Reachable and unreachable classes of toys; the judge comes last; what only the guide believes does not count."""

import pytest

from ganbench.gan.conditioning.control import Limits, check_names, condition
from ganbench.gan.conditioning.methods import METHODS
from ganbench.gan.features import pixels
from tests.gan.conditioning import toys
from tests.refusals import refused

LATENT = tuple(METHODS)[1:]
EYES = pixels.make((1, toys.SIDE, toys.SIDE))
RIGHT = 2


def quiet(*progress):
    pass


def conditioned(guide=None, judge=toys.judge, number=RIGHT, methods=LATENT, n=40, draws=1_000, **arguments):
    return condition(toys.source(**arguments), guide or toys.guide(), judge, EYES, toys.real(), number, methods,
                     Limits(n, draws), quiet)


@pytest.mark.parametrize("number", range(3))
def test_all_places_of_a_whole_model_are_reached_by_rejection_and_all_methods_agree(number):
    found = conditioned(number=number)
    assert (found.verdict.state, found.verdict.method) == ("reachable", "rejection")
    for one, row in zip(found.found, found.judged, strict=True):
        if len(one):
            assert row.confirmed.value >= 0.75, row
            assert row.p < 0.01
    assert found.bench.guide_accuracy > 0.9
    assert found.bench.judge_accuracy > 0.9


def test_a_place_that_was_deleted_is_unreachable_and_the_others_are_not():
    """The squares end in the middle."""
    lost = conditioned(last=8.0)
    assert (lost.verdict.state, lost.verdict.method) == ("unreachable", "")
    assert [row.confirmed.count for row in lost.judged] == [0] * len(LATENT)
    assert lost.of("rejection")[0].offered == 1_000
    assert conditioned(number=0, last=8.0).verdict.state == "reachable"


def test_images_that_only_the_guide_believes_are_not_reached():
    """A guide that a light corner fools: the search finds such corners, and the judge does not see squares there."""
    found = conditioned(toys.guide(toys.fooled), last=8.0, corner=True)
    search, row = found.of("search")
    assert len(search) == 40
    assert row.confirmed.count == 0
    assert dict(row.leaks).keys() <= {0, 1}
    assert found.verdict.state == "unreachable"


def test_the_judge_is_made_when_all_images_are_there_and_nobody_searches_afterwards(monkeypatch):
    guide, calls = toys.guide(), {}
    source = toys.source()
    decoded = type(source.generator).sample

    def counting(self, *given):
        calls["model"] = calls.get("model", 0) + 1
        return decoded(self, *given)

    monkeypatch.setattr(type(source.generator), "sample", counting)

    def made():
        calls["then"] = guide.extractor.calls, calls["model"]
        return toys.judge()

    condition(source, guide, made, EYES, toys.real(), RIGHT, LATENT, Limits(20, 500), quiet)
    assert calls["then"] == (guide.extractor.calls, calls["model"])
    assert calls["model"] > 50


def test_variety_is_beside_as_many_images_of_rejection_and_as_many_real_ones():
    found = conditioned()
    rows = {row.method: row for row in found.judged}
    assert rows["rejection"].beside_rejection is None
    assert 0.5 < rows["search"].beside_rejection < 1.5
    assert all(0.2 < row.beside_real < 1.5 for row in found.judged if row.beside_real is not None)


def test_the_guide_cannot_be_the_judge():
    with refused("given-twice", "guide"):
        conditioned(judge=toys.guide, methods=("rejection",))
    with refused("given-twice", "mine.toml"):
        check_names("mine.toml", "mine.toml")
    check_names("", "")
