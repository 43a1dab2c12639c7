"""What Prefect and MLflow cost: the flow `evaluate` on running servers beside the plain function `ganbench.evaluate`.

    python benchmarks/orchestration.py [--n 10000] [--rounds 1] [--cached-rounds 5]

Both measure the zoo's DCGAN under fashion-mnist-embedded-10k on as many workers, each time in a store of its own; the
servers, the networks and a first small evaluation come before.  Full evaluations differ by whatever else the machine
does, so the cost is measured a second way: once more on the full store, where all is found and nothing is computed, and
the difference of the two is orchestration alone: tasks, states, artifacts, the run in MLflow.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from machine import cores, in_turn, measuring, number, temporary

import ganbench
from ganbench import Workspace
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.images import write_npz
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.types import Protocol
from ganbench.tasks.servers import Servers, serving
from ganbench.tasks.settings import configure

MODEL, PROTOCOL = "zoo:dcgan-fashion-mnist", "fashion-mnist-embedded-10k"
Run = Callable[..., object]                                 # home folder, number of images, protocol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cached-rounds", type=int, default=5)
    given = parser.parse_args()
    with temporary() as home, measuring("The cost of orchestration", "prefect", "mlflow", "torch", "onnxruntime"):
        folder = Path(home)
        with servers(folder) as running:
            runs: dict[str, Run] = {"ganbench.evaluate": plainly, "the flow": in_prefect(running)}
            warm_up(runs, folder)
            fresh: Mapping[str, list[float]] = {name: [] for name in runs}
            found: Mapping[str, list[float]] = {name: [] for name in runs}
            for i in range(given.rounds):
                calls = {name: partial(run, folder / f"{name}, {i}", given.n) for name, run in runs.items()}
                for seconds, rounds in ((fresh, 1), (found, given.cached_rounds)):
                    for name, measured in in_turn(calls, rounds).items():
                        seconds[name].extend(measured)
        print(report(given.n, fresh, found))


def warm_up(runs: Mapping[str, Run], folder: Path) -> None:
    """A few images against a few others."""
    few = draw_few(folder / "few.npz")
    protocol = Protocol("few", CONVENTIONS["embedded"], str(few), 20)
    for name, run in runs.items():
        run(folder / f"{name}, warm", 20, protocol)


def draw_few(path: Path) -> Path:
    images = open_data("fashion-mnist:test", DataFolders(None, path.parent)).read(range(20))
    write_npz(path, images)
    return path


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Prefect and MLflow on loopback, with databases of their own; this process's flows go there."""
    configure(home=folder / "servers", prefect_port=4300, mlflow_port=5100)
    (folder / "servers").mkdir()
    with serving(folder / "logs") as running:
        yield running


def plainly(home: Path, n: int, protocol: Protocol | None = None) -> None:
    ganbench.evaluate(MODEL, protocol or PROTOCOL, n=n, workspace=Workspace(str(home)), workers=cores())


def in_prefect(running: Servers) -> Run:
    """The flow as `ganbench evaluate` calls it, quietly."""
    from ganbench.flows.evaluate import evaluate
    from ganbench.tasks.runners import runner

    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.ERROR)

    def run(home: Path, n: int, protocol: Protocol | None = None) -> None:
        configure(home=home, tracking_uri=running.mlflow, workers=cores())
        against = {"reference": protocol.reference, "protocol": None} if protocol else {"protocol": PROTOCOL}
        evaluate.with_options(task_runner=runner())(model=MODEL, n=n, **against)

    return run


def report(n: int, fresh: Mapping[str, list[float]], found: Mapping[str, list[float]]) -> str:
    lines = [f"| {n:,} images, {cores()} workers | ganbench.evaluate, s | the flow, s | more, s | of the evaluation |"]
    lines.append("|---|---:|---:|---:|---:|")
    whole = statistics.median(fresh["ganbench.evaluate"])
    for title, seconds in (("all is computed", fresh), ("all is in the store", found)):
        plain, flow = (statistics.median(seconds[name]) for name in ("ganbench.evaluate", "the flow"))
        cells = [number(plain), number(flow), f"{flow - plain:+.1f}", f"{(flow - plain) / whole:+.1%}"]
        lines.append(f"| {title}, {len(seconds['the flow'])} times | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
