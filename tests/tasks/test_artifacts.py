"""What Prefect's pages show of a run: pictures without a server, links, and names as they are."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ganbench.gan.compare import compare
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.naming import short_metric
from ganbench.gan.types import Score
from ganbench.tasks.artifacts import data_uri, linked, markdown_of, page_in
from ganbench.tasks.leaderboard import MOST, board, strips, weaknesses_markdown
from ganbench.tasks.tracking.client import Tracked

ODD = "*my_model* | `x` [a](b) <b>c</b> 😀"
SHOWN = r"\*my\_model\* \| \`x\` \[a\](b) &lt;b&gt;c&lt;/b&gt; 😀"


def score(model, value):
    return Score(model=model, metric="kid_net", row="kid", extractor="net", value=value, se=0.01, floor=0.0, n=100,
                 protocol="p", protocol_digest="p", model_digest=model)


@pytest.fixture
def sheet(tmp_path):
    """64 images of noise, as a run draws them: the hardest to compress."""
    write_contact_sheet(tmp_path / "sheet.png", np.random.default_rng(0).integers(0, 256, (64, 3, 64, 64), np.uint8))
    return str(tmp_path / "sheet.png")


def picture_in(uri):
    kind, _, content = uri.partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize(("height", "rows"), [(1, 8), (3 / 8, 3), (1 / 8, 1)])
def test_a_picture_in_an_artifact_is_the_sheets_first_rows_and_small(sheet, height, rows):
    uri = data_uri(sheet, height)
    kind, picture = picture_in(uri)
    assert kind == "data:image/jpeg"    # noise is too large as PNG
    assert picture.width / picture.height == pytest.approx(8 / rows, rel=0.05)
    assert len(uri) < 81_000            # 60,000 bytes in base64


def test_a_picture_of_flat_images_keeps_every_pixel(tmp_path):
    flat = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None, None], (64, 1, 28, 28))
    write_contact_sheet(tmp_path / "flat.png", flat)
    kind, picture = picture_in(data_uri(str(tmp_path / "flat.png")))
    with Image.open(tmp_path / "flat.png") as whole:
        upper = whole.convert("RGB").crop((0, 0, whole.width, picture.height))
    assert kind == "data:image/png"
    assert np.array_equal(np.asarray(picture.convert("RGB")), np.asarray(upper.resize(picture.size, 0)))


def test_names_stand_in_tables_as_they_are():
    text = markdown_of([score(ODD, 1.0)], ODD, [])
    assert text.startswith(f"## {SHOWN}\n")
    scores = {ODD: [score(ODD, 0.1)], "b": [score("b", 0.5)]}
    for table in (board(scores, compare(scores)),):
        assert SHOWN in table
        assert ODD not in table
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1     # as many cells in every row
    assert weaknesses_markdown({}) == ""


def test_the_star_of_the_legend_is_no_bullet():
    scores = {"a": [score("a", 0.1)], "b": [score("b", 0.5)]}
    for text in (board(scores, compare(scores)),):
        assert "\n- \\* no other model is significantly better" in text
        assert not re.search(r"^(- )?\* ", text, re.MULTILINE)


def test_a_leaderboard_shows_as_many_models_as_the_page_is_wide_and_says_so():
    scores = {name: [score(name, place / 10)] for place, name in enumerate("abcdefg")}
    text = board(scores, compare(scores))
    heads = text.splitlines()[0]
    assert [cell.strip() for cell in heads.split("|")[1:-1]] == ["metric", "real", *"abcdefg"[:MOST]]
    assert f"The {MOST} best of 7 models" in text
    few = {name: scores[name] for name in "ab"}
    assert "in the report" not in board(few, compare(few))


def test_pictures_stand_beside_their_models_best_first(sheet):
    rows = strips(["b", "a", "c"], {"a": sheet, "b": sheet})
    assert [row.split("|")[1].strip() for row in rows[2:4]] == ["b", "a"]
    assert strips(["a"], {}) == []


def test_an_extractor_is_said_once_above_its_metrics():
    assert short_metric("kid_efficientnet_lite0", "efficientnet_lite0") == "kid"
    assert short_metric("fd_infinity_judge", "judge") == "fd_infinity"
    assert short_metric("fid", "inception") == "fid"
    scores = {name: [score(name, 1.0), replace(score(name, 2.0), metric="fd_net", row="fd")] for name in "ab"}
    assert board(scores, compare(scores)).count("net") == 1 + 1    # and in the sentence about the best model


def test_links_lead_to_mlflows_page_of_a_file_and_nowhere_without_a_server():
    run = Tracked("7", "http://127.0.0.1:5000/#/experiments/1/runs/7?workflowType=x")
    assert page_in(run, "report.html") == (
        "http://127.0.0.1:5000/#/experiments/1/runs/7/artifacts/report.html?workflowType=x")
    assert page_in(Tracked("7"), "report.html") == ""
    assert linked({"Report": "http://a", "Run": "http://b"}) == "[Report](http://a) · [Run](http://b)"
