"""What commands print at any width: numbers whole, names distinguishable, sentences broken between words."""

import json
import re

import pytest
from rich.cells import cell_len

from ganbench.flows.screen import Grid, Line, as_data, from_data, show
from ganbench.flows.tables import scores_screen
from ganbench.gan.naming import short_names
from ganbench.gan.types import Score

WIDTHS = (40, 60, 80, 120, 200)
MODELS = ("dcgan-fashion-mnist", "r3gan-fashion-mnist", "a-model-with-a-name-that-is-much-longer-fashion-mnist")
HEADS = tuple(f"metric_{k} ↓" for k in range(17))
SCORES = Grid("Scores", ("", *HEADS), tuple((name, *(f"{i}{k}.0012345 ± 0.0000067*" for k in range(17)))
                                            for i, name in enumerate([*MODELS, "real images"])), models=3)
PROSE = Grid("Models", ("name", "what"), tuple((name, "transposed convolutions with normalisation, as everywhere")
                                               for name in MODELS), numbers=False)
SENTENCE = Line("a sentence of so many words that it is longer than every terminal, " * 4, "start: ", "bold")
NUMBER = re.compile(r"\d+\.\d+ ± \d+\.\d+\*")


@pytest.fixture
def printed(capsys, monkeypatch):
    def at(width, *pieces):
        monkeypatch.setenv("COLUMNS", str(width))
        show(pieces)
        return capsys.readouterr().out

    return at


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_terminal(printed, width):
    shown = printed(width, SCORES, PROSE, SENTENCE).splitlines()
    assert max(map(cell_len, shown)) <= width
    assert all(line == line.rstrip() for line in shown)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_number_is_there_whole_and_once(printed, width):
    wanted = [cell for row in SCORES.rows for cell in row[1:]]
    assert sorted(NUMBER.findall(printed(width, SCORES))) == sorted(wanted)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_value_stands_beside_or_below_the_name_of_its_model(printed, width):
    shown, name = printed(width, SCORES), ""
    for line in shown.splitlines():
        found = re.match(r" (dcgan|r3gan|a-model|real)", line)
        name = found[1] if found else name
        for number in NUMBER.findall(line):
            assert number[0] == str(["dcgan", "r3gan", "a-model", "real"].index(name))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_of_a_sentence_is_broken(printed, width):
    said = " ".join(printed(width, SENTENCE).split())
    assert said == " ".join((SENTENCE.start + SENTENCE.text).split())
    assert all(word in printed(width, PROSE).split() for row in PROSE.rows for word in row[1].split())


def test_a_name_longer_than_the_terminal_goes_on_in_the_next_line(printed):
    grid = Grid("", ("", "kid"), (("x" * 50, "0.1 ± 0.2"), ("y" * 50, "0.3 ± 0.4")))
    shown = printed(40, grid)
    assert max(map(len, shown.splitlines())) <= 40
    assert shown.count("x") == shown.count("y") == 50


def test_what_names_share_is_said_once_where_they_do_not_fit(printed):
    shown = printed(80, SCORES, SCORES)
    assert shown.count("models without …-fashion-mnist") == 1
    assert " dcgan " in shown
    assert "dcgan-fashion-mnist" not in shown
    assert "dcgan-fashion-mnist" in printed(1_000, SCORES)


@pytest.mark.parametrize(("names", "short", "said"), [
    (["dcgan-mnist", "gpt-mnist"], ["dcgan", "gpt"], "…-mnist"),
    (["run-7/step_100.pt", "run-7/step_200.pt"], ["100", "200"], "run-7/step_… and ….pt"),
    (["dcgan-mnist", "dcgan-mnist-early"], ["dcgan-mnist", "dcgan-mnist-early"], ""),
    (["mnist", "gpt-mnist"], ["mnist", "gpt-mnist"], ""),
    (["one", "other"], ["one", "other"], ""),
    (["a-b", "a-b"], ["a-b", "a-b"], ""),
    (["a-x-a", "a-a"], ["a-x", "a"], "…-a"),
    (["only-one"], ["only-one"], ""),
    (["été-1", "été-2"], ["1", "2"], "été-…"),
])
def test_names_lose_what_all_share_and_stay_distinguishable(names, short, said):
    assert short_names(names) == (short, said)


def test_spare_columns_give_way(printed):
    grid = Grid("", ("", "value", "95 % interval"), (("kid", "0.1", "0.05 – 0.15"),), spare=("95 % interval",))
    assert "0.05 – 0.15" in printed(40, grid)
    assert "interval" not in printed(20, grid)


def test_a_list_item_goes_on_below_its_text(printed):
    shown = printed(30, Line("- one two three four five six seven", indent=3)).splitlines()
    assert shown == ["   - one two three four five", "     six seven"]


def test_paths_are_never_broken(printed):
    path = f"/home/{'x' * 100}/report.html"
    assert f"Report: {path}\n" in printed(40, Line(f"Report: {path}", indent=0, whole=True))


def test_a_screen_survives_json():
    screen = [SCORES, SENTENCE, PROSE]
    assert from_data(json.loads(json.dumps(as_data(screen)))) == screen


def test_fid_is_called_fid_and_other_distances_are_not(printed):
    """Only with the 2015 Inception network, whose scores have no suffix."""
    def score(metric, extractor):
        return Score(model="a", metric=metric, row="fd", extractor=extractor, value=3.0, se=0.1, floor=None, n=100,
                     protocol="p", protocol_digest="p", model_digest="a")

    shown = printed(80, *scores_screen([score("fid", "inception"), score("fd_judge", "judge")], "a"))
    assert re.findall(r"^ (fid|fd) ", shown, re.MULTILINE) == ["fid", "fd"]
