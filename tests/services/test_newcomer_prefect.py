"""What somebody does in Prefect's pages who has never seen ganbench: start an evaluation of a checkpoint from the form,
see why another one was refused, and find the report from the page of a run."""

from __future__ import annotations

import re
import shutil
import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from ganbench.gan.images import write_folder
from tests.services.live import deployments, post

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
DESKTOP = {"width": 1440, "height": 900}
PATIENCE = 120_000  # milliseconds until a run is done
PAGES = {"classic": "", "V2": "/v2"}


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.fixture(scope="session")
def theirs(ui_home, tiny):
    """A checkpoint without a word about its architecture, and images, in the folder where the servers run."""
    shutil.copy(tiny, ui_home / "my-gan.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 32, 32), np.uint8)
    write_folder(images[:40], ui_home / "my-photos")
    write_folder(images[40:], ui_home / "my-draws")


def open_form(page: Any, servers: dict[str, str], deployment: str, pages: str) -> None:
    """By clicks, from the list of deployments."""
    page.goto(f"{servers['prefect']}{PAGES[pages]}/deployments")
    page.get_by_text(deployment, exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()


def field(page: Any, title: str) -> Any:
    """The first input below a title, whether or not it is called optional."""
    label = page.get_by_text(re.compile(rf"^{re.escape(title)}( \(Optional\))?$")).first
    return label.locator("xpath=following::*[self::input or self::textarea][1]")


def submitted(page: Any, name: str) -> None:
    """Click, again where the server was busy; open the page of the run; wait until it runs, which is when it gets its
    name."""
    for _ in range(3):
        with page.expect_response("**/create_flow_run") as sent:
            page.get_by_role("button", name="Submit").click()
        if sent.value.ok:
            break
    address = page.url.partition("/deployments")[0]
    page.goto(f"{address}/runs/flow-run/{sent.value.json()['id']}")
    expect(page.get_by_text(name).first).to_be_visible(timeout=PATIENCE)


def artifact(page: Any, key: str) -> None:
    """From the page of a run; in the V2 pages by way of all artifacts of that name, the newest first."""
    page.get_by_text("Artifacts", exact=True).last.click()
    page.get_by_text(key, exact=True).last.click()
    page.wait_for_url(re.compile("/artifacts/"))
    if "/key/" in page.url:
        page.locator("a[href*='/artifacts/artifact/']").first.click()


@pytest.mark.parametrize("pages", PAGES)
def test_an_evaluation_of_an_own_checkpoint_is_started_from_the_form_and_shows_pictures_and_scores(
    pages, page, servers, theirs, screenshot
):
    open_form(page, servers, "evaluate-one-model", pages)
    page.get_by_text("Name or path").click()
    field(page, "Model").fill("my-gan.safetensors")
    n = {"classic": 20, "V2": 21}[pages]
    field(page, "Number of images").fill(str(n))
    page.get_by_text("Change", exact=True).click()
    for title, text in (("Reference", "my-photos"), ("Metrics", "kid"), ("Extractor", "pixels"), ("Family", "dcgan")):
        field(page, title).fill(text)
    submitted(page, f"my-gan.safetensors, n={n}, my-photos, seed 0")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE)
    artifact(page, "scores")
    picture = page.get_by_alt_text("The first images of the model")
    expect(picture).to_be_visible()
    assert picture.evaluate("picture => picture.naturalWidth") > 100
    expect(page.get_by_text("kid_pixels").first).to_be_visible()
    link = page.get_by_role("link", name="Run in MLflow").get_attribute("href")
    assert link.startswith(servers["mlflow"])


@pytest.mark.parametrize("pages", PAGES)
def test_a_checkpoint_that_is_not_there_fails_in_seconds_and_the_page_says_so_first(pages, page, servers, theirs):
    open_form(page, servers, "evaluate-one-model", pages)
    page.get_by_text("Name or path").click()
    field(page, "Model").fill("my-typo.pt")
    field(page, "Number of images").fill("1")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_timeout(2_000)
    assert "/run?" in page.url    # nothing was started: at least 2 images are needed
    field(page, "Number of images").fill("20")
    start = time.monotonic()
    submitted(page, "my-typo.pt, n=20")
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    assert time.monotonic() - start < 60    # 9 s on idle cores
    page.get_by_text("Details", exact=True).click()
    expect(page.get_by_text("MODEL 'my-typo.pt' does not exist").first).to_be_visible()
    page.get_by_text("Logs", exact=True).click()
    expect(page.get_by_text("MODEL 'my-typo.pt' does not exist").first).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)


@pytest.mark.parametrize("pages", PAGES)
@pytest.mark.parametrize("own", [["my-draws"], ["my-draws", "my-photos"]], ids=len)
def test_own_models_are_compared_from_the_form_one_or_several(own, pages, page, servers, theirs):
    """Beside the first of the zoo's with which the form begins, or without them."""
    open_form(page, servers, "compare-models", pages)
    of_zoo = page.locator("span:has-text('zoo:') > button")
    expect(of_zoo).to_have_count(3)
    kept = ["dcgan-fashion-mnist"][: 2 - len(own)]
    for _ in range(3 - len(kept)):
        of_zoo.last.click()
    for k, name in enumerate(own):
        page.get_by_role("button", name="Add item").click()
        lines = page.get_by_text("Your own models").first.locator("xpath=following::textarea")
        lines.nth(k).fill(name)
    n = 10 + len(own) + 2 * list(PAGES).index(pages)        # of 20; the runs of these tests have names of their own
    field(page, "Number of images").fill(str(n))
    page.get_by_text("Change", exact=True).click()
    for title, text in (("Reference", "my-photos"), ("Metrics", "kid"), ("Extractor", "pixels")):
        field(page, title).fill(text)
    submitted(page, f"{', '.join([*kept, *own])}, n={n}, my-photos, seed 0")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE)
    artifact(page, "leaderboard")
    for name in [*kept, *own]:
        expect(page.get_by_alt_text(f"Images of {name}")).to_be_visible()


def test_images_are_restored_from_the_form_and_shown_with_their_scores(page, servers, theirs):
    open_form(page, servers, "restore-images", "V2")
    field(page, "Images").fill("my-draws")
    page.get_by_text("Name or path").click()
    field(page, "Model").fill("my-gan.safetensors")
    page.get_by_text("Change", exact=True).click()
    for title, text in (("Method", "biharmonic, tv"), ("Family", "dcgan")):
        field(page, title).fill(text)
    submitted(page, "inpaint:box=12 by my-gan")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE)
    artifact(page, "restoration")
    expect(page.get_by_text("biharmonic").first).to_be_visible()
    assert page.locator("img[src^='data:image']").first.evaluate("picture => picture.naturalWidth") > 100


def test_the_report_is_two_clicks_from_the_page_of_a_comparison(page, servers, theirs):
    more = {"real_images": {"reference": "my-photos"}, "scores": {"metrics": "kid", "extractor": "pixels"}}
    parameters = {"models": ["my-draws", "my-photos"], "n": 20, "more": more}
    by_hand = deployments(servers)["compare/compare-models"]["id"]
    run = post(f"{servers['prefect']}/api/deployments/{by_hand}/create_flow_run", {"parameters": parameters})
    page.goto(f"{servers['prefect']}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE)
    artifact(page, "leaderboard")
    assert page.get_by_alt_text("Images of my-draws").evaluate("picture => picture.naturalWidth") > 100
    expect(page.get_by_text("* no other model is significantly better")).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report", exact=True).click(modifiers=["ControlOrMeta"])
    report = opened.value.frame_locator("iframe").first
    expect(report.get_by_text("my-draws").first).to_be_visible(timeout=PATIENCE)
