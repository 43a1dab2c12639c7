"""Odd folders by the command line: every command ends in a sentence that names the file, or goes on and tells."""

import os

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganbench.flows import cli
from ganbench.flows.cli import app

RANDOM = np.random.default_rng(5)


def ganbench(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folders(tmp_path, home, monkeypatch):
    """12 pictures in each of `real` and `odd`."""
    monkeypatch.chdir(tmp_path)
    for name in ("real", "odd"):
        os.mkdir(name)
        for i in range(12):
            Image.fromarray(RANDOM.integers(0, 256, (16, 16), np.uint8)).save(f"{name}/{i:02d}.png")
    return tmp_path


COMMANDS = [
    ("inspect", "odd"), ("evaluate", "odd", "--reference", "real", "--extractor", "pixels"),
    ("evaluate", "real", "--reference", "odd", "--extractor", "pixels"),
    ("evaluate", "real", "--reference", "real", "--held-out", "odd", "--extractor", "pixels"),
    ("compare", "odd", "real", "--reference", "real", "--extractor", "pixels"),
    ("audit", "odd", "--training", "real", "--extractor", "pixels"),
    ("attribute", "odd", "--reference", "real", "--extractor", "pixels"),
    ("sample", "odd", "--out", "drawn.npz"), ("statistics", "odd", "--out", "s.npz"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("make", [
    lambda path: os.symlink("/nowhere/x.png", path), os.mkfifo, lambda path: os.symlink("/dev/zero", path),
    lambda path: os.symlink(path.name, path), lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
], ids=["dangling", "pipe", "device", "loop", "damaged"])
def test_a_picture_that_is_none_is_one_sentence_and_exit_code_2(folders, command, make):
    make(folders / "odd" / "zz.png")
    done = ganbench(*command)
    assert done.exit_code == 2, done.output
    assert "zz.png" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["pipe.npz", "pipe.pth", "pipe.toml", "pipe", "pipe.parquet"])
@pytest.mark.parametrize("command", [("inspect",), ("evaluate",), ("compare", "real"), ("audit", "--training", "real")],
                         ids=lambda command: command[0])
def test_a_pipe_as_model_keeps_nobody_waiting(folders, command, name):
    os.mkfifo(name)
    done = ganbench(command[0], name, *command[1:])
    assert done.exit_code == 2, done.output
    assert f"{name} is a named pipe" in done.stderr


@pytest.mark.parametrize(("name", "said"), [("a" * 5_000, "has 5,000 characters"), ("self", "cannot be read")])
def test_a_name_that_no_file_can_have_is_bad_input(folders, name, said):
    os.symlink("self", "self")
    done = ganbench("evaluate", name)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr) < 500


def test_a_path_that_may_not_be_looked_at_is_bad_input(folders, monkeypatch):
    def exists(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.exists", exists)
    done = ganbench("evaluate", "secret/x.pth")
    assert done.exit_code == 2
    assert "secret/x.pth cannot be read: Permission denied." in done.stderr


def test_inspect_says_what_was_not_read(folders):
    for i in range(3):
        (folders / "odd" / f"{i}.heic").write_bytes(b"x")
    done = ganbench("inspect", "odd")
    assert done.exit_code == 0
    assert "Note: 12 images of 1 channel, 16x16 pixels." in done.stdout
    assert "3 files in odd that may be or hold images were not read (3 .heic)" in " ".join(done.stdout.split())


def test_inspect_of_mixed_sizes_proposes_a_resize_that_is_taken(folders):
    Image.new("L", (40, 30)).save("odd/wide.png")
    done = ganbench("inspect", "odd", "--out", "mine.toml")
    assert done.exit_code == 0, done.output
    assert 'resize = "16:bicubic"  # guessed' in (folders / "mine.toml").read_text()
    drawn = ganbench("sample", "mine.toml", "--n", 13, "--out", "drawn.npz")
    assert drawn.exit_code == 0, drawn.output
    assert np.load("drawn.npz")["arr_0"].shape == (13, 16, 16, 1)


def test_inspect_proposes_the_padding_of_28x28(folders):
    os.mkdir("small")
    for i in range(3):
        Image.fromarray(RANDOM.integers(0, 256, (28, 28), np.uint8)).save(f"small/{i}.png")
    done = ganbench("inspect", "small", "--out", "mine.toml")
    assert done.exit_code == 0, done.output
    text = (folders / "mine.toml").read_text()
    assert "# pad = 32  # if wanted" in text
    (folders / "mine.toml").write_text(text.replace("# pad = 32", "pad = 32"))
    assert ganbench("sample", "mine.toml", "--n", 3, "--out", "drawn.npz").exit_code == 0
    assert np.load("drawn.npz")["arr_0"].shape == (3, 32, 32, 1)


def test_what_is_held_out_of_training_images_is_no_help_in_an_audit(folders):
    for i in range(60):
        Image.fromarray(RANDOM.integers(0, 256, (16, 16), np.uint8)).save(f"odd/x{i}.png")
    done = ganbench("audit", "odd", "--training", "odd", "--held-out", "20%", "--n", 50, "--extractor", "pixels")
    assert done.exit_code == 2, done.output
    assert "has seen 20% of its training images" in done.stderr


def test_a_scan_says_now_and_then_how_far_it_is(capsys):
    say = cli.say_files(first=-1, every=1_000)
    say("data", 500)
    say("data", 1_000)
    assert capsys.readouterr().err == "Looking at data: 500 files so far ...\n"


@pytest.mark.parametrize("command", ["evaluate", "compare", "audit", "attribute"])
def test_the_options_are_in_the_help(command):
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "160"})
    for option in ("--resize", "--pad", "--colours"):
        assert option in done.stdout
