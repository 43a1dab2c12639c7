"""Classes of two sets are the same where their names are, wherever they lie in the alphabet and whoever lacks one."""

import unicodedata

import numpy as np
import pytest

from ganbench.gan.datasets.classes import matching
from ganbench.gan.evaluate import Threads, all_features, all_samples, submit
from ganbench.gan.findings import Evidence, evidence_of
from ganbench.gan.findings.analysis import analyse
from ganbench.gan.images import png_bytes, write_npz
from ganbench.gan.jobs import check_slices, classes_in, prepare
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.scoring import slice_scores
from ganbench.gan.store import store_of
from ganbench.gan.words import caution, sentence
from tests.refusals import refused

GARMENTS = ("bag", "boot", "coat", "dress", "pullover", "sandal", "shirt", "sneaker", "t-shirt", "trouser")
EACH = 20


def draw(kind, seed):
    """Pictures of one kind: a bright spot in a place of its own, on noise."""
    random = np.random.default_rng([seed, kind])
    images = random.integers(0, 80, (EACH, 1, 8, 8), np.uint8)
    images[:, :, kind % 5 : kind % 5 + 3, kind // 5 * 4 : kind // 5 * 4 + 3] += 150
    return images


def folders(root, names, seed):
    """A folder for each class; the picture is that of the class's place among `names`, `None`s are left out."""
    for kind, name in enumerate(names):
        if name is not None:
            (root / name).mkdir(parents=True)
            for i, image in enumerate(draw(kind, seed)):
                (root / name / f"{i}.png").write_bytes(png_bytes(image))
    return str(root)


def job_of(workspace, model, reference, n, extractor="pixels", metrics="kid"):
    asked = Question(reference=reference, extractor=extractor, metrics=metrics, n=n)
    return prepare(model, protocol_of(asked), 0, workspace)


def slices(job):
    """Shares by class: generated and real; and what is said of them."""
    check_slices(job, "class")
    with Threads(1) as threads:
        started = submit([job], threads)[0]
        shards = {role: [one.result() for one in pending] for role, pending in started.images.items()}
        scores = slice_scores(job, "class", shards, all_features(job, started))
    found = {score.slice: (round(score.value, 3), round(score.floor, 3)) for score in scores if score.metric == "share"}
    return found, {caution(caveat) for score in scores for caveat in score.caveats}


def findings(job, workspace):
    with Threads(1) as threads:
        started = submit([job], threads)[0]
        given = evidence_of(job, all_samples(job, started), all_features(job, started))
    assert isinstance(given, Evidence)
    return analyse(given, store_of(workspace))[0]


def without(name):
    return [one if one != name else None for one in GARMENTS]


@pytest.fixture
def reference(tmp_path):
    return folders(tmp_path / "real", GARMENTS, 1)


@pytest.mark.parametrize("lost", ["bag", "dress", "trouser"])
def test_a_class_folder_that_is_missing_is_missing_and_no_other(tmp_path, workspace, reference, lost):
    job = job_of(workspace, folders(tmp_path / "made", without(lost), 2), reference, 180)
    found, said = slices(job)
    assert found == {name: (0.0 if name == lost else pytest.approx(1 / 9, abs=1e-3), 0.1) for name in GARMENTS}
    assert said == {f"none of the images is of the class {lost}"}


def test_held_out_images_without_classes_give_no_floor_and_the_slices_are_scored_all_the_same(tmp_path, workspace,
                                                                                           reference):
    write_npz(tmp_path / "held-out.npz", np.concatenate([draw(kind, 3) for kind in range(10)]))
    asked = Question(reference=reference, extractor="pixels", metrics="kid", n=200, held_out=str(
        tmp_path / "held-out.npz"))
    job = prepare(folders(tmp_path / "made", GARMENTS, 2), protocol_of(asked), 0, workspace)
    found, _ = slices(job)
    assert found == dict.fromkeys(GARMENTS, (0.1, 0.1))


def test_a_class_folder_of_another_name_is_named_on_both_sides(tmp_path, workspace, reference):
    names = [name if name != "shirt" else "a shirt" for name in GARMENTS]
    found, said = slices(job_of(workspace, folders(tmp_path / "made", names, 2), reference, 200))
    assert found == {**dict.fromkeys(GARMENTS, (0.1, 0.1)), "shirt": (0.0, 0.1), "a shirt": (0.1, 0.0)}
    assert said == {"none of the images is of the class shirt",
                    "the reference has no class of the name a shirt: these images are set beside none"}


def test_folders_of_numbers_are_the_numbers_and_not_their_places(tmp_path, workspace):
    """Sorted as text, 10 and 11 come before 2."""
    real = np.concatenate([draw(kind, 1) for kind in range(12)])
    write_npz(tmp_path / "real.npz", real, np.repeat(np.arange(12), EACH).tolist())
    names = [str(kind) if kind != 3 else None for kind in range(12)]
    found, _ = slices(job_of(workspace, folders(tmp_path / "made", names, 2), str(tmp_path / "real.npz"), 220))
    assert [name for name, (mine, _) in found.items() if mine == 0] == ["class 3"]
    folder = folders(tmp_path / "numbers", [str(kind) for kind in range(12)], 1)
    write_npz(tmp_path / "made.npz", real[2 * EACH :], np.repeat(np.arange(2, 12), EACH).tolist())
    found, _ = slices(job_of(workspace, str(tmp_path / "made.npz"), folder, 200))
    assert [name for name, (mine, _) in found.items() if mine == 0] == ["class 0", "class 1"]


def test_classes_of_wholly_different_names_are_not_compared(tmp_path, workspace, reference):
    job = job_of(workspace, folders(tmp_path / "made", [f"x{kind}" for kind in range(10)], 2), reference, 200)
    with refused("labels-do-not-fit", "x0, x1", "bag, boot"):
        slices(job)


def test_numbers_that_are_fewer_than_the_names_are_said_to_stand_for_the_first_ones(tmp_path, workspace, reference):
    images = np.concatenate([draw(kind, 2) for kind in range(9)])
    write_npz(tmp_path / "made.npz", images, np.repeat(np.arange(9), EACH).tolist())
    found, said = slices(job_of(workspace, str(tmp_path / "made.npz"), reference, 180))
    assert found["trouser"] == (0.0, 0.1)
    assert [line[:60] for line in said] == ["the classes of the reference images have names, those of the "[:60]]


def test_a_set_in_the_same_classes_keeps_its_identity(tmp_path, workspace, reference):
    assert "numbers" not in job_of(workspace, folders(tmp_path / "made", GARMENTS, 2), reference, 200).model.arguments


def test_equal_pictures_in_classes_of_other_names_are_another_set(tmp_path, workspace, reference):
    """The digest of a set of images knows no names."""
    for lost in ("coat", "shirt"):
        shown = [name for name in GARMENTS if name != lost]
        found, _ = slices(job_of(workspace, folders(tmp_path / lost, shown, 2), reference, 180))
        assert [name for name, (mine, _) in found.items() if mine == 0] == [lost]


def test_composed_and_decomposed_accents_are_one_name():
    names = tuple(unicodedata.normalize("NFD", name) for name in ("bébé", "été"))
    assert matching(("bébé", "été"), names).added == ()


def test_classes_of_other_names_are_no_classes_of_the_judge(tmp_path, workspace, reference):
    job = job_of(workspace, folders(tmp_path / "made", [f"x{kind}" for kind in range(10)], 2), reference, 200)
    assert not classes_in(job)[0]


# Findings

@pytest.mark.parametrize("lost", ["bag", "trouser"])
def test_findings_go_by_the_labels_of_both_sides(tmp_path, workspace, reference, lost):
    found = findings(job_of(workspace, folders(tmp_path / "made", without(lost), 2), reference, 180), workspace)
    said = [one for one in found.findings if one.rule in ("missing", "rare", "frequent")]
    assert [(one.rule, one.facts["name"], one.facts["share"]) for one in said] == [("missing", lost, 0.0)]
    assert said[0].facts["expected"] == pytest.approx(0.1)


def test_findings_name_a_class_of_another_name_and_accuse_none(tmp_path, workspace, reference):
    names = [name if name != "shirt" else "a shirt" for name in GARMENTS]
    found = findings(job_of(workspace, folders(tmp_path / "made", names, 2), reference, 200), workspace)
    said = [one for one in found.findings if one.rule in ("renamed", "missing", "frequent", "rare")]
    assert [one.rule for one in said] == ["renamed"]
    assert sentence(said[0]).startswith("The names of classes differ: a shirt only among the generated images, shirt")
    assert sentence(said[0], "fr").startswith("Les noms des classes diffèrent")
