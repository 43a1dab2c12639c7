"""Pieces of HTML, read back by the standard library's parser."""

from html.parser import HTMLParser

from ganbench.gan import markup


class Cells(HTMLParser):
    """The texts of a page, and how deep each tag was opened."""

    def __init__(self, page: str):
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def texts_of(page: str) -> list[str]:
    found = Cells(page)
    assert not found.open
    return found.texts


def test_what_a_name_holds_is_text_and_never_markup():
    hostile = '<img src=x onerror=alert(1)> & "q"'
    for page in (markup.table([hostile], [[hostile]], hostile), markup.paragraph(hostile, hostile),
                 markup.bullets(hostile, {hostile: [hostile]})):
        assert "<img" not in page
        assert hostile in "".join(texts_of(page))


def test_a_table_has_every_cell_in_its_order():
    assert texts_of(markup.table(["", "a"], [["x", "1"], ["y", "2"]], "title")) == ["title", "a", "x", "1", "y", "2"]


def test_columns_of_plain_text_are_as_wide_as_their_longest_text():
    assert markup.aligned(["", "value"], [["kid", "1"], ["recall", "10"]]).split("\n") == [
        "        value", "kid         1", "recall     10"]


def test_nothing_is_said_of_nothing():
    assert markup.bullets("What is wrong", {}) == ""
