"""What a command has found, as a page beside the screen."""

from pathlib import Path

from ganbench.flows.answers import Answer
from ganbench.flows.pages import write_answer, write_page
from ganbench.flows.screen import Grid, Line
from tests.refusals import refused

SCREEN = [Line("It helps."), Grid("Arms of m", ("arm", "%"), (("shifts", "81.5"),)), Line("five seeds", start="Of "),
          Line(""), Line("/secret/place/accuracy.png", whole=True)]


def test_a_page_says_what_the_screen_says_but_not_where_files_lie(tmp_path):
    text = write_page(tmp_path / "new" / "report.html", "Augmentation", SCREEN, [], "").read_text("utf-8")
    for words in ("<h1>Augmentation</h1>", "<p>It helps.</p>", "<h2>Arms of m</h2>", "<p>Of five seeds</p>", "81.5"):
        assert words in text
    assert "/secret/" not in text


def test_the_page_of_an_answer_ends_with_its_command_line_quoted_for_a_shell(tmp_path):
    write_answer(tmp_path / "report.html", Answer(SCREEN, "{}"), ["augment", "my model.toml", "--data", "d"])
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "ganbench augment &#39;my model.toml&#39; --data d" in text
    assert "<h1>Arms of m</h1>" in text


def test_a_page_that_cannot_be_written_is_one_sentence():
    with refused("unwritable-file", "/proc/report.html"):
        write_answer(Path("/proc/report.html"), Answer(SCREEN, "{}"), [])
