"""The nouns: what is refused keeps its code wherever it travels."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from ganbench.gan.question import Question, protocol_of
from ganbench.gan.types import BadInput, BadOutput
from tests.refusals import names, refused


@pytest.mark.parametrize("kind", [BadInput, BadOutput])
@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
                         ids=["copied", "deeply copied", "pickled"])
def test_a_refusal_keeps_its_code_its_sentence_and_its_notes(kind, travel):
    error = kind("too-few-images", "Scores need at least 2 images, got --n 1.")
    error.add_note("while the suite ran")
    found = travel(error)
    assert type(found) is kind
    assert (found.code, str(found)) == ("too-few-images", "Scores need at least 2 images, got --n 1.")
    assert found.__notes__ == ["while the suite ran"]


def test_a_refusal_in_another_process_is_the_same_here():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, refused("too-few-images", 2, "--n 1"):
        pool.submit(protocol_of, Question(n=1)).result()


@pytest.mark.parametrize(("code", "facts"), [
    ("no-images", ()), ("too-few-images", ("pixels",)), ("too-few-images", (12,)), ("too-few-images", (2_000,)),
])
def test_another_code_or_another_fact_is_another_refusal(code, facts):
    with pytest.raises(AssertionError), refused(code, *facts):
        raise BadInput("too-few-images", "Scores need at least 12,000 images, got 0.5 or 120.")


@pytest.mark.parametrize("text", ["Two\nlines.", "no stop", "Two stops..", " Space.", "- a list."])
def test_what_is_no_sentence_is_no_refusal(text):
    with pytest.raises(AssertionError), refused("no-images"):
        raise BadInput("no-images", text)


def test_numbers_and_words_are_named_whole():
    assert names("It has 1,000 images of a.png, expected 3.", "1,000")
    assert names("It has 1,000 images of a.png, expected 3.", "3")
    assert names("It has 1,000 images of a.png, expected 3.", "a.png")
    assert not names("It has 1,000 images, expected 3.5.", "3")
    assert not names("It has 1,000 images, expected 3.5.", "000")
    assert not names("It has 1,000 images, expected 3.5.", "image")
