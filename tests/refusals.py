"""Refusals by their codes: tests match what was wrong and the facts that the sentence names, not its wording."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ganbench.gan.types import BadInput


@contextmanager
def refused(code: str, *naming: str | int, kind: type[BadInput] = BadInput) -> Iterator[pytest.ExceptionInfo[BadInput]]:
    """What is inside raises BadInput of this code, and its sentence names these facts as words: `1_000` is 1,000."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert error.code == code, f"{error.code}: {error}"
    assert is_sentence(str(error)), repr(str(error))
    for fact in naming:
        assert names(str(error), f"{fact:,}" if isinstance(fact, int) else fact), f"{fact} is not named: {error}"


def is_sentence(text: str) -> bool:
    """A capital, a name or a path to begin with, one line, and one full stop, or question mark, at the end."""
    return bool(re.fullmatch(r"[\w/'\"].*[^.?\s][.?]", text))


def names(text: str, fact: str) -> bool:
    """Whether a fact stands in a text as a word or number of its own: 3 is neither in 32 nor in 0.3."""
    before = (r"(?<!\w)" if re.match(r"\w", fact) else "") + (r"(?<!\d[.,])" if re.match(r"\d", fact) else "")
    after = (r"(?!\w)" if re.search(r"\w$", fact) else "") + (r"(?![.,]\d)" if re.search(r"\d$", fact) else "")
    return bool(re.search(before + re.escape(fact) + after, text))
