"""Inputs that are odd but allowed: an analysis ends in findings that can be written and said, or in one clear sentence.

Features are coarse pixels, so that no network is needed.
"""

import ast
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ganbench.gan import words
from ganbench.gan.findings import Evidence, Images, analyse, rules
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Features, Samples
from ganbench.gan.words import LANGUAGES, SENTENCES, sentence
from tests.refusals import refused

N = 200


def drawn(n=N, shape=(1, 16, 16), seed=0):
    """Blobs of two kinds, with some noise, so that all images differ."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    y, x = np.indices(shape[1:])
    blob = np.where(kind[:, None, None], x < shape[2] / 2, y < shape[1] / 2) * rng.uniform(80, 200, (n, 1, 1))
    images = blob[:, None] + rng.uniform(0, 40, (n, *shape))
    return images.astype(np.uint8), kind.astype(np.int64)


def set_of(store, images, labels=None, features=None):
    arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
    coarse = images[:, :, ::2, ::2].reshape(len(images), -1).astype(np.float32) if features is None else features
    name = hashlib.sha256(images.tobytes() + coarse.tobytes() + str(labels).encode()).hexdigest()
    kept = [extend(store, kind, name, 0, len(images), lambda a, b, rows=rows: {k: v[a:b] for k, v in rows.items()})
            for kind, rows in (("samples", arrays), ("features", {"features": coarse}))]
    return Images(Samples("set", 0, images.shape[1:], (kept[0],)), Features("pixels", (kept[1],)))


def found(folder, generated, reference, labels=None, features=(None, None), classes=(), **others):
    store = Store(folder)
    sets = {role: set_of(store, images) for role, images in others.items()}
    given = Evidence(set_of(store, generated, features=features[0]), set_of(store, reference, labels, features[1]),
                     classes=classes, **sets)
    analysis, _ = analyse(given, store)
    json.dumps(asdict(analysis), allow_nan=False)
    assert all(sentence(one, language) for one in analysis.findings for language in LANGUAGES)
    return [one.rule for one in analysis.findings if one.severity in ("alert", "warning")]


REAL, KINDS = drawn(seed=1)
SAME = np.full_like(REAL, 7)


@pytest.mark.parametrize("labels", [None, KINDS], ids=["clusters", "classes"])
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 12, 20), (1, 1, 1), (1, 1, 28), (3, 40, 8)], ids=str)
def test_real_images_of_any_shape_raise_no_alarm(tmp_path, shape, labels):
    real, kinds = drawn(shape=shape, seed=1)
    assert found(tmp_path, drawn(shape=shape, seed=2)[0], real, None if labels is None else kinds) == []


@pytest.mark.parametrize("labels", [None, KINDS], ids=["clusters", "classes"])
def test_a_set_beside_itself_is_all_copies_and_nothing_else(tmp_path, labels):
    assert found(tmp_path, REAL, REAL, labels) == ["copies"]


@pytest.mark.parametrize("labels", [None, KINDS], ids=["clusters", "classes"])
@pytest.mark.parametrize(("generated", "reference"), [(SAME, REAL), (REAL, SAME), (SAME, SAME)])
def test_images_that_are_all_alike_are_analysed(tmp_path, generated, reference, labels):
    assert (found(tmp_path, generated, reference, labels) == []) == (generated is reference)


@pytest.mark.parametrize("labels", [None, KINDS], ids=["clusters", "classes"])
def test_features_that_are_all_alike_tell_nothing(tmp_path, labels):
    ones = np.ones((N, 8), np.float32)
    assert found(tmp_path, drawn()[0], REAL, labels, (ones, ones)) == []


@pytest.mark.parametrize(
    "labels", [np.zeros(N, np.int64), np.arange(N), 700 * KINDS + 3, np.arange(N) % 40], ids=["1", "each", "far", "40"]
)
def test_any_labels_will_do(tmp_path, labels):
    assert found(tmp_path, drawn()[0], REAL, labels, classes=("only",)) == []


@pytest.mark.parametrize(("n", "m"), [(100, 1_000), (1_000, 100)])
def test_sets_may_be_of_unequal_size(tmp_path, n, m):
    assert found(tmp_path, drawn(n)[0], *drawn(m, seed=1)) == []


@pytest.mark.parametrize("n", [1, 10, 500])
def test_any_number_of_training_images_will_do(tmp_path, n):
    assert found(tmp_path, drawn()[0], REAL, KINDS, training=drawn(n, seed=3)[0]) == []


def test_held_out_images_may_be_training_images(tmp_path):
    training = drawn(500, seed=3)[0]
    assert found(tmp_path, drawn()[0], REAL, KINDS, training=training, held_out=training[:N]) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"generated": REAL[:99]}, ("too-few-images", 100, "generated", 99)),
        ({"held_out": REAL[:30]}, ("too-few-images", 100, "held-out", 30)),
        ({"generated": drawn(shape=(1, 16, 8))[0]}, ("unequal-sizes", "(1, 16, 8)", "(1, 16, 16)")),
        ({"labels": KINDS - 1}, ("labels-do-not-fit", 0, 1_999, -1)),
        ({"labels": KINDS * 100_000}, ("labels-do-not-fit", 0, 100_000)),
        ({"features": (np.full((N, 8), np.nan, np.float32), np.ones((N, 8), np.float32))}, ("features-not-finite",)),
    ],
)
def test_what_cannot_be_analysed_is_refused_in_one_sentence(tmp_path, changed, said):
    with refused(*said):
        found(tmp_path, **{"generated": drawn()[0], "reference": REAL} | changed)


# Words

def test_every_rule_that_is_found_has_words_and_a_place():
    calls = [node for path in Path(rules.__file__).parent.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"]
    given = {part.value for call in calls for node in call.args[1:2] for part in ast.walk(node)
             if isinstance(part, ast.Constant)}
    strengths = {"shares_alike", "sharp", "no_lattice", "well_exposed", "like_real", "covers", "no_copies"}
    assert len(calls) > 10
    assert {rule for rule in given if isinstance(rule, str)} <= set(SENTENCES)
    assert set(rules.ORDER) | strengths == set(SENTENCES)


def test_words_are_given_for_numbers_of_all_sizes():
    assert words.percent(-0.004, "en").startswith("\N{MINUS SIGN}0.4")
