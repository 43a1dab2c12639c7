"""What somebody who has never seen MLflow does without help, beginning at the address that `ganbench ui` prints.

Models are files of noise and their scores are made up, so that it is known what the pages must say.
"""

import os
import re
import subprocess
import time
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ganbench.gan.compare import compare
from ganbench.gan.costs import Cost
from ganbench.gan.images import png_bytes, write_npz
from ganbench.gan.jobs import prepare
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.report import write_report
from ganbench.gan.types import Score, Workspace
from ganbench.tasks import servers as programs
from ganbench.tasks.settings import configure
from tests.conftest import forget_settings
from tests.gan.report.sample import document
from tests.services.live import ask

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
PATIENCE = 60_000  # milliseconds
METRICS = {"kid": (0.02, 0.00123, True), "fd": (12.0, 0.45, True), "recall": (0.6, 0.012, False)}
NIGHTS = {"2026-01-01": ("zebra", "yak"), "2026-01-02": ("newt", "mole", "lynx")}  # the best is the last one given


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """MLflow with two nights: two comparisons of other models under one protocol, the older one with better scores."""
    home = tmp_path_factory.mktemp("home")
    configure(home=home, tracking_uri="")
    from ganbench.tasks.tracking.client import connect
    from ganbench.tasks.tracking.evaluations import log, record_of
    from ganbench.tasks.tracking.suites import log_suite, suite_of

    client, made = connect(), {}
    for night, names in NIGHTS.items():
        jobs = [job_of(home, name) for name in names]
        scores = {job.model.name: scores_of(job, place) for place, job in enumerate(reversed(jobs))}
        if night == min(NIGHTS):
            scores = {name: better(rows) for name, rows in scores.items()}
        costs = {job.model.name: Cost(parameters=1_000, images_per_second=50.0) for job in jobs}
        runs = {}
        for job in jobs:
            picture = home / f"{job.model.name}.png"
            picture.write_bytes(png_bytes(np.random.default_rng(0).integers(0, 256, (1, 64, 64), np.uint8)))
            name = job.model.name
            record = record_of(job, scores[name], [], str(picture), {}, costs[name], begun=time.time() - 30,
                               command=f"ganbench compare {' '.join(names)}")
            runs[name] = log(client, record).run_id
        write_report(home / night, document(), {}, [])
        suite = suite_of(jobs, scores, compare(scores), costs, {}, {}, str(home / night), runs=runs,
                         begun=time.time() - 30 + len(made))
        made[night] = log_suite(client, suite).run_id
    environment = programs.mlflow_environment()
    port = programs.free_port(18_500)
    forget_settings()
    return SimpleNamespace(home=home, environment=environment, port=port, address=f"http://127.0.0.1:{port}",
                           suites=made)


def job_of(home, name):
    for seed, file in enumerate((name, "reference")):
        if not (home / f"{file}.npz").exists():
            write_npz(home / f"{file}.npz", np.random.default_rng(len(name) + seed + ord(name[0])).integers(
                0, 256, (60, 1, 32, 32), np.uint8))
    question = Question(convention="embedded", reference=str(home / "reference.npz"), n=60, metrics="kid,fd",
                        extractor="judge", protocol=None)
    return prepare(str(home / f"{name}.npz"), protocol_of(question), 0, Workspace(home=str(home)))


def scores_of(job, place):
    """The later models of a night are better by many standard errors."""
    found = {metric: value * (1 + place if lower else 1 / (1 + place)) for metric, (value, _, lower) in METRICS.items()}
    return [Score(job.model.name, f"{metric}_judge", metric, "judge", found[metric], se, 0.0, 60, job.protocol.name,
                  job.protocol_digest, job.model_digest, lower) for metric, (_, se, lower) in METRICS.items()]


def better(scores):
    return [replace(score, value=score.value * (0.5 if score.lower_is_better else 1.1)) for score in scores]


@pytest.fixture(scope="module")
def server(nights):
    """MLflow as `ganbench ui` starts it."""
    command = programs.mlflow_command(programs.Servers("", nights.address, 0))
    with (nights.home / "mlflow.log").open("w") as log:
        child = subprocess.Popen(command, env={**os.environ, **nights.environment}, stdout=log, stderr=log)
    end = time.monotonic() + 120
    while not programs.answers(f"{nights.address}/health"):
        assert child.poll() is None, (nights.home / "mlflow.log").read_text()
        assert time.monotonic() < end
        time.sleep(0.2)
    yield nights
    child.terminate()
    child.wait(30)


@pytest.fixture
def page(browser, server):
    """The address that is printed, in a browser that has never been there."""
    context = browser.new_context(viewport={"width": 1_440, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{server.address}/ganbench")
    page.wait_for_selector("text=matching runs")
    page.wait_for_selector(ROW)
    yield page
    context.close()


ROW = ".ag-pinned-left-cols-container [role=row] a"  # names of runs, in the order in which they are shown


def names_in(page):
    rows = [(row.bounding_box()["y"], row.inner_text()) for row in page.query_selector_all(ROW)]
    return [name for _, name in sorted(rows)]


def cells_in(page):
    """Column -> the text of its first row."""
    rows = page.query_selector_all(".ag-center-cols-container [role=row]")
    first = min(rows, key=lambda row: row.bounding_box()["y"])
    return {cell.get_attribute("col-id"): cell.inner_text() for cell in first.query_selector_all("[role=gridcell]")}


def test_the_best_model_of_last_night_is_the_first_row_of_the_first_page(page, screenshot):
    assert names_in(page) == ["lynx.npz", "mole.npz", "newt.npz"]      # best first, and none of the night before
    assert cells_in(page)["tags.`rank`"] == "1"
    heads = page.query_selector_all(".ag-header-viewport .ag-header-cell")
    columns = [head.inner_text() for head in sorted(heads, key=lambda head: head.bounding_box()["x"])]
    assert columns[:3] == ["rank", "kid", "fd"]                         # without the extractor, which is said once:
    assert page.locator("text=features of judge").is_visible()
    assert not page.locator("text=Ask a question").is_visible()         # MLflow's assistant
    screenshot(page, "newcomer-mlflow-first-page")


def test_how_sure_that_is_stands_beside_every_value_and_as_an_interval_in_its_run(page):
    assert cells_in(page)["tags.`kid`"] == "0.0200 ± 0.0012"
    assert cells_in(page)["tags.`fd`"] == "12.00 ± 0.45"
    page.click("text=lynx.npz")
    low, high = 0.02 - 1.96 * 0.00123, 0.02 + 1.96 * 0.00123
    page.wait_for_selector(f"text=95 %: {low:.4f} to {high:.4f}")
    assert page.locator("text=Rank 1 of 3").is_visible()
    assert page.locator("text=ganbench compare newt mole lynx").first.is_visible()


def test_two_runs_are_compared_by_ticking_them(page, screenshot):
    ticks = page.query_selector_all(".ag-pinned-left-cols-container input[type=checkbox][aria-label*=select]")
    for tick in sorted(ticks, key=lambda tick: tick.bounding_box()["y"])[:2]:
        tick.click()
    page.click("button:has-text('Compare')")
    page.wait_for_selector("text=Comparing 2 Runs")
    text = page.inner_text("body")
    assert {"lynx.npz", "mole.npz"} <= set(re.findall(r"\w+\.npz", text))
    assert "newt.npz" not in text
    screenshot(page, "newcomer-mlflow-compare")


def test_charts_have_the_scores_first_in_the_colours_of_the_report(page, server):
    page.goto(f"{server.address}/ganbench?charts")
    page.wait_for_selector("text=Scores: lower is better")
    titles = page.locator("text=/^(kid x1000|fd|kid\\.se|kid\\.floor|cost.*)$/")
    titles.first.wait_for()
    assert titles.first.inner_text() == "kid x1000"
    assert not {"kid.se", "kid.floor"} & set(titles.all_inner_texts())


def test_the_report_is_one_click_from_the_first_page_and_the_models_are_two_from_the_report(page, server):
    with page.context.expect_page() as opened:
        page.click("a:text-is('report')")
    report = opened.value
    report.set_default_timeout(PATIENCE)
    assert server.suites[max(NIGHTS)] in report.url
    report.frame_locator("iframe").locator("h1").wait_for()
    report.click("text=Overview")
    with report.context.expect_page() as opened:
        report.click("text=the models, best first")
    models = opened.value
    models.set_default_timeout(PATIENCE)
    models.wait_for_selector(ROW)
    assert names_in(models) == ["lynx.npz", "mole.npz", "newt.npz"]


def test_nights_are_plotted_against_time(page, server, screenshot):
    experiment = f"{server.address}/api/2.0/mlflow/experiments/get?experiment_id=1"
    tags = [row["key"] for row in ask(experiment)["experiment"]["tags"]]
    (view,) = [key.rpartition(".")[2] for key in tags if ".nights-" in key]
    page.goto(f"{server.address}/#/experiments/1/runs?viewStateShareKey={view}&compareRunsMode=CHART")
    page.wait_for_selector("text=Against time")
    page.wait_for_selector(".scatterlayer .point >> nth=3")             # two charts of two nights: best kid, and alerts
    assert page.locator(".scatterlayer .point").count() == 4
    screenshot(page, "newcomer-mlflow-nights")


def test_a_registered_model_shows_pictures_and_a_score(page, server):
    page.goto(f"{server.address}/#/models/lynx-npz")
    page.wait_for_selector("text=kid 0.0200 ± 0.0012")
    picture = page.wait_for_selector("img[src*='preview.png']")
    assert page.evaluate("image => image.decode().then(() => image.naturalWidth)", picture) > 100


def test_an_address_inside_mlflow_is_mlflows(server):
    with urllib.request.urlopen(f"{server.address}/version", timeout=30) as answer:
        assert re.match(r"\d+\.\d+", answer.read().decode())
