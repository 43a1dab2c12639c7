"""What the local engine answers, without a browser: pictures, sentences, and pictures again."""

import json
import struct
import zlib

import pytest

from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.page import Named
from ganbench.gan.explorer.photo import MOST_BYTES, state_from
from ganbench.gan.explorer.server import is_local, reply
from ganbench.gan.explorer.state import State
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.types import CompleteSpec
from tests.refusals import refused


@pytest.fixture(scope="module")
def tiny():
    return Explored(DCGAN(width=4, resolution=16).eval(), CompleteSpec("tiny", family="dcgan", sha256="0" * 64))


def asked(named, state, number=7):
    return reply([named], json.dumps({"id": number, "state": state}))


def test_a_picture_comes_with_its_number_and_shape(tiny):
    found = asked(Named(tiny, "tiny"), "seed=3")
    assert struct.unpack("<4I", found[:16]) == (7, 3, 16, 16)
    assert len(found) == 16 + 3 * 16 * 16


def test_a_model_that_raises_at_its_third_picture_is_named_and_the_fourth_is_drawn(tiny, monkeypatch):
    calls, image = [], tiny.image

    def third(state):
        calls.append(state)
        if len(calls) == 3:
            raise ZeroDivisionError("of their own")
        return image(state)

    monkeypatch.setattr(tiny, "image", third)
    answers = [asked(Named(tiny, "tiny"), f"seed={k}", k) for k in range(4)]
    assert [isinstance(one, bytes) for one in answers] == [True, True, False, True]
    assert json.loads(answers[2]) == {"id": 2, "error": "ZeroDivisionError: of their own"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', '{"id": 1, "model": 9, "state": "seed=1"}', "\0"])
def test_what_is_no_request_is_answered_too(tiny, text):
    assert "error" in json.loads(reply([Named(tiny, "tiny")], text))


def test_a_photo_of_200_megapixels_and_an_endless_file_are_refused_before_they_are_read(tiny):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", 20_000, 10_000, 8, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with refused("too-large", 200_000_000):
        state_from(tiny, png, State())
    with refused("too-large", MOST_BYTES + 1):
        state_from(tiny, bytes(MOST_BYTES + 1), State())


def test_other_hosts_and_pages_are_not_local():
    assert is_local({"host": "127.0.0.1:8000"})
    assert is_local({"host": "localhost:8000", "origin": "http://localhost:8000"})
    assert not is_local({"host": "evil.example"})
    assert not is_local({"host": "127.0.0.1:8000", "origin": "http://evil.example"})
    assert not is_local({"host": "127.0.0.1:8000", "origin": "null"})
