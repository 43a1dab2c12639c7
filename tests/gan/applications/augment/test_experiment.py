"""Experiments with generators that are known to be good, bad or nothing: images on disk, under made-up classes."""

from dataclasses import replace

import numpy as np
import pytest

from ganbench.gan.applications.augment import grid as grids
from ganbench.gan.applications.augment.experiment import Asked, experiment
from ganbench.gan.applications.augment.grid import Plan
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.models.loading import resolve
from ganbench.gan.types import Workspace
from tests.gan.applications.augment.strokes import NAMES, strokes, write
from tests.refusals import refused

QUICK = Plan(per_class=6, seeds=2, factors=(1, 2), steps=6)
LONG = Plan(per_class=8, seeds=4, factors=(8,), steps=500, arms=("copies",))
quiet = lambda *progress: None      # noqa: E731


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Real images to learn from and to test with, and generators: unseen images, with shuffled labels, noise, the real
    images themselves, and images without classes."""
    place = tmp_path_factory.mktemp("strokes")
    images, labels = strokes(400, 1)
    write(place / "real.npz", images, labels)
    write(place / "copies.npz", images, labels)
    write(place / "test.npz", *strokes(1_200, 2))
    fresh, classes = strokes(1_000, 3)
    write(place / "oracle.npz", fresh, classes)
    write(place / "shuffled.npz", fresh, np.random.default_rng(0).permutation(classes))
    write(place / "noise.npz", np.random.default_rng(1).integers(0, 256, fresh.shape, np.uint8), classes)
    write(place / "plain.npz", fresh)
    return place


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(str(tmp_path_factory.mktemp("home")))


def run(folder, space, model, plan=QUICK, show=quiet, **asked):
    given = {"data": str(folder / "real.npz"), "test": str(folder / "test.npz")} | asked
    path = str(folder / model)
    return experiment(resolve(path, space), path, Asked(**given, plan=plan), extractor_of("pixels", space), space, show)


# The whole grid, on next to no training

@pytest.fixture(scope="module")
def found(folder, space):
    return run(folder, space, "oracle.npz")


def test_every_arm_has_an_outcome_or_a_reason(found):
    for arm in found.grid.arms:
        assert (arm.name in found.grid.outcomes) != (arm.name in found.grid.skipped), arm.name
    assert found.grid.skipped["balanced"] == "all classes have as many real images"
    assert set(found.grid.skipped) == {"balanced", "training images"}


def test_arms_learn_from_as_many_images_as_they_say(found):
    real = 6 * len(NAMES)
    images = {name: one.images for name, one in found.grid.outcomes.items()}
    assert {images[name] for name in ("none", "shifts", "flips and shifts", "RandAugment")} == {real}
    assert (images["synthetic x1"], images["synthetic x2"], images["synthetic alone"]) == (2 * real, 3 * real, 2 * real)
    assert (images["copies"], images["oracle"], images["real x2"], images["real x3"]) == (
        3 * real, 3 * real, 2 * real, 3 * real)


def test_a_second_run_trains_nothing_and_says_the_same(folder, space, found):
    again = run(folder, space, "oracle.npz")
    assert (found.grid.computed > 0, again.grid.computed) == (True, 0)
    assert again.verdict == found.verdict


def test_another_model_trains_only_what_its_images_are_in(folder, space, found):
    other = run(folder, space, "shuffled.npz")
    changed = [arm.name for arm in other.grid.arms if arm.synthetic and arm.name in other.grid.outcomes]
    assert other.grid.computed == len(changed) * QUICK.seeds


def made(home):
    """The cells in a store, and when each was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in (home / "store" / "cells").rglob("*")
            if path.is_file() and path.name != "manifest.json"}


def test_a_killed_grid_repeats_no_finished_cell(folder, tmp_path):
    """Killed in the middle of a training: what comes before is not trained again, and the result is the same."""
    space, steps = Workspace(str(tmp_path / "home")), []

    class Killed(Exception):
        pass

    def show(stage, done, total=None):
        if stage == "classifiers" and total is None:
            steps.append(done)
            if len(steps) == 45:
                raise Killed

    with pytest.raises(Killed):
        run(folder, space, "oracle.npz", show=show)
    finished = made(tmp_path / "home")
    resumed = run(folder, space, "oracle.npz")
    whole = run(folder, Workspace(str(tmp_path / "other")), "oracle.npz")
    assert len(finished) > 3
    assert made(tmp_path / "home").items() >= finished.items()              # not written again
    assert made(tmp_path / "home").keys() == made(tmp_path / "other").keys() > finished.keys()
    np.testing.assert_array_equal(resumed.grid.outcomes["synthetic x2"].predicted,
                                  whole.grid.outcomes["synthetic x2"].predicted)


def test_images_without_classes_get_those_that_a_guide_of_the_real_ones_sees(folder, space, monkeypatch):
    monkeypatch.setattr("ganbench.gan.conditioning.classifiers.STEPS", (200, 200))
    found = run(folder, space, "plain.npz", replace(QUICK, arms=("copies",)))
    assert found.pool.asked is None
    assert found.grid.on_synthetic == ()
    truth = np.arange(len(found.pool)) % len(NAMES)
    assert (found.grid.labels == truth).mean() > 0.5                        # of four classes


def test_the_classes_that_images_have_are_matched_by_name(folder, space, tmp_path):
    images, labels = strokes(200, 3)
    order = (2, 0, 3, 1)
    write(tmp_path / "other.npz", images, np.argsort(order)[labels], tuple(NAMES[k] for k in order))
    found = run(tmp_path, space, "other.npz", replace(QUICK, arms=("copies",)), data=str(folder / "real.npz"),
                test=str(folder / "test.npz"))
    np.testing.assert_array_equal(found.pool.asked, labels[: len(found.pool)])


def test_rare_classes_are_filled_up_to_the_largest_one(folder, space, tmp_path):
    images, labels = strokes(400, 1)
    few = np.flatnonzero((labels != 2) | (np.arange(400) < 12))             # 3 of "falling"
    write(tmp_path / "rare.npz", images[few], labels[few])
    found = run(folder, space, "oracle.npz", replace(QUICK, arms=("balanced",)), data=str(tmp_path / "rare.npz"))
    assert np.bincount(found.grid.shown.labels).tolist() == [6, 6, 3, 6]
    assert found.grid.outcomes["balanced"].images == 24
    assert found.grid.labels[found.grid.added["balanced"]].tolist() == [2] * 3


def test_without_other_test_images_data_are_divided(folder, space):
    found = run(folder, space, "oracle.npz", replace(QUICK, arms=("copies",)), data=str(folder / "test.npz"), test="")
    parts = (found.real.learn, found.real.validation, found.real.test, found.real.unseen)
    assert sum(map(len, parts)) == 1_200
    assert len(set(np.concatenate([part.rows for part in parts]).tolist())) == 1_200


def test_steps_are_doubled_until_a_doubling_gains_little(folder, space, monkeypatch):
    tried = iter((70.0, 75.0, 75.2))
    monkeypatch.setattr(grids, "accuracy", lambda *rest: next(tried))
    lab = type("Lab", (), {"plan": Plan()})()
    found = grids.steps_of(lab, {})
    assert (found.chosen, list(found.tried)) == (2_000, [500, 1_000, 2_000])
    assert found.gain == pytest.approx(0.2)


# Planted truths

@pytest.mark.long
@pytest.mark.parametrize(("model", "states"), [
    ("oracle.npz", {"helps"}), ("shuffled.npz", {"harms"}), ("noise.npz", {"neutral", "harms", "cannot tell"}),
])
def test_good_images_help_wrong_labels_harm_and_noise_does_not_help(folder, space, model, states):
    found = run(folder, space, model, LONG)
    assert found.grid.reference == "shifts"                                 # flips make one class of two
    assert found.verdict.oracle.low > 2
    assert found.verdict.state in states


@pytest.mark.long
def test_copies_of_the_real_images_are_neutral(folder, space):
    found = run(folder, space, "oracle.npz", LONG)
    base = found.grid.outcomes["shifts"]
    from ganbench.gan.applications.augment.judging import difference

    gain = difference(found.grid.outcomes["copies"], base)
    assert gain.low <= 0 <= gain.high


@pytest.mark.long
def test_unseen_images_exchange_for_about_as_many_real_ones(folder, space):
    found = run(folder, space, "oracle.npz", replace(LONG, factors=(2, 4), arms=("real x3", "real x5")))
    assert found.exchange.low < 1 < found.exchange.high


# What is refused

@pytest.mark.parametrize("how", ["unchanged", "moved", "mirrored"])
def test_a_test_image_that_the_generator_makes_stops_the_run_by_its_name(folder, space, tmp_path, how):
    images, labels = strokes(200, 3)
    test, classes = strokes(200, 2)
    change = {"unchanged": lambda x: x, "moved": lambda x: np.roll(x, (1, 1), (1, 2)),
              "mirrored": lambda x: x[..., ::-1]}
    images[17] = change[how](test[123])
    write(tmp_path / "planted.npz", images, labels)
    write(tmp_path / "test.npz", test, classes)
    asked = {"data": str(folder / "real.npz"), "test": str(tmp_path / "test.npz")}
    with refused("no-held-out-images", "Image 123", "Image 17"):
        run(tmp_path, space, "planted.npz", **asked)
    found = run(tmp_path, space, "planted.npz", replace(QUICK, arms=("copies",)), **asked, leave_out=True)
    assert found.left_out == 1


def test_too_few_images_that_are_left_to_test_with_are_refused_with_how_many_were_left_out(folder, space, tmp_path):
    test, classes = strokes(200, 2)
    write(tmp_path / "knows-all.npz", test, classes)
    write(tmp_path / "test.npz", test, classes)
    with refused("too-few-images", "--test", "left out"):
        run(tmp_path, space, "knows-all.npz", replace(QUICK, per_class=12), data=str(folder / "real.npz"),
            test=str(tmp_path / "test.npz"), leave_out=True)


def test_a_test_image_that_the_classifier_learns_from_stops_it_too(folder, space, tmp_path):
    test, classes = strokes(200, 2)
    test[5] = strokes(400, 1)[0][9]
    write(tmp_path / "test.npz", test, classes)
    with refused("no-held-out-images", "Image 5", "Image 9"):
        run(folder, space, "oracle.npz", test=str(tmp_path / "test.npz"))


@pytest.mark.parametrize(("change", "code", "facts"), [
    ({"data": "plain.npz"}, "missing-labels", ("plain.npz",)),
    ({"data": "one.npz"}, "missing-labels", ("one.npz",)),
    ({"data": "single.npz"}, "too-few-images", ("'rising'", 1)),
    ({"test": "other.npz"}, "labels-do-not-fit", ("'dots'",)),
    ({"test": "tiny.npz"}, "too-few-images", ("--test",)),
    ({"data": "colours.npz"}, "unequal-sizes", ("colours.npz",)),
    ({"plan": replace(QUICK, per_class=500)}, "too-few-images", (500, 100)),
    ({"plan": replace(QUICK, per_class=-1)}, "unfit-value", ("--per-class",)),
    ({"plan": replace(QUICK, most_steps=0)}, "unfit-value", ("--most-steps",)),
    ({"plan": replace(QUICK, seeds=1)}, "unfit-value", ("--seeds",)),
    ({"plan": replace(QUICK, factors=(4, 1))}, "unfit-value", ("--factors",)),
    ({"plan": replace(QUICK, factors=(100,))}, "too-few-images", (1_000, 2_400)),
    ({"plan": replace(QUICK, arms=("cutmix",))}, "unknown-choice", ("'cutmix'",)),
    ({"model": "other.npz"}, "labels-do-not-fit", ("'dots'",)),
])
def test_bad_input_is_refused(folder, space, change, code, facts):
    images, labels = strokes(80, 4)
    write(folder / "one.npz", images, np.zeros(80, np.int64), ("across",))
    write(folder / "single.npz", images[:61], np.minimum(labels[:61] % 3 + 3 * (np.arange(61) == 0), 3))
    write(folder / "other.npz", images, labels, ("across", "down", "falling", "dots"))
    write(folder / "tiny.npz", images[:8], labels[:8])
    write(folder / "colours.npz", images.repeat(3, axis=1), labels)
    change = {name: str(folder / value) if name in ("data", "test") else value for name, value in change.items()}
    with refused(code, *facts):
        run(folder, space, change.pop("model", "oracle.npz"), **change)


def test_more_classes_of_a_model_than_of_the_data_are_refused(tmp_path, space):
    images, labels = np.random.default_rng(0).integers(0, 256, (200, 1, 32, 32), np.uint8), np.arange(200) % 4
    write(tmp_path / "real.npz", images, labels)
    model = "zoo:r3gan-fashion-mnist"
    with refused("labels-do-not-fit", 10, 4):
        experiment(resolve(model, space), model, Asked(str(tmp_path / "real.npz"), plan=QUICK),
                   extractor_of("pixels", space), space, quiet)


def test_what_a_model_of_the_zoo_has_learnt_from_is_not_unseen(space):
    model = "zoo:r3gan-fashion-mnist"
    for option, data in (("unseen", "fashion-mnist:train10k"), ("test", "fashion-mnist:train")):
        with refused("no-held-out-images", "fashion-mnist:train", 60_000, f"--{option}"):
            experiment(resolve(model, space), model, Asked("fashion-mnist", **{option: data}, plan=QUICK),
                       extractor_of("pixels", space), space, quiet)
