"""Seconds of the whole command, beside torch-fidelity's and pytorch-fid's: two folders of PNG files, FID at the end.

    python benchmarks/commands.py [--images 1000]

Each command runs once, in a process of its own with all cores and its own defaults, and with the same random weights.
Ours draws up what it always does: FID, KID and IS with standard errors, a store, a picture, an MLflow run, a Prefect
server that it starts; a second call finds the features in the store.  torch-fidelity computes the same three metrics,
pytorch-fid FID alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from machine import measuring, number, temporary
from peers import pictures, random_weights

BIN = Path(sys.executable).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000, help="in each of the two folders; KID needs 1,000")
    given = parser.parse_args()
    packages = ("torch", "onnxruntime", "scipy", "prefect", "torch-fidelity", "pytorch-fid")
    with temporary() as home, measuring(f"The whole command, {given.images:,} against {given.images:,}", *packages):
        folder = Path(home)
        weights = random_weights(folder / "hub")
        a, b = (str(pictures(folder / name, given.images, seed)) for seed, name in enumerate("ab"))
        environment = {
            **os.environ, "GANBENCH_HOME": str(folder / "home"), "GANBENCH_INCEPTION_WEIGHTS": str(weights),
            "TORCH_HOME": home,
        }
        ours = ["ganbench", "evaluate", a, "--reference", b, "--convention", "fidelity", "--n", str(given.images)]
        theirs = ["fidelity", "--input1", a, "--input2", b, "--fid", "--kid", "--isc"]
        commands = {
            "ganbench": ours,
            "ganbench, once more": ours,
            "torch-fidelity": [*theirs, "--feature-extractor-weights-path", str(weights)],
            "pytorch-fid": ["pytorch-fid", a, b, "--device", "cpu"],
        }
        print("| command | seconds | ganbench is faster |\n|---|---:|---:|")
        first = 0.0
        for name, command in commands.items():
            seconds = seconds_of(command, environment)
            first = first or seconds
            faster = f"{seconds / first:.2f} times" if "ganbench" not in name else ""
            print(f"| {name} | {number(seconds)} | {faster} |", flush=True)


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run([BIN / command[0], *command[1:]], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2_000:]}")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
