"""The report and the blinded test in headless Chromium, without a network."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from ganbench.gan.images import png_bytes
from ganbench.gan.nightly.history import History
from ganbench.gan.report import write_report
from ganbench.gan.report.play import REAL, Round
from ganbench.tasks.nights import history_page, pictures_of
from tests.gan.curves.cases import HELD_OUT, TUNING
from tests.gan.nightly.test_history import season
from tests.gan.report.sample import document
from tests.gan.report.test_curves_page import page_of
from tests.services.live import SIZES

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of three models with pictures of noise, and twelve rounds of the test."""
    random = np.random.default_rng(0)
    pictures = {name: png_bytes(random.integers(0, 256, (3, 64, 64), np.uint8))
                for name in ("0-wall", "1-wall", "real-wall", "0-best", "2-mode-0")}
    rounds = [Round(of, row, png_bytes(random.integers(0, 256, (1, 32, 32), np.uint8)))
              for row, of in enumerate([REAL, 0, 1, 2, REAL, REAL, 0, REAL, 1, REAL, 2, REAL])]
    path = tmp_path_factory.mktemp("report")
    write_report(path, document(), pictures, rounds)
    nights = season(History(tmp_path_factory.mktemp("history"), "garments"), [0.0, 1.0, None, 0.5, 30.0, 30.0, 0.0])
    (path / "history.html").write_text(history_page(nights, "garments", pictures_of(nights, "garments")), "utf-8")
    (path / "curves.html").write_text(page_of(TUNING[1], TUNING[5], HELD_OUT[4]), "utf-8")
    return path


@pytest.fixture
def open_page(page_at, folder):
    return lambda name, *more, **options: page_at((folder / name).as_uri(), *more, **options)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["history.html", "curves.html"])
def test_a_page_of_curves_shuts_nobody_out(open_page, axe, name, size):
    page = open_page(name, size=size)
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [row["id"] for row in found["violations"]] == []


def test_the_pointer_reads_values_off_learning_curves(open_page):
    page = open_page("curves.html")
    picture, output = page.locator("svg.chart").first, page.locator(".labels output").first
    before = output.inner_text()
    picture.hover()
    assert page.locator(".cursor").first.get_attribute("hidden") is None
    assert output.inner_text() != before
    page.locator("#raw").uncheck()
    assert not page.locator("polyline.raw").first.is_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report.html", "play.html", "history.html", "curves.html"])
def test_pages_ask_nobody_for_anything_and_fit_the_screen(open_page, name, size):
    page = open_page(name, size=size)
    outside = [url for url in page.asked if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("name", ["report.html", "play.html"])
def test_the_language_switch_is_complete_and_the_browsers_language_comes_first(open_page, name):
    page = open_page(name, "fr-CA")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert seen(page, "en") == []
    page.click("#language")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert seen(page, "fr") == []
    english = page.evaluate("document.body.innerText")
    assert "mod\u00e8le" not in english
    attributes = page.evaluate("[...document.querySelectorAll('[data-en]')].every(e => "
                               "['alt', 'title', 'aria-label'].every(n => !e.hasAttribute(n) || "
                               "e.getAttribute(n) === e.dataset.en))")
    assert attributes


def seen(page, language):
    """Texts of a language that a person can see."""
    return page.evaluate(f"[...document.querySelectorAll('[lang={language}]')].filter(e => e.tagName !== 'HTML' && "
                         "e.getClientRects().length > 0).map(e => e.textContent)")


def test_every_picture_has_words_in_its_place(open_page):
    page = open_page("report.html")
    assert page.evaluate("[...document.images].every(e => e.alt && e.complete && e.naturalWidth > 0)")
    assert page.evaluate("[...document.querySelectorAll('svg:not([aria-hidden])')].every("
                         "e => e.querySelector('title').textContent)")


def test_answers_are_counted_with_wilsons_intervals_and_saved(open_page):
    page = open_page("play.html")
    assert page.evaluate("document.getElementById('image').getAttribute('src')") is None
    page.click("#begin")
    for k in range(12):
        page.keyboard.press("ArrowLeft" if k % 3 else "ArrowRight")       # real, but for rounds 0, 3, 6 and 9
    with page.expect_download() as download:
        page.click("#save")
    found = json.loads(download.value.path().read_text())
    truth = [one["of"] for one in found["answers"]]
    said = [one["said"] for one in found["answers"]]
    assert said == ["real" if k % 3 else "generated" for k in range(12)]
    assert [one["image"] for one in found["answers"]] == list(range(12))
    wrong = sum((of == "real") != (word == "real") for of, word in zip(truth, said, strict=True))
    check(found["error_rate"], wrong, 12)
    check(found["real_taken_for_real"], 4, 6)
    fooled = {model["name"]: (model["taken_for_real"]["k"], model["taken_for_real"]["n"]) for model in found["models"]}
    assert fooled == {"dcgan": (1, 2), "flow": (2, 2), "gpt": (1, 2)}
    assert page.complaints == []


def check(found, k, n):
    low, high = binomtest(k, n).proportion_ci(method="wilson")
    assert (found["k"], found["n"]) == (k, n)
    assert [found["rate"], found["low"], found["high"]] == pytest.approx([k / n, low, high], abs=1e-9)


def test_one_may_stop_early(open_page):
    page = open_page("play.html")
    page.click("#begin")
    page.click("#generated")
    page.click("#stop")
    assert page.locator("#result").is_visible()
    assert page.locator("#table tr").first.inner_text().split("\t")[-1] in ("0 / 1", "1 / 1")
