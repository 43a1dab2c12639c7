"""What somebody who sees a report for the first time does with it, in headless Chromium without a network."""

import csv
import io
import re

import numpy as np
import pytest

from ganbench.gan.images import png_bytes
from ganbench.gan.report import write_report
from ganbench.gan.report.leaderboard import as_latex
from tests.gan.report.sample import document

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]
SIZES = {"desktop": (1_280, 900), "phone": (390, 844)}
NAMES = ("dcgan-clothes", "flow-clothes", "gpt-clothes")
LEAST_TEXT = 11         # pixels


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of three models with pictures of noise; -> its document and its page."""
    random, found = np.random.default_rng(0), document(names=NAMES)
    tall = {"wall": (340, 170), "worst": (68, 340)}
    names = [*(f"{i}-{name}" for i in range(3) for name in tall), "real-wall"]
    pictures = {name: noise(random, *tall[name.partition("-")[2]]) for name in names}
    pictures |= {f"map-{name}": noise(random, 8, 12 * 8) for name in (0, 1, 2, "real")}
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, found, pictures)
    return found, folder / "report.html"


def noise(random, tall, wide):
    return png_bytes(random.integers(0, 256, (1, tall, wide), np.uint8))


@pytest.fixture
def visit(browser, report):
    """A page of a browser of its own; what it complains of."""
    contexts = []

    def opened(address=None, language="en-US", size="desktop", **options):
        width, height = SIZES[size]
        contexts.append(browser.new_context(offline=True, locale=language, viewport={"width": width, "height": height},
                                            **options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(address or report[1].as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def test_what_is_wrong_with_the_best_model_stands_beside_ten_of_its_images(visit, report):
    page, best = visit(), report[0].rankings[0].models[0]
    assert best in page.locator("#first h3").inner_text()
    wrong = page.locator("#first .findings li:visible").all_inner_texts()
    analysis = report[0].models[0].analysis
    assert [analysis.findings[i].sentence.en in line for i, line in enumerate(wrong)] == [True, True]
    picture = page.locator("#first img")
    assert picture.is_visible()
    assert picture.evaluate("e => [e.naturalWidth / 34, e.naturalHeight / 34]") == [10, 2]  # each with its neighbour
    page.locator("#first .zoom").click()
    large = page.locator("#large img")
    assert large.bounding_box()["width"] > 1.5 * picture.bounding_box()["width"]
    page.keyboard.press("Escape")
    assert not page.locator("#large").is_visible()
    assert page.complaints == []


def test_pictures_are_enlarged_by_keyboard_as_well(visit):
    page = visit()
    page.locator("#first .zoom").focus()
    page.keyboard.press("Enter")
    assert page.locator("#large img").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "zoom"


def order_of(page):
    return page.locator("#board tbody th").all_inner_texts()


def test_a_click_on_recall_sorts_the_leaderboard_by_it_the_best_first(visit, report):
    page = visit()
    assert order_of(page) == ["dcgan", "flow", "gpt"]
    button = page.locator("#board th[data-metric^=recall] button")
    button.click()
    row = next(row for row in report[0].table.rows if row.name == "recall_net")
    values = dict(zip(("dcgan", "flow", "gpt"), (cell.value for cell in row.cells), strict=True))
    assert order_of(page) == sorted(values, key=values.get, reverse=True)
    assert page.locator("#board th[aria-sort]").get_attribute("aria-sort") == "descending"
    button.click()
    assert order_of(page) == sorted(values, key=values.get)
    assert page.locator("#board th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert "real images" in page.locator("#board tfoot").inner_text()


def test_the_leaderboard_is_copied_as_latex_in_the_order_that_is_seen(visit, report):
    page, whole = visit(), as_latex(report[0])
    page.click("button[data-copy=latex]")
    assert page.locator("#copied").input_value() == whole.whole()
    assert page.locator(".copied, .by-hand").locator("visible=true").count() == 1
    page.locator("#board th[data-metric^=recall] button").click()
    page.click("button[data-copy=latex]")
    assert page.locator("#copied").input_value() == whole.head + "".join(reversed(whole.rows)) + whole.tail
    assert page.evaluate("getSelection().toString() || document.activeElement.value") == \
        page.locator("#copied").input_value()


def test_the_csv_has_every_digit_of_the_document(visit, report):
    page = visit()
    page.click("button[data-copy=csv]")
    rows = list(csv.DictReader(io.StringIO(page.locator("#copied").input_value())))
    assert [row["model"] for row in rows] == [*NAMES, "real images"]
    for row in report[0].table.rows:
        if row.better != "undecided":
            assert [float(found[row.name]) for found in rows[:3]] == [cell.value for cell in row.cells]


def test_the_verdict_is_read_on_a_phone_without_scrolling_sideways(visit):
    page = visit(size="phone")
    first = page.locator("ul.verdict li").first
    box = first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844         # on the first screen
    assert first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 16
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(SMALLEST_TEXT) >= LEAST_TEXT
    assert page.complaints == []


SMALLEST_TEXT = """Math.min(...[...document.querySelectorAll("svg.chart text")]
  .filter(e => e.getClientRects().length).map(e => parseFloat(getComputedStyle(e).fontSize) *
    e.ownerSVGElement.getBoundingClientRect().width / e.ownerSVGElement.viewBox.baseVal.width))"""


def test_a_link_that_is_sent_from_the_french_page_opens_in_french(visit):
    page = visit()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.click("#language")
    page.click("nav a[href='#leaderboard']")
    address = page.url
    assert address.endswith("?lang=fr#leaderboard")
    sent = visit(address, language="en-GB")
    assert sent.evaluate("document.documentElement.lang") == "fr"
    assert sent.locator("h1").inner_text() == "Lequel de ces trois modèles est le meilleur sur Data\u00a0?"
    assert sent.title() == sent.locator("h1").inner_text()
    assert "lang=en" in visit(language="en-GB").url


def test_points_of_the_map_show_their_pictures_to_pointer_and_keyboard(visit, report):
    page = visit()
    page.locator("#map-area").scroll_into_view_if_needed()
    dot = page.locator(".dot.m1").nth(3)
    dot.hover(force=True)
    assert page.locator(".seen output").inner_text().startswith("flow-clothes")
    style = page.locator(".seen .picture").get_attribute("style")
    assert 'url("data:image/png;base64,' in style
    page.locator("#map-area").focus()
    before = page.locator(".dot.now").get_attribute("cx")
    page.keyboard.press("ArrowRight")
    assert float(page.locator(".dot.now").get_attribute("cx")) >= float(before)
    page.click("button.only[data-model='0']")
    assert page.locator(".dot.m1:not(.other)").count() == 0
    assert page.locator(".dot.m0.other").count() == 0


def test_marks_say_their_numbers_which_are_the_documents(visit, report):
    from dataclasses import asdict

    page, content = visit(), asdict(report[0])
    marks = page.evaluate("[...document.querySelectorAll('.mark[data-at]')].map(e => "
                          "[e.dataset.at, e.dataset.value, e.querySelector('title').textContent])")
    assert len(marks) > 50
    for path, value, said in marks:
        found = content
        for word in path.split("/"):
            found = found[int(word)] if isinstance(found, tuple | list) else found[word]
        assert float(value) == found, path
        assert re.search(r"\d", said), path


def test_the_chart_of_classes_shows_one_number_at_a_time(visit):
    page = visit()
    shown = page.locator("figure.chosen:visible")
    assert shown.count() == 1
    page.check("input[name=class-number][value=share]")
    assert shown.get_attribute("data-number") == "share"


def test_the_page_works_inside_a_frame_that_allows_scripts_alone(browser, report):
    """As MLflow shows it: no storage, no clipboard, no address."""
    context = browser.new_context(offline=True, locale="en-US")
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content('<iframe sandbox="allow-scripts" style="width:1000px;height:800px"></iframe>')
    page.evaluate("text => { document.querySelector('iframe').srcdoc = text }", report[1].read_text("utf-8"))
    frame = page.frame_locator("iframe")
    assert frame.locator("html[lang=en] h1").inner_text().startswith("Which")
    frame.locator("#board").wait_for()
    frame.locator("#language").click()
    assert frame.locator("html[lang=fr] h1").inner_text().startswith("Lequel")
    frame.locator("button[data-copy=markdown]").click()
    assert frame.locator("#copied").input_value().startswith("| model | rank |")
    frame.locator("#first .zoom").click()
    assert frame.locator("#large img").is_visible()
    assert complaints == []
    context.close()


@pytest.mark.parametrize(("size", "language"), [("desktop", "fr-FR"), ("phone", "en-US")])
def test_nobody_is_shut_out(visit, axe, size, language):
    """axe-core finds nothing serious, with all folds open."""
    page = visit(size=size, language=language)
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert len(found["passes"]) > 20
    assert [(row["id"], row["nodes"][0]["html"]) for row in found["violations"]
            if row["impact"] in ("serious", "critical")] == []


def test_paper_has_all_folds_open_and_no_controls(visit):
    page = visit()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every(e => e.open)")
    controls = page.locator("#language, nav, .copy, .choice, #board, a.play")
    assert [one for one in controls.all() if one.is_visible()] == []
    assert page.locator("table.scores").first.is_visible()
