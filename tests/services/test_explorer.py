"""The explorer in headless Chromium: the page without a server, and the server of `ganbench explore`."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.path import Path as Polygon
from PIL import Image
from torch import nn

from ganbench import Workspace
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import atlas_of, clusters_of, encoded, end_to_end, layout_of, principal_plane
from ganbench.gan.explorer.page import Named, exported
from ganbench.gan.explorer.state import state_of
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.generators.factory import WrappedLatent
from ganbench.gan.images import png_bytes
from ganbench.gan.types import CompleteSpec
from tests.explored import explored
from tests.services.live import SIZES

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
STYLES = "stylegan2-fashion-mnist"
MODELS = ("dcgan-fashion-mnist", "wgan-gp-fashion-mnist", "r3gan-fashion-mnist", STYLES, "r3gan-emoji")
STOPS = "button,input,select,textarea,summary,canvas[tabindex]"
PIXELS = """async ([k, text]) => { const found = await explorer.engine.ask({model: k, state: explorer.stateOf(text)});
    if (found.error) throw Error(found.error); return btoa(String.fromCharCode(...found.pixels)); }"""


@pytest.fixture(scope="module")
def zoo():
    return explored


@pytest.fixture(scope="module")
def pages(zoo, tmp_path_factory):
    """Exported pages by model, each with a map of 300 images, in pixels instead of features."""
    folder = tmp_path_factory.mktemp("pages")

    def written(name):
        path = folder / f"{name}.html"
        if not path.exists():
            one = zoo(name)
            drawn = draw(one.generator, one.spec, 0, 0, 300)
            rows = drawn["images"].reshape(300, -1).astype(np.float64)
            places = end_to_end(principal_plane(rows))
            facts = {"seed": "0", "places": encoded(places), "clusters": clusters_of(rows), "classes": None,
                     **atlas_of(drawn["images"]), "how": ("pixels", "pixels")}
            path.write_text(exported([Named(one, f"zoo:{name}", facts)], "test"), "utf-8")
        return path

    return written


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of `ganbench explore` with two models."""
    home = tmp_path_factory.mktemp("home")
    real = open_data("fashion-mnist:test", DataFolders.of(Workspace(str(home))))
    np.savez(home / "real.npz", images=real.read(range(300)), labels=real.labels[:300])
    started = subprocess.Popen(
        [sys.executable, "-c", "from ganbench.flows.cli import main; main()", "explore", f"zoo:{STYLES}",
         "zoo:gpt-fashion-mnist", "--no-browser", "--map", "200", "--reference", str(home / "real.npz")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "GANBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"})
    address = started.stdout.readline().split()[0]
    yield address, started.pid, home
    started.send_signal(signal.SIGINT)
    with started.stdout:
        assert started.wait(30) == 130


@pytest.fixture
def open_page(page_at):
    """With its first picture."""
    def opened(*address, **options):
        page = page_at(*address, **options)
        page.wait_for_selector(".picture[data-state]")
        return page

    return opened


def said_by_test(page):
    """What the self-test says."""
    page.locator("#test", has_text=re.compile("passed|failed|computed:")).wait_for()
    return page.locator("#test").inner_text()


def pixels(page, text, shape, model=0):
    return np.frombuffer(base64.b64decode(page.evaluate(PIXELS, [model, text])), np.uint8).reshape(shape)


def shown(page):
    return page.locator(".picture").first.get_attribute("data-state")


def wait_for(page, text):
    page.wait_for_selector(f'.picture[data-state="{text}"]')


@pytest.mark.parametrize("name", MODELS)
def test_a_page_without_a_server_draws_what_sample_draws(name, pages, zoo, open_page):
    path, one = pages(name), zoo(name)
    assert path.stat().st_size < 4e6
    page = open_page(path.as_uri())
    assert said_by_test(page).startswith("Self-test passed")
    far = total = 0
    for seed in range(8):
        whole = draw(one.generator, one.spec, seed, 0, 8)["images"].astype(int)
        for i in range(8):
            found = pixels(page, f"seed={seed}:{i}", whole.shape[1:])
            far += (np.abs(found - whole[i]) > 1).sum()
            total += found.size
    assert far <= 0.0005 * total
    assert [address for address in page.asked if not address.startswith(("file:", "data:", "blob:"))] == []
    assert page.complaints == []


@pytest.mark.parametrize(("name", "text"), [
    ("dcgan-fashion-mnist", "seed=3,truncation=0.8,pca1=2,sefa2=-1"),
    ("r3gan-fashion-mnist", "seed=3,class=7:0.5+9:0.5,pca1=2"),
    (STYLES, "seed=3,class=2,truncation=0.7,style=5:1@5-8,pca1=2@1-4,sefa2=-1"),
])
def test_edits_give_the_same_picture_in_the_page_and_here(name, text, pages, zoo, open_page):
    right = zoo(name).image(state_of(text)).astype(int)
    found = pixels(open_page(pages(name).as_uri()), text, right.shape)
    assert (np.abs(found - right) > 1).mean() <= 0.0005


class Flat(nn.Module):
    """Uniform latents, rows of pixels in [0, 1], as MLPs of tutorials give them."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 96), nn.ELU(),
                                    nn.Linear(96, 784), nn.Sigmoid())

    def forward(self, z):
        return self.layers(z)


class Chosen(nn.Module):
    """Classes by an embedding, images channel last, and most kinds of layers."""

    def __init__(self):
        super().__init__()
        self.classes, self.first = nn.Embedding(5, 8), nn.Linear(24, 12 * 25)
        self.up = nn.Sequential(
            nn.GroupNorm(3, 12), nn.SiLU(), nn.ConvTranspose2d(12, 12, 4, 2, 1, output_padding=1, groups=3),
            nn.InstanceNorm2d(12, affine=True), nn.LeakyReLU(0.1), nn.Conv2d(12, 18, 3, 1, 2, dilation=2, groups=2),
            nn.BatchNorm2d(18), nn.Hardtanh(-0.8, 0.9), nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.ReflectionPad2d(1), nn.Conv2d(18, 3, 3), nn.Tanh())

    def forward(self, z, labels):
        x = self.first(torch.cat([z.flatten(1), self.classes(labels)], 1)).reshape(-1, 12, 5, 5)
        query = x.flatten(2).transpose(1, 2)
        x = x + nn.functional.scaled_dot_product_attention(query, query, query).transpose(1, 2).reshape(x.shape)
        return self.up(x).permute(0, 2, 3, 1)


def foreign(name):
    """Models as users bring them, with random weights."""
    torch.manual_seed(0)
    if name == "tutorial":
        network = DCGAN(width=16).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
        return Explored(network, CompleteSpec("tutorial", family="dcgan", channels=3, sha256="0" * 64))
    facts = {"flat": {"latent": "uniform", "latent_shape": (20,), "output_range": (0.0, 1.0), "layout": "NC",
                      "pad": 32},
             "chosen": {"latent_shape": (16, 1, 1), "n_classes": 5, "layout": "NHWC"}}[name]
    spec = CompleteSpec(name, factory="their:make", **facts)
    return Explored(WrappedLatent({"flat": Flat, "chosen": Chosen}[name]().eval(), spec), spec)


@pytest.mark.parametrize("name", ["tutorial", "flat", "chosen"])
def test_models_as_users_bring_them_are_computed_in_the_page(name, open_page, tmp_path):
    one = foreign(name)
    (tmp_path / "page.html").write_text(exported([Named(one, "theirs.toml")], "test"), "utf-8")
    page = open_page((tmp_path / "page.html").as_uri())
    assert said_by_test(page).startswith("Self-test passed")
    for text in ("seed=5:2", "seed=7,truncation=0.6", "seed=8,pca1=2,sefa1=-1", *(["seed=1,class=3"] * one.n_classes)):
        right = one.image(state_of(text)).astype(int)
        assert (np.abs(pixels(page, text, right.shape) - right) > 1).mean() <= 0.0005
        assert right.std() > 1


def test_without_webassembly_the_pictures_are_the_same(pages, zoo, open_page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(pages(STYLES).read_text("utf-8").replace("'wasm-unsafe-eval'", ""), "utf-8")
    page = open_page(path.as_uri())
    assert said_by_test(page).startswith("Self-test passed")


def test_without_workers_the_page_computes_by_itself(pages, browser):
    page = browser.new_context(offline=True).new_page()
    page.add_init_script("delete window.Worker")
    page.goto(pages("dcgan-fashion-mnist").as_uri())
    assert said_by_test(page).startswith("Self-test passed")
    page.context.close()


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_one_altered_weight_is_noticed(where, pages, open_page, tmp_path):
    text = pages("dcgan-fashion-mnist").read_text("utf-8")
    begin = text.index(">", text.index('id="weights-0"')) + 1
    at = int(begin + where * (text.index("<", begin) - begin)) // 4 * 4
    changed = text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]
    path = tmp_path / "altered.html"
    path.write_text(changed, "utf-8")
    said = said_by_test(open_page(path.as_uri()))
    assert said.startswith("Self-test failed: the weights in this file")


def test_in_a_frame_that_may_only_run_scripts_the_page_works(pages, browser, tmp_path):
    page = browser.new_context(offline=True).new_page()
    text = pages("dcgan-fashion-mnist").read_text("utf-8").replace("&", "&amp;").replace('"', "&quot;")
    (tmp_path / "frame.html").write_text(
        f'<!doctype html><iframe sandbox="allow-scripts" width=1000 height=800 srcdoc="{text}"></iframe>', "utf-8")
    page.goto((tmp_path / "frame.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator(".picture[data-state]").wait_for()
    frame.locator("#test", has_text="passed").wait_for()
    frame.locator("#dice").click()
    assert "ganbench explore" in frame.locator("#command").input_value()
    page.context.close()


@pytest.mark.parametrize("engine", ["page", "local"])
def test_after_many_quick_changes_the_last_one_is_shown(engine, pages, server, open_page):
    page = open_page(pages(STYLES).as_uri()) if engine == "page" else open_page(server[0], offline=False)
    random = np.random.default_rng(0)
    for _ in range(30):
        values = [round(float(value), 2) for value in random.uniform(-5.9, 5.9, 12)]
        page.evaluate("""(values) => { const box = document.querySelector('#direction-1');
            for (const value of values) { box.value = value; box.dispatchEvent(new Event('input')); } }""", values)
        last = page.evaluate("Number(document.querySelector('#direction-1').value)")
        wait_for(page, f"seed=0,pca1={last:g}" if last else "seed=0")
    assert page.complaints == []


def test_the_copied_command_draws_the_same_bytes(server, zoo, open_page, tmp_path):
    """Thirty random edits in the page; the command, and the downloaded picture."""
    page = open_page(server[0], offline=False)
    random = np.random.default_rng(1)
    for _ in range(30):
        kind = random.integers(4)
        if kind == 0:
            page.fill("#seed", str(random.integers(1_000)))
        elif kind == 1:
            page.fill("#truncation-n", f"{random.uniform(0.3, 1.2):.2f}")
        elif kind == 2:
            page.locator("#sliders input[type=number]").nth(random.integers(10)).fill(f"{random.uniform(-3, 3):.1f}")
        else:
            page.select_option("#class", str(random.integers(10)))
    page.keyboard.press("Tab")
    wait_for(page, page.locator("#text").input_value())
    command = page.locator("#command").input_value()
    text = re.search(r"--at '?([^' ]+)", command)[1]
    with page.expect_download() as download:
        page.click("#save-png")
    picture = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    right = zoo(STYLES).image(state_of(text))
    np.testing.assert_array_equal(np.array(picture.convert("L")), right[0])
    assert picture.text["ganbench:state"] == text
    # Dropping the picture restores every control.
    before = page.evaluate("Array.from(document.querySelectorAll('input,select')).map((one) => one.id + one.value)")
    page.click("#reset")
    page.fill("#seed", "5")
    page.keyboard.press("Tab")
    page.set_input_files("#file", download.value.path())
    wait_for(page, text)
    after = page.evaluate("Array.from(document.querySelectorAll('input,select')).map((one) => one.id + one.value)")
    assert after == before


def test_a_click_on_the_map_loads_that_latent_and_a_lasso_what_is_inside(pages, open_page):
    page = open_page(pages("dcgan-fashion-mnist").as_uri())
    page.evaluate("document.getElementById('panel-map').open = true")
    page.wait_for_selector("#map[data-ready]")
    canvas = page.locator("#map")
    canvas.scroll_into_view_if_needed()
    places = np.array(page.evaluate("Array.from(explorer.map.places())")).reshape(-1, 2)
    reach = page.evaluate("explorer.map.tile()") / 2 / 900
    random = np.random.default_rng(2)
    clicked = 0
    for i in random.permutation(len(places)):
        x, y = places[i]
        inner, outer = ((np.abs(places - (x, y)) <= reach + edge).all(axis=1) for edge in (-0.003, 0.003))
        if (inner != outer).any():                          # a pixel decides which picture is under the pointer
            continue
        clicked += 1
        if clicked > 50:
            break
        upmost = int(np.flatnonzero(inner).max())           # later pictures are drawn above
        box = canvas.bounding_box()
        canvas.click(position={"x": x * box["width"], "y": y * box["height"]})
        wait_for(page, f"seed=0:{upmost}" if upmost else "seed=0")
    assert clicked > 50
    for _ in range(20):
        polygon = random.uniform(0, 1, (random.integers(3, 9), 2))
        found = page.evaluate("(polygon) => explorer.map.lasso(polygon)", polygon.tolist())
        assert found == np.flatnonzero(Polygon(polygon).contains_points(places)).tolist()


def test_what_is_typed_wrongly_is_said_and_the_next_change_works(pages, open_page, tmp_path):
    page = open_page(pages("dcgan-fashion-mnist").as_uri())
    trouble = page.locator("#trouble")
    for wrong in ("-1", str(2**70), "1.5"):
        page.fill("#seed", wrong)
        assert wrong.strip("-") in trouble.inner_text() or "expected a whole number" in trouble.inner_text()
        assert shown(page) == "seed=0"
    page.fill("#text", "seed=3,pca99=2")
    page.press("#text", "Enter")
    assert "pca99" in trouble.inner_text()
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.png")
    page.locator("#trouble", has_text="notes.png").wait_for()
    page.fill("#seed", "7")
    wait_for(page, "seed=7")
    assert trouble.is_hidden()


def test_two_browsers_do_not_share_a_state(server, open_page):
    one, other = (open_page(server[0], offline=False) for _ in range(2))
    one.fill("#seed", "11")
    wait_for(one, "seed=11")
    assert shown(other) == "seed=0"


def test_the_server_answers_its_own_page_only(server):
    import httpx

    assert httpx.get(server[0]).status_code == 200
    assert httpx.get(server[0], headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(server[0], headers={"Origin": "http://evil.example"}).status_code == 403


def test_a_photo_is_found_again_and_what_is_none_is_said(server, zoo, open_page, tmp_path):
    page = open_page(server[0], offline=False)
    (tmp_path / "boot.png").write_bytes(png_bytes(zoo(STYLES).image(state_of("seed=12"))))
    (tmp_path / "notes.jpg").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.jpg")
    page.wait_for_selector("#trouble:not([hidden])")
    page.fill("#seed", "12")
    wait_for(page, "seed=12")
    page.set_input_files("#file", tmp_path / "boot.png")
    page.locator("#said", has_text="boot.png: the nearest").wait_for(timeout=120_000)
    assert ",w=" in shown(page)
    before = pixels(page, shown(page), (32, 32)).astype(int)
    assert np.abs(before - zoo(STYLES).image(state_of("seed=12"))[0]).mean() < 12
    page.fill("#truncation-n", "0.8")
    wait_for(page, page.locator("#text").input_value())
    assert ",w=" in shown(page)
    assert page.locator("#trouble").inner_text() == ""


def test_the_nearest_real_images_follow_the_picture(server, open_page):
    page = open_page(server[0], offline=False)
    page.locator("#near img").first.wait_for(timeout=120_000)
    assert page.locator("#near img").count() == 6
    first = page.locator("#near img").first.get_attribute("alt")
    assert re.fullmatch(r"Real image \d+, \d, distance [\d.]+", first)
    assert re.fullmatch(r"Realism [\d.]+", page.locator("#badge-value").inner_text())
    page.fill("#seed", "12")
    wait_for(page, "seed=12")
    page.locator(f'#near img:not([alt="{first}"])').first.wait_for()
    page.locator("#panel-map summary").click()
    page.locator("#map[data-ready]").wait_for()
    page.locator("#colour option[value=realism]").wait_for(state="attached")
    page.select_option("#colour", "realism")
    assert "real.npz" in page.locator("#legend").inner_text()
    page.select_option("#colour", "class")
    assert page.locator("#legend span").count() == 10
    page.fill("#text", "seed=1,pca99=2")
    page.press("#text", "Enter")
    assert "pca99" in page.locator("#trouble").inner_text()
    assert page.complaints == []


def test_a_map_is_laid_out_by_umap_where_that_is_installed():
    pytest.importorskip("umap")
    random = np.random.default_rng(0)
    rows = np.concatenate([random.normal(0, 1, (60, 20)), random.normal(6, 1, (60, 20))]).astype(np.float32)
    places = end_to_end(layout_of("umap")(rows))
    np.testing.assert_array_equal(places, end_to_end(layout_of("umap")(rows)))
    assert 0 <= places.min() <= places.max() <= 1
    middle = np.linalg.norm(places[:60].mean(0) - places[60:].mean(0))
    assert middle > 4 * places[:60].std()


def test_a_film_of_the_server_has_its_frames(server, zoo):
    import httpx

    states = [f"seed=3,pca1={k / 4:g}" for k in range(6)]
    asked = {"kind": "webp", "fps": 25, "states": states}
    answer = httpx.post(f"{server[0]}film", json=asked, timeout=60)
    film = Image.open(io.BytesIO(answer.content))
    assert film.n_frames == 6
    film.seek(5)
    right = zoo(STYLES).image(state_of(states[5]))[0]
    factor = film.size[0] // right.shape[1]
    np.testing.assert_array_equal(np.array(film.convert("L"))[::factor, ::factor], right)
    refused = httpx.post(f"{server[0]}film", json={**asked, "states": ["seed=3", "pca99=2"]})
    assert refused.status_code == 422
    assert "pca99" in refused.json()["error"]


def test_a_picture_is_saved_to_mlflow_once(server, zoo):
    import httpx

    for _ in range(2):
        answer = httpx.post(f"{server[0]}save", content="seed=3,pca1=2", timeout=120)
        assert answer.json()["where"].startswith("run ")
    (saved,) = (server[2] / "mlflow" / "artifacts").glob("*/artifacts/explored/*.png")
    right = zoo(STYLES).image(state_of("seed=3,pca1=2"))[0]
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(saved.read_bytes()))), right)


def test_pictures_leave_no_files_and_take_no_memory(server):
    from websockets.sync.client import connect

    address, pid, _ = server

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("ascii"))[1]) / 1e3

    def files():
        return {name for name in os.listdir("/tmp") if name.startswith(("tmp", "ganbench"))}

    with connect(address.replace("http", "ws") + "socket") as socket:
        def ask(k):
            socket.send(json.dumps({"id": k, "model": 0, "state": f"seed={k}"}))
            return socket.recv()

        for k in range(100):
            ask(k)
        before, there = resident(), files()
        for k in range(1_000):
            assert len(ask(k)) == 16 + 32 * 32
        assert resident() - before < 100
        assert files() - there == set()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en-US", "fr-FR"])
def test_the_page_shuts_nobody_out(pages, open_page, axe, size, language):
    page = open_page(pages(STYLES).as_uri(), language, size)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.click("#keep")
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [row["id"] for row in found["violations"] if row["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_every_control_is_reached_by_the_keyboard(pages, open_page):
    page = open_page(pages(STYLES).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    wanted = set(page.evaluate("""(stops) => Array.from(document.querySelectorAll(stops))
        .filter((one) => !one.disabled && one.offsetParent && !(one.type === 'radio' && !one.checked))
        .map((one, k) => one.dataset.stop = String(k))""", STOPS))
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(len(wanted) + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.stop"))
    assert wanted <= reached


def test_history_is_a_tree_and_nothing_is_lost(pages, open_page):
    page = open_page(pages("dcgan-fashion-mnist").as_uri())
    for seed in ("1", "2"):
        page.fill("#seed", seed)
        page.press("#seed", "Tab")
    page.click("#undo")
    wait_for(page, "seed=1")
    page.fill("#seed", "3")
    page.press("#seed", "Tab")
    wait_for(page, "seed=3")
    page.evaluate("document.getElementById('panel-history').open = true")
    page.wait_for_selector("#history .card")
    assert page.locator("#history .card").count() == 4
    assert page.locator("#history .strip").count() == 2
    page.click("#undo")
    wait_for(page, "seed=1")
    page.click("#redo")
    wait_for(page, "seed=3")
    page.locator("#history .card[title='seed=2']").click()
    wait_for(page, "seed=2")


def test_a_film_of_the_page_passes_through_its_keys(pages, open_page):
    page = open_page(pages(STYLES).as_uri())
    page.evaluate("document.getElementById('panel-film').open = true")
    for seed in ("1", "2", "3"):
        page.fill("#seed", seed)
        wait_for(page, f"seed={seed}")
        page.click("#frame-add")
    page.fill("#between", "5")
    with page.expect_download() as download:
        page.click("#film-gif")
    film = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert film.n_frames == 15
    film.seek(5)
    right = pixels(page, "seed=2", (32, 32)).astype(int)
    factor = film.size[0] // 32
    found = np.array(film.convert("L"))[::factor, ::factor].astype(int)
    assert np.abs(found - right).max() <= 1
