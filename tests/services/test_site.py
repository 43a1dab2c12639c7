"""The site of the documents in headless Chromium, from the disk and without a network."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent.parent
BUILDER = Path(sys.executable).parent / "sphinx-build"

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not BUILDER.exists():
        pytest.skip("Sphinx is of the dependency group docs")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([BUILDER, "-c", "docs", "-d", folder / "trees", "-b", "html", "-W", "-q", ".", folder / "html"],
                   cwd=ROOT, check=True, timeout=200)
    return folder / "html"


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("name", ["index", "docs/reference", "docs/own-model", "docs/peers", "gan/zoo/README"])
def test_a_page_fits_its_window_and_complains_of_nothing(site, page_at, screenshot, name, size):
    page = page_at((site / f"{name}.html").as_uri(), size=size)
    screenshot(page, f"site-{name.replace('/', '-')}-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    assert {address.partition(":")[0] for address in page.asked} <= {"file", "data"}


def test_the_search_finds_pages_without_a_server(site, page_at, screenshot):
    page = page_at((site / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("perceptual path length")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    screenshot(page, "site-search")
    titles = page.locator("#search-results li a").all_inner_texts()
    assert "Films through a latent space" in titles
    page.locator("#search-results li a").first.click()
    page.wait_for_load_state()
    assert "search.html" not in page.url
    assert page.complaints == []


def test_every_link_of_every_page_leads_to_a_file(site):
    for file in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)[^"]*"', file.read_text("utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (file.parent / unquote(target)).exists(), f"{file.relative_to(site)} links to {target}"
