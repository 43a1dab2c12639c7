"""`ganbench inspect` on weights that PyTorch's own code wrote: what it says, and the file that it writes."""

import json

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from ganbench.flows.cli import app


@pytest.fixture
def weights(home, tmp_path, monkeypatch):
    """A state dict of a small multilayer generator beside that of its discriminator."""
    monkeypatch.chdir(tmp_path)
    generator = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 784), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 1))
    torch.save({"netG": generator.state_dict(), "netD": discriminator.state_dict(), "epoch": 3}, "last.pth")
    (tmp_path / "mymodel.py").write_text(
        "from torch import nn\ndef Generator():\n"
        "    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 784), nn.Tanh())\n"
    )
    return tmp_path


def ganbench(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_it_lists_tensors_marks_guesses_and_writes_a_file_that_evaluates_on(weights):
    done = ganbench("inspect", "last.pth", "--out", "mine.toml")
    assert done.exit_code == 0, done.output
    assert "netG: 4 tensors, 26,288 numbers (this one is loaded)" in done.stdout
    assert "Guess: latent_shape = (12,)" in done.stdout
    written = (weights / "mine.toml").read_text()
    assert 'weights = "last.pth"' in written
    assert "# guessed" in written
    assert 'latent = "normal"  # guessed' in written
    assert "output_range = [-1.0, 1.0]  # guessed" in written
    drawn = ganbench("sample", "mine.toml", "--n", 3, "--out", "drawn.npz")
    assert drawn.exit_code == 0, drawn.output


def test_it_ends_with_the_one_command_to_type_next(weights):
    last = ganbench("inspect", "last.pth").stdout.splitlines()[-1]
    assert last == "Next: ganbench inspect last.pth --out mine.toml"
    last = ganbench("inspect", "last.pth", "--out", "my model.toml").stdout.splitlines()[-1]
    assert last.startswith("Next: replace mymodel:Generator in my model.toml")
    assert last.endswith("ganbench evaluate 'my model.toml' --reference path/to/real/images")


def test_a_family_needs_no_file_and_several_sets_need_a_key(weights, tiny):
    last = ganbench("inspect", tiny).stdout.splitlines()[-1]
    assert last == f"Next: ganbench evaluate {tiny} --family dcgan --reference fashion-mnist:test"
    torch.save({"a b": nn.Linear(2, 2).state_dict(), "c d": nn.Linear(3, 3).state_dict()}, "two.pth")
    last = ganbench("inspect", "two.pth").stdout.splitlines()[-1]
    assert last == "Next: ganbench inspect two.pth --weights-key 'c d' --out mine.toml"


def test_the_command_works_with_the_written_file_and_code_beside_it(weights):
    """The placeholder happens to be the user's own name here; the folder is another one than the current."""
    (weights / "sub").mkdir()
    for name in ("last.pth", "mymodel.py"):
        (weights / name).rename(weights / "sub" / name)
    torch.save(torch.zeros(40, 1, 28, 28, dtype=torch.uint8).random_(), "real.pt")
    assert ganbench("inspect", "sub/last.pth", "--out", "sub/mine.toml").exit_code == 0
    assert 'weights = "last.pth"' in (weights / "sub" / "mine.toml").read_text()
    done = ganbench("evaluate", "sub/mine.toml", "--reference", "real.pt", "--n", 20, "--extractor", "pixels",
                    "--metrics", "diversity", "--json", "-")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["scores"][0]["metric"] == "diversity_pixels"


def test_as_json_it_is_for_programs(weights):
    found = json.loads(ganbench("inspect", "last.pth", "--json").stdout)
    assert found["chosen"] == "netG"
    assert {row["at"] for row in found["sets"]} == {"netG", "netD"}


def test_it_overwrites_nothing(weights):
    (weights / "mine.toml").write_text("mine")
    done = ganbench("inspect", "last.pth", "--out", "mine.toml")
    assert done.exit_code == 2
    assert "mine.toml exists" in done.stderr
    assert (weights / "mine.toml").read_text() == "mine"


def test_a_file_that_is_no_model_is_a_sentence(weights):
    (weights / "notes.pth").write_text("not weights")
    done = ganbench("inspect", "notes.pth")
    assert done.exit_code == 2
    assert "notes.pth is not a checkpoint" in done.stderr
