"""Peak memory of an evaluation, by the number of images: does it grow?

    python benchmarks/memory.py [--images 10000 20000 50000]

Each row is a process of its own.  `judge`: the whole way, from the zoo's DCGAN through the judge's 128 features to
all three metrics.  `inception`: the FID network is loaded and run; but since so many images would take an hour, what is
measured (2,048 features and 1,008 logits per image) is made up, and goes through store, statistics and the metrics of
the convention `fidelity`.  *resident* is the kernel's own peak; *anonymous*, sampled 50 times a second, is the part
that cannot be dropped: the rest are pages of mapped files, which the kernel takes back when it needs room.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from machine import cores, measuring, temporary, threads
from peers import random_weights

from ganbench import Workspace, evaluate
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.measure import measure
from ganbench.gan.protocols import CONVENTIONS, fashion_mnist
from ganbench.gan.sampling import shards_of
from ganbench.gan.store import Store, extend, store_of
from ganbench.gan.types import Context, Convention, Features, Protocol, Shard

REFERENCE = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 20_000, 50_000])
    parser.add_argument("--row", nargs=2, metavar=("PART", "WEIGHTS"), help=argparse.SUPPRESS)   # a row's own process
    given = parser.parse_args()
    if given.row:
        print(*peaks(*given.row, given.images[0]))
        return
    with temporary() as folder, measuring("Peak memory of an evaluation", "numpy", "torch", "onnxruntime", "pyarrow"):
        weights = random_weights(Path(folder))
        print("| features | images | resident, MB | anonymous, MB |\n|---|---:|---:|---:|")
        for part in ("judge", "inception"):
            for n in given.images:
                command = [sys.executable, __file__, "--row", part, str(weights), "--images", str(n)]
                found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                print(f"| {part} | {n:,} | " + " | ".join(f"{float(mb):,.0f}" for mb in found) + " |", flush=True)


def peaks(part: str, weights: str, n: int) -> tuple[float, float]:
    """Megabytes at the most, resident and anonymous, of this process while it measures n images."""
    with temporary() as home, watching() as most:
        judged(n, home) if part == "judge" else made_up(n, home, weights)
    return memory("VmHWM"), most()


def judged(n: int, home: str) -> None:
    convention = Convention("judge", ("judge",))
    row = fashion_mnist("judge", "embedded", n)
    evaluate("zoo:dcgan-fashion-mnist", Protocol("judge", convention, row.reference, n), workspace=Workspace(home))


def made_up(n: int, home: str, weights: str) -> None:
    workspace = Workspace(home, inception_weights=weights)
    extractor = extractor_of("inception", workspace)
    with threads(1), ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda _: extractor(np.zeros((extractor.micro_batch, 3, 32, 32), np.uint8)), range(cores())))
        store = store_of(workspace)
        real, generated = (features(store, rows, seed) for seed, rows in enumerate((REFERENCE, n)))
        measure(Context(real), generated, ("fd", "kid", "is"), CONVENTIONS["fidelity"], workspace)


def features(store: Store, n: int, seed: int) -> Features:
    """n rows in the store, as the network would have left them."""
    return Features("inception", tuple(shard(store, index, rows, seed) for index, rows in shards_of(n)))


def shard(store: Store, index: int, rows: int, seed: int) -> Shard:
    def compute(start: int, stop: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng((seed, index))
        return {
            "features": np.abs(random.standard_normal((stop - start, 2048), np.float32)),
            "logits": random.standard_normal((stop - start, 1008), np.float32),
        }

    return extend(store, "features", f"{seed:02x}{index:062x}", index, rows, compute)


@contextmanager
def watching() -> Iterator[Callable[[], float]]:
    """Megabytes of anonymous memory at the most while the block ran."""
    found, ended = [memory("RssAnon")], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            found.append(memory("RssAnon"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(found)
    finally:
        ended.set()
        thread.join()


def memory(field: str) -> float:
    """A line of /proc/self/status, in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/self/status has no {field}: this measurement needs Linux.")


if __name__ == "__main__":
    main()
