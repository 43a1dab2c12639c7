"""How long the analysis of a model takes, and how much memory: from images and features that the store has.

    python benchmarks/analysis.py [--n 10000] [--threads 2] [--home FOLDER]

The zoo's DCGAN under `fashion-mnist-embedded-10k`: n images against 10,000 real ones, with 10,000 training images,
which are the held-out ones as well; 1,280 features of EfficientNet-Lite0, and the judge's logits.  Images and features
are made first, or found in the home folder.  Then a process of its own analyses them in an empty store: the first model
of a comparison.  For the next one the neighbours and moments of the real images are there.  *resident* is the kernel's
own peak; *anonymous*, sampled 50 times a second, is the part that cannot be dropped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from machine import measuring, temporary, threads
from memory import memory, watching

from ganbench.gan.evaluate import extract_one, sample_one
from ganbench.gan.findings import Evidence, analyse, evidence_of
from ganbench.gan.jobs import prepare
from ganbench.gan.parts import samples_of
from ganbench.gan.protocols import PROTOCOLS
from ganbench.gan.sampling import shards_of
from ganbench.gan.store import Store
from ganbench.gan.types import Features, Shard, Workspace

MODEL, PROTOCOL = "zoo:dcgan-fashion-mnist", "fashion-mnist-embedded-10k"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--home", help="with images and features that were made before; empty: a folder that goes away")
    parser.add_argument("--row", metavar="STORE", help=argparse.SUPPRESS)       # the process that is measured
    given = parser.parse_args()
    if given.row:
        print(*analysed(given.home, given.n, given.threads, Path(given.row)))
        return
    with temporary() as folder, measuring("The analysis of a model", "numpy", "scipy"):
        home = given.home or folder
        with threads(given.threads):
            evidence(home, given.n)
        print(f"| {given.n:,} images, {given.threads} threads | s | resident, MB | anonymous, MB | findings |\n"
              "|---|---:|---:|---:|---:|")
        for name in ("first model", "next model"):
            command = [sys.executable, __file__, "--row", f"{folder}/store", "--home", home, "--n", str(given.n),
                       "--threads", str(given.threads)]
            found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            print(f"| {name} | " + " | ".join(f"{float(value):,.0f}" for value in found) + " |", flush=True)


def analysed(home: str, n: int, cores: int, store: Path) -> tuple[float, float, float, int]:
    """Seconds, megabytes at the most, resident and anonymous, and the number of findings."""
    given = evidence(home, n)
    for kind in ("findings", "scores"):     # of this model; neighbours and statistics of the reference stay
        for old in sorted((store / kind).glob("**/*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
    with threads(cores), watching() as most:
        begun = time.perf_counter()
        found, _ = analyse(given, Store(store))
        seconds = time.perf_counter() - begun
    return seconds, memory("VmHWM"), most(), len(found.findings)


def evidence(home: str, n: int) -> Evidence:
    """What an evaluation has at hand; made where the home folder lacks it."""
    workspace = Workspace(home)
    job = prepare(MODEL, replace(PROTOCOLS[PROTOCOL], n_generated=n), 0, workspace)
    images = {role: [sample_one(part, index, rows, workspace) for index, rows in shards_of(part.n)]
              for role, part in job.parts.items()}
    samples = {role: samples_of(part, images[role]) for role, part in job.parts.items()}
    features = {name: {role: features_of(name, shards, workspace) for role, shards in images.items()}
                for name in job.protocol.extractors}
    found = evidence_of(job, samples, features)
    if found is None:
        raise SystemExit(f"{n:,} images are too few for an analysis.")
    return found


def features_of(extractor: str, images: Sequence[Shard], workspace: Workspace) -> Features:
    return Features(extractor, tuple(extract_one(shard, extractor, workspace) for shard in images))


if __name__ == "__main__":
    main()
