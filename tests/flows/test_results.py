"""Screens in Prefect's and MLflow's pages, and names of files of a question."""

from ganbench.flows.results import Inquiry, as_markdown
from ganbench.flows.screen import Grid, Line
from ganbench.gan.question import Route
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.results import LONGEST, Record, tags_of


def test_a_screen_becomes_a_table_and_paragraphs_in_which_names_stay_as_they_are():
    grid = Grid("Of *m*", ("path", "a_b"), (("slerp", "1|2"),))
    text = as_markdown([grid, Line(""), Line("It is <b>."), Line("/a/b_c.webp", whole=True)])
    assert text.split("\n\n") == [
        r"### Of \*m\*", "| path | a\\_b |\n| --- | ---: |\n| slerp | 1\\|2 |", "It is &lt;b&gt;.", "`/a/b_c.webp`"]


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted():
    text = as_markdown([Grid("", ("image", "PSNR"), tuple((f"{i}.png", "20.0 dB") for i in range(1_000)))])
    assert "| 29.png | 20.0 dB |" in text
    assert "30.png" not in text
    assert "970 more rows are not shown." in text


def test_where_nothing_is_named_a_file_of_the_home_has_the_models_name_and_the_questions_digest(home):
    asked = Inquiry("film", "/somewhere/my model.toml", Route(), "0123456789abcdef")
    assert asked.place("", ".webp") == settings().root / "films" / "my-model.toml-01234567.webp"
    assert str(asked.place("mine.gif", ".webp")) == "mine.gif"


def test_a_description_that_is_too_long_still_ends_with_the_command():
    tags = tags_of(Record("film", "key", "name", {}, {}, "x" * 2 * LONGEST, [], "ganbench interpolate m --out f.webp"))
    note = tags["mlflow.note.content"]
    assert len(note) == LONGEST
    assert note.endswith("\n\nAgain: `ganbench interpolate m --out f.webp`")
