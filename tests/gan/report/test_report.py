"""The report: every number is the document's, both languages are whole, nothing is asked of anybody."""

import ast
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import jsonschema
import numpy as np
import pytest

from ganbench.gan import gates
from ganbench.gan.costs import Cost
from ganbench.gan.images import decode, png_bytes
from ganbench.gan.metrics import METRICS
from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report import html, write_report
from ganbench.gan.report.document import SCHEMA_FILE, Clash, Provenance, Said, analysis_of, schema, to_json
from ganbench.gan.report.figures import lead_chart
from ganbench.gan.report.html import page
from ganbench.gan.report.markdown import escaped, markdown
from ganbench.gan.report.play import Round, play_page
from ganbench.gan.report.templates import svg
from ganbench.gan.report.texts import TEXTS, WHAT, both, day
from ganbench.gan.report.verdict import sentences
from ganbench.gan.tables import Cell, Note, Row
from ganbench.gan.types import Caveat, Finding
from ganbench.gan.words import caution
from tests.gan.report.sample import analysis, document, mixture
from tests.gan.report.sample import model as clustered

EMPTY = {"meta", "img", "wbr", "circle", "rect", "path", "line", "polyline", "input"}     # tags that are not closed
PNG = png_bytes(np.random.default_rng(0).integers(0, 256, (1, 8, 8), np.uint8))


class Page(HTMLParser):
    """Numbers, languages, links and unclosed tags of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.data, self.languages, self.addresses, self.open = [], {"en": [], "fr": []}, [], []
        self.scripts, self.events = 0, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in EMPTY:
            self.open.append((tag, found.get("lang")))
        if tag == "data":
            self.data.append((found["data-at"], found["value"]))
        self.scripts += tag == "script"
        self.events += [name for name in found if name.startswith("on")]
        self.addresses += [found[name] for name in ("src", "href", "srcset", "action") if name in found]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open[-1][0] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, text):
        for language in ("en", "fr"):
            if any(lang == language for tag, lang in self.open if tag != "html"):
                self.languages[language].append(text)


def at(content, path):
    for word in path.split("/"):
        content = content[int(word)] if isinstance(content, list) else content[word]
    return content


def test_every_number_of_the_page_is_the_documents(tmp_path):
    write_report(tmp_path, document(), {"0-wall": PNG, "real-wall": PNG})
    behind = json.loads((tmp_path / "report.json").read_text())
    found = Page((tmp_path / "report.html").read_text())
    assert len(found.data) > 80
    for path, value in found.data:
        assert float(value) == at(behind, path), path
    scores = {path for path, _ in found.data if path.endswith("/value") and path.startswith("table/")}
    assert len(scores) == 3 * 5


def test_all_tags_are_closed_and_nothing_is_asked_of_anybody():
    found = Page(page(document(), {f"{i}-wall": PNG for i in range(3)}))
    assert found.open == []
    assert found.addresses
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in found.addresses)


def test_the_json_is_valid_by_the_schema_that_travels_with_the_package():
    """`python -c "from ganbench.gan.report.document import write_schema; write_schema()"` writes it anew."""
    assert json.loads(SCHEMA_FILE.read_text()) == schema()
    checked = jsonschema.Draft202012Validator(schema())
    for content in (document(), document(names=("alone",), front=None, published=())):
        assert list(checked.iter_errors(json.loads(to_json(content)))) == []
    wrong = json.loads(to_json(document())) | {"scores": [{"model": "a"}]}
    assert list(checked.iter_errors(wrong))


def test_the_json_has_a_row_for_each_score():
    found = json.loads(to_json(document()))
    assert {"scores", "provenance"} <= found.keys()
    assert len(found["scores"]) == 3 * 5
    assert {"model", "metric", "value", "se", "floor", "n", "protocol"} <= found["scores"][0].keys()


def test_two_reports_differ_in_one_line_each(tmp_path):
    for name, made in (("a", "2026-01-01T00:00:00+00:00"), ("b", "2026-02-02T00:00:00+00:00")):
        write_report(tmp_path / name, document(made=made), {"0-wall": PNG})
    for file in ("report.html", "report.md", "report.fr.md", "report.json"):
        pairs = zip((tmp_path / "a" / file).read_text().splitlines(), (tmp_path / "b" / file).read_text().splitlines(),
                    strict=True)
        assert sum(one != other for one, other in pairs) == 1, file


def test_names_from_the_wild_are_text_and_nothing_else():
    evil = '<script>alert("x")</script>'
    found = Page(page(document(names=(evil, "модель 猫 `|` *b*", "a" * 120)), {}))
    assert found.scripts == 1
    assert found.open == []
    for language in ("en", "fr"):
        text = markdown(document(names=(evil, "a|b", "c")), {}, language)
        assert "<script>" not in text
        assert r"a\|b" in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert all(row.endswith("|") for row in rows)


EVIL = """"><img src=x onerror=alert(1)>'{{ 70707 * 10001 }}{% raw %}</script>&amp;"""


def test_whatever_anybody_called_anything_is_shown_letter_by_letter():
    names = (EVIL, "training", "a")
    made = document(names=names, classes=(EVIL, "edges"))
    protocol = replace(made.protocol, name=EVIL, reference=EVIL, extractors=(EVIL,))
    metrics = tuple(replace(row, title=EVIL, what=EVIL, paper=EVIL) for row in made.metrics)
    table = replace(made.table, notes=(Note(Caveat("no floor", {"data": EVIL, "n": 2}), (EVIL,), {}),))
    cost = replace(made.models[0].cost, measured_on=EVIL)
    published = tuple(replace(row, model=EVIL, metric=EVIL, paper=EVIL, arxiv=EVIL, table=EVIL)
                      for row in made.published)
    made = replace(made, title=Said(EVIL, EVIL), made=EVIL, protocol=protocol, metrics=metrics, table=table,
                   published=published,
                   models=(replace(made.models[0], cost=cost), *made.models[1:]),
                   provenance=Provenance({EVIL: EVIL}, (EVIL,), {}))
    for text in (page(made, {"0-wall": PNG}, EVIL), play_page(made, [Round(0, 1, PNG)])):
        found = Page(text)
        assert found.open == []
        assert found.events == []
        assert "x" not in found.addresses
        assert "707140707" not in text
    assert found.scripts == 3
    assert any(EVIL in path for path, _ in Page(page(made, {})).data)


def test_no_python_of_the_report_writes_html():
    for path in Path(html.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said
                 and isinstance(node.value, str) and re.search(r"</?[a-z]+[ >]", node.value)]
        if path.name == "markdown.py":      # a line break in a cell of a table
            texts = [text for text in texts if not text.startswith("<br>")]
        assert texts == [], path.name


@pytest.mark.parametrize("changes", [
    {"ensemble": None, "front": None, "published": ()}, {"made": ""}, {"names": ("alone",)},
    {"names": tuple(f"model-{i}" for i in range(12))},
])
def test_missing_parts_and_many_models_are_no_trouble(tmp_path, changes):
    found = document(**changes)
    bare = tuple(replace(model, curve=(), cost=Cost()) for model in found.models)
    rows = tuple(replace(row, cells=tuple(replace(cell, floor=None) for cell in row.cells)) for row in found.table.rows)
    found = replace(found, models=bare, table=replace(found.table, rows=rows))
    write_report(tmp_path, found, {})
    assert Page((tmp_path / "report.html").read_text()).open == []


def test_a_report_of_five_models_is_small(tmp_path):
    wall = png_bytes(np.random.default_rng(0).integers(0, 256, (3, 540, 540), np.uint8))
    write_report(tmp_path, document(names=tuple("abcde")), {**{f"{i}-wall": wall for i in range(5)}, "real-wall": wall})
    assert (tmp_path / "report.html").stat().st_size < 10e6


# Markdown

OF_THE_PAGE = (                 # texts that it has for itself: of its controls and charts
    "other language", "chart lead", "chart spectrum", "bars", "to strengths", "profile", "profile note", "all scores",
    "map", "map note", "map axes", "map hint", "map and", "copied", "copy as", "copy by hand", "leaderboard note",
    "classes note", "balance", "balance note", "shown number", "tables", "front note", "weak points",
)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_markdown_says_all_that_the_page_says(language):
    found, place = document(), ("en", "fr").index(language)
    charts = re.compile(r"<svg.*?</svg>", re.DOTALL)
    said = Page(charts.sub("", page(found, {}))).languages[language]
    text = unescape(markdown(found, {}, language)).replace("\\", "")
    facts = {"metric": found.protocol.lead, "count": "12", "extractor": "net", "model": "dcgan"}
    own = {both(key, **facts)[place] for key in OF_THE_PAGE} | {day(found.made)[place]}
    assert len(said) > 200
    missing = [line for line in said if line not in text and line not in own]
    assert missing == []
    power = found.models[0].analysis.spectrum
    assert text.count(" dB |") >= min(8, len(power.frequency))


def test_markdown_is_in_one_language():
    english_text, french_text = (markdown(document(), {"0-wall": "w.png"}, language) for language in ("en", "fr"))
    for key in ("scores note", "strengths note", "curve note", "pairs"):
        en, fr = (escaped(said) for said in both(key))
        assert en in english_text
        assert fr in french_text
        assert en not in french_text
        assert fr not in english_text


def test_what_scores_warn_of_stands_behind_their_names_once():
    found, few = document(), gates.too_few_images(2_000, 1_280)
    found = replace(found, table=replace(found.table, notes=(Note(few, (), {"net": ("kid", "fd")}),)))
    names = "kid, fd of net"
    assert escaped(f"- {names}: {caution(few)}") in markdown(found, {})
    assert markdown(found, {}).count("biased upwards with 2,000") == 1
    assert f"<li><span lang=\"en\">{names}: biased" in page(found, {})
    assert "kid, fd de net\N{NO-BREAK SPACE}: biaisé" in markdown(found, {}, "fr")


def test_tables_of_markdown_have_cells_for_all_their_heads():
    width = None
    for line in markdown(document(), {}).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.split(r"(?<!\\)\|", line))
        width = width or cells
        assert cells == width, line


# Languages

@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_something_with_the_same_facts(key):
    en, fr = TEXTS[key]
    assert en.strip()
    assert fr.strip()
    fields = [{name for _, name, _, _ in Formatter().parse(said) if name} for said in (en, fr)]
    assert fields[0] == fields[1]


@pytest.mark.parametrize("metric", METRICS)
def test_what_a_metric_is_has_french_words(metric):
    assert WHAT[metric] != METRICS[metric].what


def test_the_page_has_as_many_texts_in_french_as_in_english():
    found = Page(page(document(), {"0-wall": PNG}))
    assert len(found.languages["en"]) == len(found.languages["fr"]) > 60
    assert not re.search(r"\d\.\d", "".join(found.languages["fr"]))        # decimal commas


def test_french_numbers_and_spaces():
    assert french(12_345.678, 2) == "12\u202f345,68"
    assert english(-1_234.5, 1) == "\u22121,234.5"
    assert both("cost note", machine="x")[1].count("\u00a0:") == 3
    assert [decimals(0.0123), decimals(1.5), decimals(0)] == [3, 1, 6]
    assert [significant(0.0123), significant(123.4), significant(0)] == [4, 0, 0]


# The verdict

def said(**changes):
    return [line for line, _ in sentences(document(**changes))]


def test_the_verdict_names_the_best_and_what_it_is_beside_real_images():
    lines = said()
    assert lines[0].startswith("dcgan is the best of these 3 models: its images come nearest to the real ones")
    assert not any(word in lines[0] for word in ("kid", "Holm", "p <"))
    assert any("trade-offs" in line and "dcgan" in line for line in lines)


def test_metrics_that_disagree_are_one_sentence_whatever_the_pairs():
    rows = tuple(Clash("kid_a", "kid_b", "x", worse, 0.01, 0.02) for worse in "yz")
    lines = [line for line in said(disagreements=rows) if "reverse" in line]
    assert lines == ["The metrics disagree: by kid_a x is better than y, x is better than z, by kid_b the reverse, "
                     "both significantly. Look at "
                     "the images."]


@pytest.mark.parametrize(("names", "en", "fr"), [
    (("a",), "How good is a on Data?", "Que vaut a sur Data\u00a0?"),
    (("a", "b"), "Which is better on Data: a or b?", "Lequel est le meilleur sur Data\u00a0: a ou b\u00a0?"),
    (tuple("abc"), "Which of these three models is best on Data?",
     "Lequel de ces trois modèles est le meilleur sur Data\u00a0?"),
    (tuple("abcdefghijkl"), "Which of these 12 models is best on Data?",
     "Lequel de ces 12 modèles est le meilleur sur Data\u00a0?"),
])
def test_the_title_is_the_question_that_the_report_answers(names, en, fr):
    assert document(names=names).title == Said(en, fr)


def test_many_models_have_a_short_title():
    found = page(document(names=tuple("abcde")), {})
    assert "<h1><span lang=\"en\">Which of these five models is best on Data?</span>" in found


def test_models_that_cannot_be_told_apart_are_all_named():
    found = document()
    found = replace(found, rankings=(replace(found.rankings[0], leaders=("dcgan", "flow")), *found.rankings[1:]))
    assert sentences(found)[0][0].startswith("Any of dcgan and flow may be the best of these 3 models")
    assert sentences(found)[0][1].startswith("Impossible de départager dcgan et flow")


def test_a_leading_metric_that_decides_nothing_has_no_best_model():
    found = document()
    rows = (replace(found.table.rows[0], better="undecided"), *found.table.rows[1:])
    found = replace(found, rankings=(replace(found.rankings[0], leaders=()),), table=replace(found.table, rows=rows))
    assert sentences(found)[0][0].startswith("No model is best: kid_net describes the images, but neither a")
    assert not any("real images are" in line for line, _ in sentences(found))


@pytest.mark.parametrize(("value", "expected"), [
    (0.012, "is not significantly farther"), (0.5, "can be told from real ones"),
])
def test_the_floor_decides_whether_the_best_is_significantly_farther_than_real_images(value, expected):
    found = document()
    first, *others = found.table.rows
    first = replace(first, cells=(replace(first.cells[0], value=value), *first.cells[1:]))
    found = replace(found, table=replace(found.table, rows=(first, *others)))
    assert any(expected in line for line, _ in sentences(found))


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, "A mixture (44\u00a0% dcgan, 33\u00a0% flow, 22\u00a0% gpt) is nearer"),
    ({"low": -0.1}, "No mixture of these models was found to be significantly nearer"),
    ({"shares": (1.0, 0.0, 0.0), "gain_se": 0.0}, "than dcgan alone."),
])
def test_a_mixture_is_praised_only_where_its_gain_is_sure(changes, expected):
    found = document(ensemble=mixture(("dcgan", "flow", "gpt"), **changes))
    assert expected in sentences(found)[-1][0]


COLLAPSED = Caveat("collapsed", {"n": 500, "vendi": 1.002, "real": 18.3})
COPIES = Caveat("of the reference", {"count": 40})


@pytest.mark.parametrize("caveat", [COLLAPSED, COPIES])
@pytest.mark.parametrize(("changes", "minded"), [
    ({}, True), ({"low": -0.1}, False), ({"shares": (0.5, 0.5, 0)}, False),
])
def test_a_mixture_with_a_model_whose_images_are_not_sound_says_so(caveat, changes, minded):
    found = document(ensemble=mixture(("dcgan", "flow", "gpt"), **changes))
    found = replace(found, scores=tuple(replace(score, caveats=(caveat,)) if score.model == "gpt" else score
                                        for score in found.scores))
    lines = [line for line, _ in sentences(found) if line.startswith("But the mixture contains images of gpt")]
    told = f"But the mixture contains images of gpt, about which there is a warning: {caution(caveat)}."
    assert lines == [told] * minded
    assert ("images of gpt, about" in page(found, {})) == ("images of gpt, about" in markdown(found, {})) == minded


def test_a_mixture_with_a_model_that_is_found_to_copy_says_so():
    found = document(ensemble=mixture(("dcgan", "flow", "gpt")))
    facts = {"share": 0.4, "verbatim": 0.0, "listed": 0.4, "set": "training"}
    copies = analysis_of(replace(analysis(0), findings=(Finding("alert", "copies", facts, 1e-9, "memorisation"),)))
    found = replace(found, models=(replace(found.models[0], analysis=copies), *found.models[1:]))
    assert any("the mixture contains images of dcgan" in line and "copies or near-duplicates" in line
               for line, _ in sentences(found))


def test_near_real_images_is_a_number_with_its_interval_and_no_praise():
    found = document()
    first, *others = found.table.rows
    cell = replace(first.cells[0], value=0.012, low=0.0, high=0.036)
    found = replace(found, table=replace(found.table, rows=(replace(first, cells=(cell, *first.cells[1:])), *others)))
    (line,) = [en for en, _ in sentences(found) if "significantly farther" in en]
    assert line == ("dcgan is not significantly farther from the real images than held-out real images are: 0.012 "
                    "(95 %: 0.000 to 0.036) against 0.010.")


def test_a_share_of_no_image_is_at_most_so_many():
    found = document()
    first, *others = found.table.rows
    cells = (replace(first.cells[0], value=0.0, low=0.0, high=0.00138, decimals=5, bound="most"), *first.cells[1:])
    found = replace(found, table=replace(found.table, rows=(replace(first, cells=cells), *others)))
    assert "≤ 0.00138" in markdown(found, {})
    assert "≤ 0,00138" in markdown(found, {}, "fr")
    text = page(found, {})
    assert '≤ <data value="0.00138" data-at="table/rows/0/cells/0/high">' in text
    assert not re.search(r"0\.00000\D* ±", text)


def test_a_class_that_one_model_alone_has_is_a_row_with_a_dash():
    found = document(names=("a", "b"))
    more = analysis_of(analysis(1, ("Coat", "Trouser", "Hat")))
    for models in ((replace(found.models[0], analysis=more), found.models[1]),
                   (found.models[0], replace(found.models[1], analysis=more))):
        made = replace(found, models=models)
        row = next(line for line in markdown(made, {}).splitlines() if line.startswith("| Hat"))
        assert row.count(DASH) == 1
        assert Page(page(made, {})).open == []


def test_a_metric_that_one_model_alone_has_is_a_row_with_a_dash(tmp_path):
    found = document()
    row = Row("accuracy_net", "higher", (None, Cell(0.9, 0.01, 0.88, 0.92, None, 3), None))
    found = replace(found, table=replace(found.table, rows=(*found.table.rows, row)))
    write_report(tmp_path, found, {})
    assert "accuracy" in (tmp_path / "report.html").read_text()
    row = next(line for line in (tmp_path / "report.md").read_text().splitlines() if "accuracy_net" in line)
    assert row == "| `accuracy_net` \u2191 | \u2013 | 0.900 ± 0.010<br>0.880 \u2013 0.920 | \u2013 | \u2013 |"


# Strengths and weaknesses

def test_findings_are_said_with_a_word_for_each_mark():
    found = page(document(), {})
    assert found.count('<li class="alert">') == 3 + 1      # and beside the verdict
    assert "Images of the class Coat are missing" in found
    assert "Les images de manteaux manquent, ou presque" in found
    assert found.count('class="spoken"') == 10 + 2
    assert "Significantly better than all other models by kid_net, fd_net." in found


def test_a_model_that_was_not_analysed_has_no_section_and_clusters_are_called_so():
    content = document()
    names = [model.name for model in content.models]
    others = [clustered(name, i + 1, by="cluster") for i, name in enumerate(names[1:])]
    content = replace(content, models=(replace(content.models[0], analysis=None), *others))
    found = Page(page(content, {}))
    assert found.open == []
    assert any("Cluster by cluster" in text for text in found.languages["en"])
    assert "slices" not in page(replace(content, models=tuple(replace(m, analysis=None) for m in content.models)), {})


def test_galleries_are_seen_without_a_click_with_their_captions():
    found = page(document(), {"1-best": PNG, "1-mode-0": PNG, "2-copies": PNG})
    assert found.count("<figcaption>") >= 3
    assert found.count('<div class="strips">') == 2
    article = found[found.index('<article class="model">') : found.rindex("</article>")]
    assert "<details" not in article
    assert "The images nearest to a training (or reference) image" in found


def test_pictures_of_large_images_become_smaller_until_the_page_is_small(tmp_path):
    from ganbench.gan.report.pictures import MOST, Shown, pictures_of

    samples = kept(tmp_path, np.random.default_rng(0).integers(0, 256, (64, 3, 256, 256), np.uint8))
    found = pictures_of([Shown({"generated": samples})] * 5, samples, None, None)
    assert sorted(found) == [*(f"{i}-wall" for i in range(5)), "real-wall"]
    assert sum(map(len, found.values())) <= MOST


def test_walls_hold_the_images_of_their_classes_and_the_map_has_a_picture_for_each_point(tmp_path):
    from ganbench.gan.report.exhibits import NONE, Walls
    from ganbench.gan.report.pictures import BLANK, Shown, pictures_of

    greys = np.arange(60, dtype=np.uint8)
    samples = kept(tmp_path, np.tile(greys[:, None, None, None], (1, 1, 8, 8)))
    walls = Walls(("x", "y"), ((7, 3, 1, 9, 5, 2, 4, 6, NONE, NONE), tuple(range(10))))
    found = pictures_of([Shown({"generated": samples})], samples, walls, document().map)
    assert sorted(found) == ["0-wall", "map-0", "map-real", "real-wall"]
    wall = decode(found["0-wall"], "wall")[0]
    assert [int(wall[2 + 18 * (k // 5) + 4, 2 + 18 * (k % 5) + 4]) for k in range(10)] == \
        [7, 3, 1, 9, 5, 2, 4, 6, BLANK, BLANK]
    sprite = decode(found["map-0"], "sprite")[0]
    side = sprite.shape[1] // 20
    assert [int(sprite[side * (k // 20), side * (k % 20)]) for k in range(60)] == greys.tolist()


def kept(folder, images):
    from ganbench.gan.store import Store, extend
    from ganbench.gan.types import Samples

    shard = extend(Store(folder), "samples", "a" * 64, 0, len(images), lambda a, b: {"images": images[a:b]})
    return Samples("noise", 0, images.shape[1:], (shard,))


# Charts

def test_a_chart_of_one_row_without_a_line_is_drawn():
    made = document(names=("<a>",))
    rows = tuple(replace(row, cells=tuple(replace(cell, floor=None) for cell in row.cells)) for row in made.table.rows)
    chart = svg(lead_chart(replace(made, table=replace(made.table, rows=rows))))
    assert chart.count("<circle") == 1
    assert "&lt;a&gt;</text>" in chart


def test_classes_have_their_french_names_in_french_alone():
    assert '<span lang="en">Coat</span><span lang="fr">manteaux</span>' in page(document(), {})
    assert "| manteaux |" in markdown(document(), {}, "fr")
    assert "manteaux" not in markdown(document(), {})
