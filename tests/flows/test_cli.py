"""The command `ganbench`: what it prints, where it exits, and one sentence for everything that goes wrong."""

import io
import json
import pickle
import shutil
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from typer.testing import CliRunner

from ganbench.flows.cli import LISTS, app
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.images import png_bytes, read_image, write_folder

ARGUMENTS = {"z_dim": 8, "width": 2, "resolution": 32, "channels": 1}


@pytest.fixture
def ganbench(home):
    """Run the command in this process: ganbench("models", "--json") -> result."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def refused(ganbench, home):
    """Run it and expect exit code 2, one sentence, and nothing half-written; -> the sentence."""

    def run(*words):
        done = ganbench(*words)
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        assert done.stderr.startswith("ganbench: ")
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
        assert not [path for path in home.rglob("*") if path.is_file() and path.parent.name != "locks"]
        return done.stderr

    return run


# Lists


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_list_is_a_table_and_json_with_names_first(name, ganbench):
    table, listed = ganbench(name), ganbench(name, "--json")
    assert table.exit_code == listed.exit_code == 0, table.output
    rows = json.loads(listed.stdout)
    assert rows
    for row in rows:
        assert next(iter(row)) == "name"
        assert row["name"].split()[0] in table.stdout


def test_every_preset_is_listed(ganbench):
    from ganbench.gan.protocols import PROTOCOLS

    assert {row["name"] for row in json.loads(ganbench("protocols", "--json").stdout)} == set(PROTOCOLS)
    assert "zoo:dcgan-fashion-mnist" in ganbench("models").stdout


def test_models_are_listed_with_all_that_is_opened_without_a_family(ganbench):
    from ganbench.gan.generators import GENERATORS
    from ganbench.gan.models.openers import OPENERS

    rows = {row["name"]: row for row in json.loads(ganbench("models", "--json").stdout)}
    assert {f"--family {name}" for name in GENERATORS} | OPENERS.keys() <= rows.keys()
    assert rows["pipeline"]["what"] == "a pipeline of diffusers: a folder or hf:ORG/REPO@REVISION"
    assert all(rows[name]["what"] for name in OPENERS)


def test_without_a_command_it_shows_help(ganbench):
    assert "evaluate" in ganbench().output


# Drawing images


@pytest.fixture
def drawn(ganbench, model, tmp_path):
    """Draw 25 images in a form; -> the path and what was said."""

    def draw(out, *words):
        done = ganbench("sample", model, "--n", "25", "--out", tmp_path / out, *words)
        assert done.exit_code == 0, done.output
        return tmp_path / out, done.stdout

    return draw


def test_the_same_pixels_come_out_in_every_form_and_again_as_a_model(drawn, ganbench, tmp_path):
    folder, said = drawn("folder")
    assert "25 images" in said
    assert "25 drawn now, 0 from the store" in said
    npz, said = drawn("images.npz")
    assert "0 drawn now, 25 from the store" in said
    parquet, _ = drawn("images.parquet")
    pixels = np.stack([read_image(path) for path in sorted(folder.glob("*.png"))])
    assert pixels.shape == (25, 1, 32, 32)
    assert len(np.unique(pixels.reshape(25, -1), axis=0)) == 25
    assert np.array_equal(np.load(npz)["arr_0"].transpose(0, 3, 1, 2), pixels)
    for path in (folder, npz, parquet):
        copy = tmp_path / f"copy of {path.name}.npz"
        assert ganbench("sample", path, "--n", "25", "--out", copy).exit_code == 0
        assert np.array_equal(np.load(copy)["arr_0"].transpose(0, 3, 1, 2), pixels)


def test_files_say_that_they_are_synthetic_unless_that_is_not_wished_and_copies_of_real_images_do_not(
    drawn, ganbench, garments, tmp_path
):
    from ganbench.gan.synthetic import MARK

    marked, plain = drawn("marked")[0], drawn("plain", "--no-mark")[0]
    assert ganbench("sample", garments, "--n", "5", "--out", tmp_path / "real").exit_code == 0
    said = {folder.name: [MARK.encode() in path.read_bytes() for path in sorted(folder.glob("*.png"))]
            for folder in (marked, plain, tmp_path / "real")}
    assert said == {"marked": [True] * 25, "plain": [False] * 25, "real": [False] * 5}
    assert json.loads((marked / "croissant.json").read_text())["keywords"] == ["synthetic"]
    assert "keywords" not in json.loads((tmp_path / "real" / "croissant.json").read_text())


def test_another_seed_draws_other_images(drawn):
    ours, theirs = np.load(drawn("a.npz")[0])["arr_0"], np.load(drawn("b.npz", "--seed", "1")[0])["arr_0"]
    assert not np.array_equal(ours, theirs)


def test_a_folder_with_files_in_it_is_not_mixed_up(refused, model, tmp_path, ganbench):
    assert ganbench("sample", model, "--n", "2", "--out", tmp_path / "folder").exit_code == 0
    done = ganbench("sample", model, "--n", "2", "--out", tmp_path / "folder")
    assert done.exit_code == 2
    assert f"{tmp_path / 'folder'} is not an empty folder" in done.stderr


@pytest.mark.parametrize("name", ["images.jpg", "images.zip"])
def test_images_are_written_in_three_forms_only(name, refused, model, tmp_path):
    said = refused("sample", model, "--out", tmp_path / name)
    assert "can be written as .npz, .parquet or into a folder" in said
    assert name in said


# Scores


def test_scores_are_a_table_for_people_and_json_with_full_precision(
    ganbench, model, garments, prefect_server, tmp_path
):
    asked = ("evaluate", model, "--reference", garments, "--held-out", garments, "--n", "20")
    done = ganbench(*asked, "--json", tmp_path / "scores.json")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "scores.json").read_text())
    assert list(found) == ["scores", "provenance"]
    for score in found["scores"]:
        assert list(score) == ["model", "metric", "value", "se", "floor", "n", "protocol", "warnings", "caveats"]
        assert f" {score['metric'].removesuffix('_efficientnet_lite0')} " in done.stdout
        assert score["n"] == 20
    assert found["provenance"]["seed"] == 0
    assert done.stdout.count("Features of efficientnet_lite0") == 1
    assert "Images: 0 from the store, 20 drawn now" in done.stdout
    assert "MLflow: run" in done.stdout
    again = ganbench(*asked)
    assert "Images: 20 from the store, 0 drawn now" in again.stdout
    assert "logged before" in again.stdout
    more = ganbench(*asked[:-1], "30")
    assert "Images: 20 from the store, 10 drawn now" in more.stdout
    cache = {row["name"]: row for row in json.loads(ganbench("cache", "--json").stdout)}
    assert cache["samples"]["artefacts"] == 3  # shards: the model's, all garments, a random part of them
    assert json.loads(ganbench("cache", "verify", "--json").stdout)[-1]["state"] == "all sound"


def test_json_on_stdout_is_alone_there_and_nothing_is_said_beside_it(run_python, model, garments, prefect_session):
    """A fresh process with Prefect's own temporary server, as a script would call it, with a proxy that is down, empty
    variables, and a locale without accents."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    asked = ("evaluate", model, "--reference", str(garments), "--n", "20", "--json", "-")
    here = {**proxies, "NO_PROXY": "", "no_proxy": "", "GANBENCH_WORKERS": "", "PREFECT_API_URL": "",
            "PYTHONIOENCODING": "ascii"}
    done = run_python("-m", "ganbench", *asked, timeout=240, **here)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert {"fd_efficientnet_lite0", "kid_efficientnet_lite0"} <= {score["metric"] for score in found["scores"]}
    assert {"model_digest", "protocol_digest", "seed", "versions"} <= found["provenance"].keys()
    without = "import sys; sys.modules.update(prefect=None, torch=None, mlflow=None); "
    again = run_python("-c", f"{without} from ganbench.flows.cli import main; main()", *asked, timeout=60, **here)
    assert (again.stdout, again.stderr) == (done.stdout, ""), "a repeated question needs none of these"


def test_a_bad_image_in_the_middle_of_a_run_ends_it_with_its_sentence(
    run_python, bad_model, garments, prefect_server, home
):
    from prefect.settings import PREFECT_API_URL

    done = run_python("-m", "ganbench", "evaluate", bad_model("late_nan"), "--reference", str(garments), "--n", "60",
                      PREFECT_API_URL=PREFECT_API_URL.value(), PYTHONPATH=bad_model.path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "late_nan gave" in done.stderr
    assert "first in image 24" in done.stderr
    assert done.stdout == ""
    assert not list((home / "store").rglob("*.partial"))


# Weights that are no weights


def test_a_name_that_is_nearly_one_of_ours_is_said(refused):
    assert "(did you mean zoo:dcgan-fashion-mnist?)" in refused("evaluate", "dcgan-fashion-mnist")
    assert "(did you mean zoo:gpt-fashion-mnist?)" in refused("evaluate", "zoo:gtp-fashion-mnist")


def test_a_missing_file(refused):
    assert "MODEL 'nowhere.pt' does not exist" in refused("evaluate", "nowhere.pt", "--family", "dcgan")


def test_a_truncated_checkpoint(refused, tiny, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(tiny.read_bytes()[:-100])
    assert "cut.safetensors is truncated" in refused("evaluate", tmp_path / "cut.safetensors", "--family", "dcgan")
    torch.save(load_file(tiny), tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:-100])
    assert "cut.pt is truncated" in refused("evaluate", tmp_path / "cut.pt", "--family", "dcgan")


def test_weights_of_another_architecture_name_missing_and_unexpected_keys(refused, tmp_path):
    save_file({"body.weight": torch.zeros(2, 2), "head.bias": torch.zeros(2)}, tmp_path / "other.safetensors")
    said = refused("evaluate", tmp_path / "other.safetensors", "--family", "dcgan")
    assert "other.safetensors does not fit dcgan: missing main.0.weight (and" in said
    assert "unexpected body.weight (and 1 more)" in said


def save_module(path):
    torch.save(DCGAN(**ARGUMENTS), path)


def save_pickle(path):
    path.write_bytes(pickle.dumps({"G": DCGAN(**ARGUMENTS).state_dict()}))


@pytest.mark.parametrize(("save", "name"), [(save_module, "module.pt"), (save_pickle, "raw.pkl")])
def test_a_pickle_is_refused_until_it_is_trusted(save, name, refused, ganbench, tmp_path):
    save(tmp_path / name)
    said = refused("evaluate", tmp_path / name, "--family", "dcgan")
    assert f"{name} is a pickled Python object: loading it would run code from the file" in said
    assert "if you trust the file, give --trust-pickle" in said
    done = ganbench(
        "sample", tmp_path / name, "--family", "dcgan", "--trust-pickle", "--n", "2", "--out", tmp_path / "out"
    )
    assert done.exit_code == 0, done.output


def test_weights_without_a_family(refused, tiny):
    assert "its shapes fit dcgan: give --family dcgan" in refused("evaluate", tiny)


def test_a_classifier_is_no_generator(refused, tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 10)).state_dict(), tmp_path / "cnn.pt")
    assert "looks like a classifier" in refused("evaluate", tmp_path / "cnn.pt")


# Models that make no images

BAD_MODELS = """
import torch

def model(change):
    def make():
        def generate(z):
            return change(z, torch.tanh(z[:, :1, None, None]).expand(-1, 1, 32, 32).clone())
        generate.z_dim = 4
        return generate
    return make

def spoil(z, images):
    images[:, :, 3, 3] = torch.nan
    return images

def spoil_some(z, images):      # with seed 0: image 24, and none before it
    images[z[:, 0] > 1.6] = torch.nan
    return images

nan = model(spoil)
late_nan = model(spoil_some)
loud = model(lambda z, images: 255 * images)
two_channels = model(lambda z, images: images.repeat(1, 2, 1, 1))
logits = model(lambda z, images: images.reshape(len(z), -1)[:, :10])
random = model(lambda z, images: images * 0.5 + 0.2 * torch.rand(images.shape))
"""


@pytest.fixture
def bad_model(tmp_path, monkeypatch):
    """A TOML model file for one of the factories above."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bad_models.py").write_text(BAD_MODELS)
    monkeypatch.syspath_prepend(tmp_path / "code")

    def write(name: str) -> str:
        (tmp_path / f"{name}.toml").write_text(f'factory = "bad_models:{name}"\n')
        return str(tmp_path / f"{name}.toml")

    write.path = str(tmp_path / "code")
    return write


@pytest.mark.parametrize(("name", "said"), [
    ("nan", "nan gave 20 of 20,480 values that are NaN or infinite, first in image 0"),
    ("loud", "declared was the range [-1, 1]"),
    ("two_channels", "which is no NCHW batch of grey or colour images"),
    ("logits", "a classifier cannot be evaluated as a generator"),
    ("random", "makes different images from the same draws"),
])
def test_output_that_is_not_what_was_declared(name, said, refused, bad_model, garments):
    sentence = refused("evaluate", bad_model(name), "--reference", garments, "--n", "20")
    assert said in sentence
    assert name in sentence


def test_colour_against_a_grey_reference(refused, tmp_path, garments, noise):
    said = refused("evaluate", noise("colour.npz", 20, (3, 32, 32)), "--reference", garments, "--n", "20")
    assert "colour.npz makes images of 32x32 pixels in 3 channels, garments.npz has 32x32 pixels in 1 channel" in said


# Images that are no images


@pytest.fixture
def folder(tmp_path):
    write_folder(np.random.default_rng(0).integers(0, 256, (4, 1, 32, 32), np.uint8), tmp_path / "images")
    return tmp_path / "images"


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 60,000 x 60,000 pixels."""
    small = io.BytesIO()
    Image.new("L", (1, 1)).save(small, "PNG")
    data = bytearray(small.getvalue())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def noisy() -> bytes:
    return png_bytes(np.random.default_rng(0).integers(0, 256, (1, 32, 32), np.uint8))


def other_size() -> bytes:
    return png_bytes(np.zeros((1, 31, 32), np.uint8))


@pytest.mark.parametrize(("name", "content", "said"), [
    ("000009.png", b"no picture at all", "cannot be read as an image"),
    ("000009.png", noisy()[:600], "truncated"),
    ("000009.png", b"", "is empty (0 bytes)"),
    ("000009.png", other_size(), "has 32x31 pixels, but"),
    ("000009.png", bomb(), "has 3,600,000,000 pixels"),
], ids=["text", "truncated", "empty", "another size", "bomb"])
def test_a_bad_image_in_a_folder_is_named(name, content, said, refused, folder, model):
    (folder / name).write_bytes(content)
    for words in (
        ("evaluate", model, "--reference", folder, "--n", "4"),
        ("sample", folder, "--out", folder.parent / "out"),
    ):
        sentence = refused(*words)
        assert str(folder / name) in sentence
        assert said in sentence


def test_an_empty_folder(refused, tmp_path, model):
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'} holds no images" in refused("evaluate", model, "--reference", tmp_path / "empty")
    assert f"{tmp_path / 'empty'} holds no images" in refused("evaluate", tmp_path / "empty")


def test_a_single_image_is_no_set(refused, folder, model):
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    assert f"{folder} holds 1 image, expected at least 2" in refused("evaluate", model, "--reference", folder)


def test_more_images_than_a_folder_holds(refused, folder, garments):
    assert "images has 4 images, but 20 are to be measured" in refused(
        "evaluate", folder, "--reference", garments, "--n", "20"
    )


# Names and options


@pytest.mark.parametrize(("words", "said"), [
    (("--protocol", "cifar"), "No protocol 'cifar'. Known: cifar10-clean-10k"),
    (("--convention", "mine", "--reference", "x.npz"), "No convention 'mine'. Known: adm, clean, clip, dgm, embedded"),
    (("--convention", "embedded"), "needs reference data"),
    (("--reference", "mnist:test"), "mnist:test"),
    (("--reference", "fashion-mnist:tset"), "fashion-mnist has the splits test"),
    (("--protocol", "fashion-mnist-embedded-2k", "--reference", "x.npz"), "Give either --protocol or --convention"),
    (("--n", "1"), "at least 2 images, got --n 1"),
    (("--n", "0"), "at least 2 images, got --n 0"),
    (("--by", "colour"), "No slices by 'colour': expected class or cluster"),
    (("--device", "nonsense"), "No device 'nonsense'; expected cpu"),
    (("--runner", "nonsense"), "No runner 'nonsense'. Known: threads, processes, dask, ray"),
    (("--inception-weights", "none.pth", "--protocol", "fashion-mnist-fidelity-10k"), "none.pth does not exist"),
])
def test_options_that_name_nothing(words, said, refused, model):
    assert said in refused("evaluate", model, *words)


@pytest.mark.parametrize(("words", "said"), [
    (("evaluate", "zoo:biggan"), "No zoo model 'biggan'. Known: collapsed-fashion-mnist, dcgan-fashion-mnist"),
    (("cache", "burn"), "No cache action 'burn'. Known: list, verify, collect"),
    (("train", "biggan", "--out", "somewhere"), "No recipe 'biggan'"),
])
def test_other_commands_know_their_names(words, said, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in refused(*words)


@pytest.mark.parametrize(
    "words", [("evaluate",), ("evaluate", "m", "--n", "many"), ("sing",)]
)
def test_wrong_usage_is_explained(words, ganbench):
    done = ganbench(*words)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr
    assert done.stdout == ""


def test_debug_shows_where(ganbench):
    done = ganbench("evaluate", "nowhere.pt", "--debug")
    assert "does not exist" in str(done.exception)


def test_work_that_fails_is_exit_code_one(ganbench, model, monkeypatch, tmp_path):
    from ganbench.gan import sampling

    def broken(*arguments):
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(sampling, "draw", broken)
    done = ganbench("sample", model, "--n", "2", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stderr == "ganbench: RuntimeError: the machine is on fire (--debug shows where)\n"


# Disks


def test_a_full_disk_at_home(ganbench, model, small_disk, garments, monkeypatch):
    monkeypatch.setenv("GANBENCH_HOME", str(small_disk))
    done = ganbench("evaluate", model, "--reference", garments, "--n", "2000")
    assert done.exit_code == 2
    assert done.stderr.startswith("ganbench: No space left on the d")
    assert done.stderr.count("\n") == 1
    assert not [path for path in small_disk.rglob("*") if path.suffix in (".partial", ".arrow")]


@pytest.mark.parametrize("out", ["images.npz", "images.parquet", "images"])
def test_a_full_disk_for_the_images(ganbench, model, small_disk, out):
    done = ganbench("sample", model, "--n", "3000", "--out", small_disk / out)
    assert done.exit_code == 2, done.output
    assert "No space left on the device that holds" in done.stderr
    assert list(small_disk.iterdir()) == []


def test_a_home_that_is_no_folder(ganbench, model, tmp_path, garments, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANBENCH_HOME", str(tmp_path / "file"))
    done = ganbench("evaluate", model, "--reference", garments, "--n", "20")
    assert done.exit_code == 2, done.output
    assert str(tmp_path / "file") in done.stderr


# Speed


def test_bad_input_is_told_before_prefect_is_even_imported(run_python, tiny):
    code = (
        "import sys\nfrom ganbench.flows.cli import main\nsys.argv = ['ganbench', 'evaluate', 'nowhere.pt']\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        "    print(end.code, 'prefect' in sys.modules, 'mlflow' in sys.modules)"
    )
    done = run_python("-c", code)
    assert done.stdout.split() == ["2", "False", "False"], done.stderr
    assert done.stderr.startswith("ganbench: MODEL 'nowhere.pt' does not exist")


def test_prefect_is_imported_only_when_a_flow_begins(run_python, model, garments, tmp_path):
    """Its settings are read when it is imported: before that, running servers must be joined and the home be there."""
    twice = tmp_path / "copy.npz"
    shutil.copy(garments, twice)
    given = [str(garments), str(twice), "--reference", str(garments), "--n", "60"]
    commands = [
        ["evaluate", *given[1:]], ["compare", *given], ["ensemble", *given, "--out", "mixture.toml"],
        ["attribute", *given[1:]], ["audit", model, "--training", str(garments), "--n", "50"],
        ["train", "dcgan-fashion-mnist", "--out", "run", "--budget", "1"],
        ["baselines", "--data", str(garments), "--budget", "1h", "--out", "runs"],
    ]
    code = (
        "import sys\nfrom typer.testing import CliRunner\n"
        "from ganbench.flows import run\nfrom ganbench.flows.cli import app\n"
        "def begin():\n    raise run.BadInput('unfit-value', f'prefect: {\"prefect\" in sys.modules}')\n"
        "run.begin_flow = begin\n"
        f"for words in {commands}:\n    print(CliRunner().invoke(app, words).stderr.strip())"
    )
    done = run_python("-c", code)
    assert done.stdout.splitlines() == ["ganbench: prefect: False"] * len(commands), done.stderr


# Statistics


@pytest.mark.parametrize("name", ["s.npz", "s.pt", "s.pkl"])
def test_statistics_are_written_as_other_tools_read_them(name, ganbench, garments, tmp_path):
    from ganbench.gan.interchange import load_statistics

    done = ganbench("statistics", garments, "--out", tmp_path / name)
    assert done.exit_code == 0, done.output
    assert "Mean and covariance of 60 images, 1,280 features each" in done.stdout
    found = load_statistics(tmp_path / name)
    assert found.mu.shape == (1280,)
    assert np.all(np.linalg.eigvalsh(found.sigma) > -1e-6)


def test_statistics_of_no_images_or_in_no_form_are_refused_at_once(refused, garments, tmp_path):
    assert "s.csv is none of these" in refused("statistics", garments, "--out", tmp_path / "s.csv")
    out = tmp_path / "s.npz"
    assert "No convention 'mine'" in refused("statistics", garments, "--out", out, "--convention", "mine")
    assert "neither a file or folder" in refused("statistics", tmp_path / "none", "--out", tmp_path / "s.npz")
