"""How a training run's quality went: scores of every snapshot, one row each, as CSV.

    python benchmarks/snapshots.py FOLDER [--n 2000] [--home DIR] > quality.csv

FOLDER is what `ganbench train` wrote (step-<n>.safetensors).  Scores are of the protocol
fashion-mnist-embedded; everything is cached, so a later call only adds new snapshots.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gan import ModelSpec, Workspace, evaluate
from gan.protocols import choose

METRICS = ("fd_efficientnet_lite0", "kid_efficientnet_lite0", "fd_judge", "kid_judge", "is_judge")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=2_000)
    parser.add_argument("--home", default="~/.ganbench")
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    print(",".join(["step", *(f"{name}{suffix}" for name in METRICS for suffix in ("", ".se"))]))
    for path in sorted(given.folder.glob("step-*.safetensors"), key=step_of):
        spec = ModelSpec(path.stem, "dcgan", weights=str(path.absolute()))
        found = evaluate_spec(spec, given)
        print(
            ",".join([str(step_of(path)), *(f"{value:.6g}" for name in METRICS for value in found[name])]), flush=True
        )


def evaluate_spec(spec: ModelSpec, given: argparse.Namespace) -> dict[str, tuple[float, float]]:
    scores = evaluate(
        spec, choose("fashion-mnist-embedded-2k", n=given.n), workspace=Workspace(given.home), workers=given.workers
    )
    return {score.metric: (score.value, score.se) for score in scores}


def step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


if __name__ == "__main__":
    main()
