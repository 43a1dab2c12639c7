"""The README's example runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


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
