"""Defects planted in real images come out in the right metric, and real against other real images stays silent."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ganbench import evaluate
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_npz
from ganbench.gan.question import Question
from ganbench.gan.types import Score, Workspace
from ganbench.gan.uncertainty import difference, p_value
from ganbench.gan.words import caution

N = 1_000
METRICS = "fd,kid,precision,recall,coverage"


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    folders = DataFolders(None, tmp_path_factory.mktemp("data"))
    sets = [open_data(f"fashion-mnist:{name}", folders) for name in ("test", "train10k")]
    return tuple((images.read(range(4_000)), images.labels[:4_000]) for images in sets)


@pytest.fixture(scope="module")
def measured(pools, tmp_path_factory):
    """Scores of N images against 1,000 real ones, with N others for the floor; by metric, in the judge's features."""
    home = tmp_path_factory.mktemp("home")
    real, _ = pools[0]
    write_npz(home / "reference.npz", real[:1_000])
    write_npz(home / "held_out.npz", real[1_000 : 1_000 + N])

    def run(images: np.ndarray, name: str) -> dict[str, Score]:
        write_npz(home / f"{name}.npz", images)
        asked = Question(reference=str(home / "reference.npz"), held_out=str(home / "held_out.npz"), n=len(images),
                         metrics=METRICS, extractor="judge")
        scores = evaluate(str(home / f"{name}.npz"), asked, workspace=Workspace(home=str(home)))
        return {score.metric.removesuffix("_judge"): score for score in scores}

    return run


@pytest.fixture(scope="module")
def sound(measured, pools) -> dict[str, Score]:
    return measured(pools[1][0][:N], "sound")


def apart(score: Score, other: Score) -> float:
    """By how many standard errors two scores differ; above 0: `score` is larger."""
    found = difference(score, other)  # type: ignore[arg-type]
    return found.value / found.se


def test_real_images_against_other_real_images_stay_silent(sound):
    for score in sound.values():
        assert abs(score.value - score.floor) < 3.5 * np.hypot(score.se, score.se), score
        assert all("biased upwards" in caution(caveat) for caveat in score.caveats), score.caveats


def test_a_dropped_class_lowers_recall_and_coverage_but_not_precision(measured, sound, pools):
    images, labels = pools[1]
    dropped = measured(images[labels != 1][:N], "no trousers")
    assert apart(dropped["recall"], sound["recall"]) < -3
    assert apart(dropped["coverage"], sound["coverage"]) < -3
    assert apart(dropped["precision"], sound["precision"]) > -2
    assert apart(dropped["kid"], sound["kid"]) > 3


@pytest.mark.parametrize(("name", "spoil"), [
    ("blur", lambda x: gaussian_filter(x.astype(float), (0, 0, 1, 1))),
    ("checkerboard", lambda x: x + 8.0 * (np.indices(x.shape[2:]).sum(axis=0) % 2 * 2 - 1)),
])
def test_spoiled_pixels_raise_the_distances(name, spoil, measured, sound, pools):
    spoiled = measured(spoil(pools[1][0][:N]).clip(0, 255).astype(np.uint8), name)
    assert apart(spoiled["fd"], sound["fd"]) > 3
    assert apart(spoiled["kid"], sound["kid"]) > 3
    assert p_value(difference(spoiled["kid"], sound["kid"])) < 0.01


def test_few_images_drawn_again_and_again_are_named_and_lower_coverage(measured, sound, pools):
    few = measured(pools[1][0][:50][np.arange(N) % 50], "few")
    assert apart(few["coverage"], sound["coverage"]) < -3
    assert any("exact copies of others" in caution(caveat) for caveat in few["kid"].caveats)


def test_the_reference_itself_is_named(measured, pools):
    itself = measured(pools[0][0][:N], "itself")
    assert any("images of the reference" in caution(caveat) for caveat in itself["fd"].caveats)
    assert any("closer to the reference than held-out" in caution(caveat) for caveat in itself["fd"].caveats)
