"""Many images of every model of the zoo on one thread: images per second and peak memory, beside the plain loop.

    OMP_NUM_THREADS=1 python benchmarks/mass.py [zoo:NAME ...] [--images 50000] [--slow 2000]

*ours* draws, quantises and writes shards with fsync and hashes, as `evaluate` does; *loop* is that of `sampling.py`:
batches of 64 by eager torch, a PNG per image.  Each is a process of its own.  They take turns of 1,000 images, or of
200, so that a busy minute hits both; the loop has at most ten of them, spread over ours.  Rates are medians of the
turns, per second of the process's CPU time, which other processes disturb least; *faster* is the median of the turns'
ratios, in CPU time and by the clock, which includes waiting for the disk; memory is the kernel's peak of the process.

*network*: images per CPU second if there were nothing but the network's calls, on fixed numbers: ours (ONNX Runtime in
micro-batches of 20, or torch where it is not compiled), and eager torch in batches of 64.  Families that need many
evaluations of their network have `--slow` images.  `family:NAME` is a family of which the zoo has no model, with its
first weights.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import measuring, number, temporary, threads
from memory import memory
from sampling import BATCH, by_pillow, into_files, spec_of

from ganbench import Workspace
from ganbench.gan.drawing import MICRO_BATCH
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import classes
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.names import zoo_models
from ganbench.gan.sampling import generator_of, sample_shard, sampler_of
from ganbench.gan.store import Store
from ganbench.gan.types import CompleteSpec, ModelSpec

NETWORKS = {                                                # the methods that are a family's network
    "diffusion": ("forward",), "dit": ("forward",), "gpt": ("run", "pixels"), "maskgit": ("forward", "pixels"),
}
SLOW = tuple(NETWORKS)
TURNS = 10                                                  # of the loop, at the most
SNAPSHOTS = ("-early", "-start")                            # of networks that are there already
HEAD = ("| model | images | ours, images/s | loop | faster | faster by the clock | network, ours | network, torch "
        "| ours, MB | loop, MB |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="zoo:NAME or family:NAME; else all of the zoo, and family:dit")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--slow", type=int, default=2_000)
    parser.add_argument("--work", nargs=3, metavar=("WHAT", "MODEL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*given.work)
        return
    known = [f"zoo:{spec.name}" for spec in zoo_models() if not spec.name.endswith(SNAPSHOTS)]
    with temporary() as folder, measuring("Many images on one thread", "torch", "onnxruntime", "diffusers", "pyarrow"):
        print(HEAD + "\n" + "|---|" + "---:|" * (HEAD.count("|") - 2), flush=True)
        for model in given.models or [*known, "family:dit"]:
            print(row(model, Path(folder), given.images, given.slow), flush=True)


def model_of(model: str, folder: Path) -> ModelSpec:
    kind, name = model.split(":", 1)
    found = spec_of(name, folder, None) if kind == "family" else model
    return resolve(found, Workspace(home=str(folder / "home"))) if isinstance(found, str) else found


def row(model: str, folder: Path, images: int, slow: int) -> str:
    spec = model_of(model, folder)
    n, each = (slow, 200) if spec.family in SLOW else (images, 1_000)
    workers = {what: Worker(what, model, folder) for what in WORK if what == "ours" or spec.family in GENERATORS}
    for worker in workers.values():
        worker.ask(-1, BATCH)                               # does not count
    seconds: dict[str, dict[int, tuple[float, float]]] = {what: {} for what in workers}
    for turn in range(n // each):
        for what, worker in workers.items():
            if what == "ours" or turn % -(-n // each // TURNS) == 0:
                seconds[what][turn] = worker.ask(turn, each)
    peaks = {what: worker.end() for what, worker in workers.items()}
    rates = {what: number(each / statistics.median(cpu for cpu, _ in found.values()))
             for what, found in seconds.items()}
    faster = [""] * 2
    if "loop" in seconds:
        pairs = [(of, seconds["ours"][turn]) for turn, of in seconds["loop"].items()]
        faster = [f"{statistics.median(theirs[k] / ours[k] for theirs, ours in pairs):.2f} times" for k in range(2)]
    ours, loop, network, eager = (rates.get(what, "") for what in WORK)
    memory = [f"{peaks[what]:,.0f}" if what in peaks else "" for what in ("ours", "loop")]
    return f"| {' | '.join([model.removeprefix('zoo:'), f'{n:,}', ours, loop, *faster, network, eager, *memory])} |"


class Worker:
    """A process that makes images when it is asked to."""

    def __init__(self, what: str, model: str, folder: Path):
        command = [sys.executable, __file__, "--work", what, model, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, turn: int, n: int) -> tuple[float, float]:
        """Seconds that n images took, of CPU time and by the clock."""
        cpu, clock = self.said(f"{turn} {n}").split()
        return float(cpu), float(clock)

    def end(self) -> float:
        """Megabytes that the process had at the most."""
        peak = float(self.said("end"))
        self.process.wait()
        return peak

    def said(self, asked: str) -> str:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("The process has no pipes.")
        print(asked, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()


def work(what: str, model: str, folder: str) -> None:
    """A worker's own process: answers each line, a turn and how many images, with seconds."""
    spec, inside = model_of(model, Path(folder)), Path(folder)
    with threads(1), torch.inference_mode():
        make = WORK[what](spec, inside)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            print(*make(*map(int, line.split())), flush=True)
    print(memory("VmHWM"), flush=True)


Make = Callable[[int, int], tuple[float, float]]            # turn, how many images -> seconds: CPU time, and the clock


def now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def ours(spec: CompleteSpec, folder: Path) -> Make:
    workspace, store = Workspace(home=str(folder / "home")), Store(folder / "store" / spec.name)
    return timed(lambda turn, n: sample_shard(spec, 0, turn % 1_000, n, workspace, store))


def loop(spec: CompleteSpec, folder: Path) -> Make:
    return timed(lambda turn, n: into_files(spec, folder, n, by_pillow))


def timed(make: Callable[[int, int], object]) -> Make:
    def run(turn: int, n: int) -> tuple[float, float]:
        begun = now()
        make(turn, n)
        cpu, clock = now()
        return cpu - begun[0], clock - begun[1]
    return run


def network(spec: CompleteSpec, folder: Path) -> Make:
    return calls(sampler_of(spec, Workspace(home=str(folder / "home"))), spec, MICRO_BATCH["cpu"])


def eager(spec: CompleteSpec, folder: Path) -> Make:
    return calls(generator_of(spec, Workspace(home=str(folder / "home"))), spec, BATCH)


def calls(generator: Any, spec: CompleteSpec, batch: int) -> Make:
    """Seconds within the network's methods, scaled from some batches to n images."""
    draws = generator.draws(range(batch), 0)
    labels = classes(range(batch), 0, generator.n_classes) if generator.n_classes else None
    spent = [0.0, 0.0]
    for name in NETWORKS.get(spec.family, ("sample",)):
        setattr(generator, name, clocked(getattr(generator, name), spent))

    def run(turn: int, n: int) -> tuple[float, float]:
        spent[:], times = [0.0, 0.0], max(1, n // (4 * batch))
        for _ in range(times):
            generator.sample(draws, labels)
        return spent[0] * n / (times * batch), spent[1] * n / (times * batch)

    return run


def clocked(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        begun = now()
        found = function(*given, **named)
        for k, ended in enumerate(now()):
            spent[k] += ended - begun[k]
        return found
    return call


WORK: dict[str, Callable[[Any, Path], Make]] = {"ours": ours, "loop": loop, "network": network, "eager": eager}


if __name__ == "__main__":
    main()
