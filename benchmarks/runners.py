"""What a task costs in threads, processes, Dask and Ray: tasks that do nothing, on running servers.

    python benchmarks/runners.py [--tasks 300] [--workers 2] [--rounds 3]

Each task gets and returns what those of an evaluation do: a shard's reference and the workspace.  A flow of a few tasks
shows what it costs to start and end the workers; one of many, less that, what each task costs.  Workers share the time
of a task: its cost on one of them is the printed one times the number of workers.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

from machine import measuring, number, temporary

from ganbench.gan.types import Shard, Workspace
from ganbench.tasks.servers import serving
from ganbench.tasks.settings import configure

FEW = 4
PACKAGES = {"threads": "prefect", "processes": "prefect", "dask": "prefect_dask", "ray": "prefect_ray"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runners", nargs="*", default=[name for name, row in PACKAGES.items() if find_spec(row)])
    given = parser.parse_args()
    with temporary() as home, measuring("The cost of a task by runner", "prefect"):
        configure(home=Path(home), prefect_port=4300, mlflow_port=5100)
        with serving(Path(home) / "logs"):
            for name in ("prefect", "prefect.flow_runs", "prefect.task_runs", "distributed"):
                logging.getLogger(name).setLevel(logging.ERROR)
            print(f"| {given.tasks} tasks, {given.workers} workers | start and end, s | a task, ms | range |")
            print("|---|---:|---:|---:|")
            for name in given.runners:
                configure(home=Path(home), runner=name, workers=given.workers,
                          tracking_uri="http://127.0.0.1:5100")
                seconds(FEW)                                    # whatever is made once
                few = [seconds(FEW) for _ in range(given.rounds)]
                start = statistics.median(few)
                each = [1_000 * (seconds(given.tasks) - start) / (given.tasks - FEW) for _ in range(given.rounds)]
                print(f"| `{name}` | {number(start)} | {number(statistics.median(each))} | "
                      f"{number(min(each))}–{number(max(each))} |", flush=True)


def seconds(tasks: int) -> float:
    """Of a flow of so many tasks that do nothing."""
    from prefect import flow

    from ganbench.tasks.runners import runner
    from ganbench.tasks.store_task import store_task

    @store_task(name="nothing")
    def nothing(shard: Shard, workspace: Workspace) -> tuple[Shard, bool]:
        return shard, True

    @flow(name="nothing", task_runner=runner())
    def many(shards: int) -> int:
        shard = Shard(0, 1_000, "ab" * 32, "/tmp/nowhere", "cd" * 32)
        futures = [nothing.submit(shard, Workspace()) for _ in range(shards)]
        return len([future.result() for future in futures])

    begun = time.perf_counter()
    assert many(tasks) == tasks
    return time.perf_counter() - begun


if __name__ == "__main__":
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")
    main()
