"""The canary: what makes numbers is recorded, and every difference is named."""

import copy

import pytest
from PIL import Image

from ganbench.gan.nightly import canary
from ganbench.gan.nightly.history import History, Night
from ganbench.gan.nightly.night import Work
from ganbench.gan.protocols import named
from tests.gan.nightly.worlds import suite_of

FACTS = {
    "packages": {"python": "3.11.7", "pillow": "13.0.0"}, "machine": {"processor": "x86_64", "device": "cpu"},
    "extractors": {"judge": "aa" * 32}, "pixels": "p",
    "golden": {"small": {"scores": {"kid_judge": [0.5, 0.1]}, "features": {"judge": "f"}}},
}


def changed(*path_and_value):
    *path, name, value = path_and_value
    facts = copy.deepcopy(FACTS)
    inner = facts
    for step in path:
        inner = inner[step]
    inner[name] = value
    return facts


@pytest.mark.parametrize(("facts", "said"), [
    (changed("packages", "pillow", "13.0.1"), "pillow 13.0.0 -> 13.0.1"),
    (changed("machine", "processor", "aarch64"), "processor x86_64 -> aarch64"),
    (changed("extractors", "judge", "bb" * 32), "extractor judge aaaaaaaaaaaa -> bbbbbbbbbbbb"),
    (changed("pixels", "q"), "golden files"),
    (changed("golden", "small", "features", "judge", "g"), "golden images"),
    (changed("packages", "torch", "2.15"), "torch missing -> 2.15"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_every_difference_is_drift_and_is_named(facts, said):
    assert canary.drift(FACTS, FACTS) == []
    (found,) = canary.drift(FACTS, facts)
    assert said in found


def test_how_far_scores_moved_is_in_their_errors():
    assert canary.moved(FACTS, FACTS) is None
    assert canary.moved(FACTS, changed("golden", "small", "scores", {"kid_judge": [0.7, 0.1]})) == pytest.approx(2.0)
    assert canary.moved(FACTS, changed("golden", "small", "features", "judge", "g")) == 0.0


def test_another_filter_of_pillow_is_seen_in_the_pixels(monkeypatch):
    before = canary.pixels()
    assert before == canary.pixels()
    whole = Image.Image.resize

    def resize(self, size, resample=None, *rest):
        return whole(self, size, Image.Resampling.BOX if resample == Image.Resampling.BICUBIC else resample, *rest)

    monkeypatch.setattr(Image.Image, "resize", resize)
    assert canary.pixels() != before


def test_an_imported_copy_of_another_version_counts(monkeypatch):
    import PIL

    monkeypatch.setattr(PIL, "__version__", "99.0")
    assert canary.versions(("pillow",)) == {"pillow": "99.0"}


def test_one_bit_of_an_extractor_is_seen_though_its_file_is_the_same(workspace, monkeypatch):
    """The judge's features with the last bit of one number flipped."""
    from dataclasses import replace

    from ganbench.gan.types import Convention

    convention = Convention("tiny", ("judge",), ("kid",))
    protocol = replace(named("fashion-mnist-embedded-2k"), convention=convention, judge="")
    before = canary.toolchain([protocol], workspace)
    assert canary.toolchain([protocol], workspace) == before
    from ganbench.gan.features import passing

    whole = passing.extract

    def extract(images, extractor, *rest):
        found = dict(whole(images, extractor, *rest))
        flipped = found["features"].copy()
        flipped.view("int32")[0, 0] ^= 1
        return {**found, "features": flipped}

    monkeypatch.setattr("ganbench.gan.features.extract.extract", extract)
    after = canary.toolchain([protocol], workspace)
    assert len(canary.drift(before, after)) == 1
    assert canary.moved(before, after) < 0.01


def work_with(tmp_path, workspace, *accepted):
    history = History(tmp_path, "s")
    if accepted:
        history.write(Night(1, "2026-11-01", "2026-11-01", state={
            "gate": {}, "toolchains": list(accepted)}))
    return Work(suite_of(), history, workspace)


def test_the_first_toolchain_is_the_accepted_one(tmp_path, workspace):
    work = work_with(tmp_path, workspace)
    assert not work.drifted(FACTS)
    assert work.accepted == [FACTS]


def test_another_toolchain_with_the_same_numbers_is_said_once(tmp_path, workspace):
    other = changed("packages", "pillow", "13.0.1")
    work = work_with(tmp_path, workspace, FACTS)
    assert work.drifted(other)
    assert work.events[0]["harmless"]
    assert not work_with(tmp_path / "next", workspace, *work.accepted).drifted(other)


def test_other_numbers_are_drift_until_they_are_accepted(tmp_path, workspace):
    other = changed("golden", "small", "scores", {"kid_judge": [0.9, 0.1]})
    work = work_with(tmp_path, workspace, FACTS)
    assert work.drifted(other)
    assert not work.events[0]["harmless"]
    assert work.accepted == [FACTS]
    assert work_with(tmp_path / "next", workspace, FACTS).drifted(other)
    assert not work_with(tmp_path / "then", workspace, FACTS, other).drifted(other)
