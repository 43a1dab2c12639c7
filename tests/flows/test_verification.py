"""`ganbench verify`: what it prints, and that it succeeds only when everything was run and is right."""

import json

import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan import verify
from ganbench.gan.types import BadInput
from ganbench.gan.verify import Check

MISSING = "CIFAR-10 was not found in /away."


def missing(bench):
    raise BadInput("not-fetched", MISSING)


RIGHT = Check("FID of nothing", lambda bench: 2.0000000000001, 2.0, 1e-6, "closed form")
WRONG = Check("FID of something", lambda bench: 3.25, 2.0, 1e-6, "closed form")
DIGEST = Check("sha256 of the weights", lambda bench: "6726825d0af5", "6726825d0af5", 0, "pytorch-fid")
ABSENT = Check("FID of CIFAR-10", missing, 3.15, 1e-2, "README", images={"train": 50_000})


@pytest.fixture
def ganbench(home, monkeypatch):
    """Run `ganbench verify` with other checks than the real ones."""

    def run(checks, *words):
        monkeypatch.setattr(verify, "CHECKS", checks)
        return CliRunner().invoke(app, ["verify", *words])

    return run


@pytest.mark.parametrize(("checks", "code", "summary"), [
    ((RIGHT, DIGEST), 0, "2 ok, 0 FAILED, 0 not run"),
    ((RIGHT, WRONG), 1, "1 ok, 1 FAILED, 0 not run"),
    ((RIGHT, ABSENT), 1, "1 ok, 0 FAILED, 1 not run"),
])
def test_only_a_complete_success_exits_with_0(checks, code, summary, ganbench):
    done = ganbench(checks)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (code, summary), done.output


def test_the_table_shows_the_values_and_the_reason_below(ganbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    done = ganbench((RIGHT, WRONG, DIGEST, ABSENT))
    rows = {line.strip().split("  ")[0]: line.split() for line in done.stdout.splitlines() if "  " in line}
    assert rows["FID of nothing"][-6:] == ["2", "2", "1e-06", "ok", "closed", "form"]
    assert rows["FID of something"][-6:] == ["3.25", "2", "1e-06", "FAILED", "closed", "form"]
    assert f"FID of CIFAR-10: not run: {MISSING}" in " ".join(done.stdout.split())


def test_json_has_full_precision_and_nothing_beside_it_on_stdout(ganbench):
    done = ganbench((RIGHT, ABSENT), "--json")
    right, absent = json.loads(done.stdout)
    assert done.exit_code == 1
    assert right == {"name": "FID of nothing", "found": 2.0000000000001, "expected": 2.0, "tolerance": 1e-6,
                     "state": "ok", "source": "closed form"}
    assert (absent["found"], absent["state"]) == (None, f"not run: {MISSING}")


def test_the_time_that_it_will_take_is_told_first_and_quick_leaves_out_what_takes_long(ganbench, monkeypatch):
    told = "50,000 images go through the Inception network"
    assert ganbench((RIGHT, ABSENT)).stderr == f"{told}; what is finished is kept.\n"  # no weights, so no time
    monkeypatch.setattr("ganbench.flows.run.extractor_of", lambda name, workspace: None)
    monkeypatch.setattr("ganbench.flows.run.pace", lambda seen, shape, workers: 50_000 / 1_500)
    assert ganbench((RIGHT, ABSENT)).stderr.startswith(f"{told}: about 25 min if the machine stays as busy as now; ")
    quick = ganbench((RIGHT, ABSENT), "--quick")
    assert quick.exit_code == 0
    assert "CIFAR-10" not in quick.output
