"""The README is short, shows what there is, and its example runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def example() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if "from ganbench import evaluate, load" in block)


def test_the_ten_lines_run_without_prefect(run_python, tmp_path):
    assert len([line for line in example().splitlines() if line.strip()]) <= 12
    # All 22,000 real images take minutes; what the example says is the same with 300.
    fewer = (
        "from dataclasses import replace\nfrom ganbench.gan.protocols import PROTOCOLS\n"
        "less = dict(n_reference=300, n_generated=500)\n"
        "PROTOCOLS.update({name: replace(row, **less, held_out='', training='') for name, row in PROTOCOLS.items()})\n"
    )
    check = "\nimport sys\nassert not {'prefect', 'mlflow'} & set(sys.modules)"
    done = run_python("-c", fewer + example() + check, HOME=str(tmp_path), timeout=280)
    assert done.returncode == 0, done.stderr
    assert "fd_efficientnet_lite0" in done.stdout


@pytest.mark.parametrize("command", ["make demo", "make test", "ganbench evaluate", "ganbench ui"])
def test_the_first_steps_are_there(command):
    assert command in README.read_text("utf-8")


def test_the_readme_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_the_readme_leads_to_french_and_to_the_tutorial_before_anything_else():
    before = README.read_text("utf-8").partition("\n## ")[0]
    assert "(docs/fr.md)" in before
    assert "(docs/own-model.md)" in before
    assert "(docs/screens/first.png)" in before


def test_the_table_of_the_zoo_says_what_the_overview_and_the_families_say():
    """Rounded: value and error of three metrics, parameters, images per second."""
    rows = re.findall(r"^\| `(\S+)` \|.*?\| ([\d,]+) \| (\S+ ± \S+) \| (\S+ ± \S+) \| (\S+ ± \S+) \| ([\d,]+) \|$",
                      README.read_text("utf-8"), re.MULTILINE)
    overview = (ROOT / "gan/zoo/README.md").read_text("utf-8").splitlines()
    heads = [head.strip(" `") for head in next(line for line in overview if "`kid`" in line).split("|")]
    families = (ROOT / "gan/zoo/FAMILIES.md").read_text("utf-8")
    assert len(rows) == 7
    for name, parameters, *scores, speed in rows:
        cells = next(line for line in overview if f"`{name}-fashion-mnist`" in line).split("|")
        row = {head: cell.strip() for head, cell in zip(heads, cells, strict=True)}
        assert parameters == row["parameters"]
        for metric, said in zip(("kid", "precision", "recall"), scores, strict=True):
            for ours, theirs in zip(said.split(" ± "), row[metric].split(" ± "), strict=True):
                digits = len(ours.partition(".")[2])
                assert abs(float(ours) - float(theirs)) <= 0.5 * 10**-digits + 1e-9, (name, metric)
        assert f"{parameters} parameters" in families
        assert re.search(rf"`{name}-fashion-mnist`\n\n.*, {speed} images per second", families)


def test_speeds_beside_other_tools_are_those_that_were_measured():
    measured = (ROOT / "benchmarks/RESULTS.md").read_text("utf-8")
    for page in (README, ROOT / "docs/peers.md"):
        said = page.read_text("utf-8")
        assert re.search(r"\| FID network.*\| 17\.4 \|", said)
        assert re.search(r"\| Fréchet distance, d = 2,048.*1\.0.*\| 3\.0.*11\.3", said)
    for row in ("| ganbench | 17.4 |", "| torch-fidelity, batches of 64 (its default) | 5.74 |",
                "| torch-fidelity, batches of 4 | 8.24 |", "| ganbench, root of the reference at hand | 1.04 |",
                "| torch-fidelity: eigenvalues of the product | 3.04 |", "scipy.linalg.sqrtm | 11.3 |"):
        assert row in measured
