"""A page of one result: nothing outside it, nothing lost, nothing that is taken for HTML."""

from html.parser import HTMLParser

import numpy as np
import pytest

from ganbench.gan.applications.restore.sheet import write_image
from ganbench.gan.report import result
from ganbench.gan.report.result import Table, page


class Read(HTMLParser):
    """Texts by tag, and the addresses of pictures."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.sources, self.open = {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if data.strip() and self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "sheet.png"
    write_image(path, np.zeros((1, 8, 8), np.uint8))
    return path


def test_sentences_before_the_first_table_are_the_verdict_and_all_else_keeps_its_order(picture):
    table = Table("Scores", ("method", "PSNR"), (("ddrm", "22.9 dB"), ("tv", "20.4 dB")))
    found = Read(page("Box", ["It helps.", table, "Of two images."], [picture], "ganbench restore m --n 2"))
    assert found.texts["p"] == ["ganbench", "It helps.", "Of two images."]
    assert found.texts["th"] == ["method", "PSNR", "ddrm", "tv"]
    assert found.texts["td"] == ["22.9 dB", "20.4 dB"]
    assert found.texts["figcaption"] == ["sheet.png"]
    assert found.texts["pre"] == ["ganbench restore m --n 2"]


def test_a_page_holds_its_pictures_and_leaves_out_what_is_none(picture, tmp_path):
    (tmp_path / "latents.npz").write_bytes(b"0")
    found = Read(page("", [], [picture, tmp_path / "latents.npz", tmp_path / "gone.png", tmp_path]))
    assert len(found.sources) == 1
    assert found.sources[0].startswith("data:image/png;base64,")


def test_a_picture_that_is_too_large_is_named_instead(picture, monkeypatch):
    monkeypatch.setattr(result, "LARGEST", 10)
    found = Read(page("", [], [picture]))
    assert found.sources == []
    assert found.texts["figcaption"] == ["sheet.png is too large to be shown here."]


def test_names_are_not_taken_for_html():
    found = Read(page("<b>x</b>", ["a & <i>", Table("<t>", ("<h>",), (("<r>",),))], [], "ganbench '<c>'"))
    assert found.texts["h1"] == ["<b>x</b>"]
    assert found.texts["h2"][0] == "<t>"
    assert found.texts["th"] == ["<h>", "<r>"]
    assert found.texts["pre"] == ["ganbench '<c>'"]
