"""The commands of the documents run as they are written, on small images and few of them; what pages quote of their
output has the lines and columns that come out.  `tests/test_commands.py` checks that all of them are understood."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import png_bytes
from ganbench.gan.metrics import METRICS
from ganbench.gan.protocols import PROTOCOLS
from tests.commands import FENCED, ROOT, Written, commands_of_the_documents
from tests.conftest import forget_settings

pytestmark = pytest.mark.timeout(400)
SLOW = ("condition", "augment", "train", "invert")      # commands that take up to a minute: `make test-slow`

# What makes a command small: options that replace those of the page, or are added.
SMALL = {
    "evaluate": {"--n": "24"}, "compare": {"--n": "24"}, "ensemble": {"--n": "80"}, "audit": {"--n": "50"},
    "sample": {"--n": "30"}, "gate": {"--n": "24"}, "inspect": {}, "curves": {},
    "interpolate": {"--frames": "6"}, "invert": {"--starts": "2", "--steps": "8", "--tuning": "2", "--own": "19"},
    "condition": {"--n": "10", "--draws": "80"}, "restore": {"--n": "1", "--method": "tv"},
    "stylize": {"--strength": "0,1", "--steps": "2"},
    "augment": {"--per-class": "4", "--seeds": "2", "--factors": "1", "--steps": "4", "--arms": "copies"},
    "explore": {"--map": "24"}, "train": {"--budget": "2"},
}
PLACES = {"MODEL": "mine.toml", "DATA": "photos/", "LOG": "runs/a", "dog": "3", "boot": "9", "others/": "more-roses/"}
NOT_HERE = {
    "--convention": "the Inception weights are not part of the project",
    "mlflow:9f0c...": "a run of somebody's MLflow",
    "runs/flowers": "a training of half an hour",
    "runs/r3gan/best.toml": "a training of two hours",
    "ankle boot": "a minute of training a guide, as with --class 7",
    "boots/": "the same",
}


def runnable(words: list[str]) -> bool:
    """`baselines`, `specialise` and nights take minutes; a server waits: these have tests of their own."""
    served = words[0] == "explore" and not {"--export", "--at"} & set(words)
    return words[0] in SMALL and not served and not NOT_HERE.keys() & set(words)


COMMANDS = {" ".join(one.words): one for one in commands_of_the_documents() if one.whole and runnable(one.words)}


def small(words: list[str]) -> list[str]:
    """A command with few images; a placeholder stands for a file of the desk."""
    words = [PLACES.get(word, word) for word in words]
    for option, value in SMALL[words[0]].items():
        if option in words:
            words[words.index(option) + 1] = value
        elif option not in ("--tuning",):
            words += [option, value]
    return words


@pytest.fixture(scope="module")
def desk(tmp_path_factory, tiny) -> Path:
    """What the pages speak of: a checkpoint, model files, folders of images, a log; copied for every command."""
    folder = tmp_path_factory.mktemp("desk")
    real = open_data("fashion-mnist:test", DataFolders(None, folder))
    for name, first, n in (("photos", 0, 300), ("roses", 300, 60), ("more-roses", 400, 200), ("few", 0, 2)):
        rows = range(first, first + n)
        for row, image, label in zip(rows, real.read(rows), real.labels[first : first + n], strict=True):
            place = folder / name / str(int(label)) if name != "few" else folder / name
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{row}.png").write_bytes(png_bytes(image))
    for name, row in (("boot", 0), ("shirt", 1), ("coat", 2), ("bag", 3), ("scan", 4)):
        (folder / f"{name}.png").write_bytes(png_bytes(real.read(range(row, row + 1))[0]))
    shutil.copy(folder / "shirt.png", folder / "shirt.jpg")
    hole = np.zeros((1, 32, 32), np.uint8)
    hole[:, 10:20, 10:20] = 255
    (folder / "hole.png").write_bytes(png_bytes(hole))
    exec(compile(listing("own-model.md", "mymodel.py"), "mymodel.py", "exec"), made := {"__name__": "mymodel"})
    torch.manual_seed(0)
    torch.save(made["Generator"]().state_dict(), folder / "netG.pth")
    (folder / "mymodel.py").write_text(listing("own-model.md", "mymodel.py"), "utf-8")
    (folder / "mine.toml").write_text(listing("own-model.md", "mine.toml"), "utf-8")
    for run in ("a", "b", "new", "dcgan", "r3gan"):
        (folder / "runs" / run).mkdir(parents=True)
        shutil.copy(ROOT / "gan/zoo/dcgan-fashion-mnist.csv", folder / "runs" / run / "loss.csv")
    (folder / "mixture.toml").write_text(listing("comparing.md", "mixture.toml"), "utf-8")
    return folder


def listing(page: str, name: str) -> str:
    """The listing of a page that begins with `# NAME`."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return next(body for _, body in FENCED.findall(text) if body.startswith(f"# {name}"))


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory, mlflow_database) -> Path:
    """One store for all commands: real images are measured once."""
    home = tmp_path_factory.mktemp("home")
    (home / "mlflow").mkdir()
    shutil.copy(mlflow_database, home / "mlflow")
    return home


@pytest.fixture
def at_desk(desk, shared_home, home, tmp_path, monkeypatch) -> Path:
    """In a copy of the desk, with protocols of 300 real images."""
    for name, row in list(PROTOCOLS.items()):
        monkeypatch.setitem(PROTOCOLS, name, replace(row, n_reference=300, n_generated=24, held_out="", training=""))
    monkeypatch.setenv("GANBENCH_HOME", str(shared_home))
    monkeypatch.setenv("COLUMNS", "100")
    forget_settings()
    shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def run(words: list[str]) -> str:
    """What a command prints.  What it would write, and is on the desk for others, is taken away first."""
    if words[0] == "restore":
        words = ["few/" if word == "photos/" else word for word in words]
    made = {"train": "runs", "sample": "photos", "inspect": "mine.toml"}.get(words[0], "")
    if Path(made).is_dir() and made in (words[-1].strip("/"), "runs"):
        shutil.rmtree(made)
    elif Path(made).is_file():
        Path(made).unlink()
    done = CliRunner().invoke(app, words)
    assert done.exit_code in ((0, 3) if words[0] == "gate" else (0,)), done.output[-2_000:]
    return done.stdout


def mark_of(text: str) -> pytest.MarkDecorator:
    return pytest.mark.slow if COMMANDS[text].words[0] in SLOW else pytest.mark.long


@pytest.mark.parametrize("text", [pytest.param(text, marks=mark_of(text)) for text in COMMANDS],
                         ids=lambda text: text[:80])
def test_a_command_of_the_documents_runs(text, at_desk):
    words = small(COMMANDS[text].words)
    said = run(words)
    assert said
    for option, value in pairwise(words):
        if "unreachable" in said:                           # a class, for a generator that has learnt nothing
            break
        if option in ("--out", "--report", "--picture", "--csv", "--export") or (option == "--json" and value != "-"):
            assert (at_desk / value).exists(), f"{option} {value}"


@pytest.mark.long
def test_the_training_of_the_tutorial_writes_the_checkpoint_that_it_speaks_of(at_desk, run_python):
    (at_desk / "train.py").write_text(listing("own-model.md", "train.py"), "utf-8")
    (at_desk / "netG.pth").unlink()
    done = subprocess.run([sys.executable, "train.py", "photos", "1"], cwd=at_desk, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert run(["inspect", "netG.pth", "--out", "mine.toml"])


# What pages quote

RULE = re.compile(r"^ ─+$")


def quoted() -> list[tuple[str, str, str]]:
    """Page, command, and the listing behind it that quotes what it prints."""
    pairs = []
    for name in ("README.md", "docs/own-model.md", "docs/comparing.md"):
        listings = [body for language, body in FENCED.findall((ROOT / name).read_text("utf-8")) if not language]
        for before, after in pairwise(listings):
            command = before.splitlines()[0]
            if re.match(r"ganbench (evaluate|compare|inspect)|make demo$", command) and re.search("─|Guess", after):
                pairs.append((name, command, after))
    return pairs


def words_of(command: str) -> list[str]:
    if command == "make demo":
        command = re.search(r"ganbench compare .*", (ROOT / "Makefile").read_text("utf-8"))[0]
    return small(Written("", command, whole=True).words)


def alike(line: str) -> str:
    """A line without its numbers, models and spaces between columns."""
    return " ".join(re.sub(r"-?\d[\d,.]*\*?", "#", line).split())


def stable(listing: str) -> list[str]:
    """The first line, and columns with the line above them: what does not depend on how many images there are."""
    lines = listing.rstrip().splitlines()
    heads = [line for n, line in enumerate(lines) if any(RULE.match(below) for below in lines[n + 1 : n + 3])]
    return [lines[0], *(line for line in heads if line.strip() and not RULE.match(line))]


def test_pages_quote_what_commands_print():
    assert [(name, command[:16]) for name, command, _ in quoted()] == [
        ("README.md", "make demo"), ("README.md", "ganbench evaluat"), ("docs/own-model.md", "ganbench inspect"),
        ("docs/own-model.md", "ganbench evaluat"), ("docs/comparing.md", "make demo")]


@pytest.mark.long
@pytest.mark.parametrize(("page", "command", "listing"), quoted(), ids=lambda text: text[:40])
def test_a_quoted_output_has_the_lines_that_come_out(page, command, listing, at_desk, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    said = run(words_of(command))
    found = {alike(line) for line in said.splitlines()}
    for line in stable(listing):
        columns = [column for column in re.split(r"\s{2,}", line.strip()) if column.split()[0] not in METRICS]
        assert alike(line) in found or all(column in said for column in columns), f"{page} quotes {line!r} of:\n{said}"
    if command.startswith("ganbench inspect"):          # weights decide it, and these are those of the page
        assert [line for line in listing.splitlines() if line.strip("… ") and alike(line) not in found] == []
