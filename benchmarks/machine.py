"""What the measurements share: the machine in one line, contenders in turn, folders that go away."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits


def hardware() -> str:
    """The processor as Linux names it, its cores, and the GPU if there is one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{names[0] if names else platform.processor()}, {len(names) or os.cpu_count()} cores, {gpu}"


def versions(*packages: str) -> str:
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])


@contextmanager
def measuring(title: str, *packages: str) -> Iterator[None]:
    """Print what is measured and where; at the end, how much of the machine other processes took meanwhile."""
    print(f"{title}\n\n{hardware()}; {versions(*packages)}.\n", flush=True)
    begun, machine, own = time.monotonic(), machine_seconds(), own_seconds()
    yield
    seconds = time.monotonic() - begun
    if machine is not None:
        others = (machine_seconds() or 0) - machine - (own_seconds() - own)
        share = max(0.0, others / (seconds * (os.cpu_count() or 1)))
        print(f"\n{seconds:.0f} seconds; other processes took {share:.0%} of the cores meanwhile.")


def machine_seconds() -> float | None:
    """CPU seconds that all processes have used since the machine started; None where there is no /proc."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, stat.read_text("utf-8").splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def in_turn(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Wall seconds of each contender: all of them once per round, so that a busy minute hits everybody."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


@contextmanager
def threads(number: int) -> Iterator[None]:
    """This many threads for torch and for BLAS, in this thread and in those that it starts."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        with threadpool_limits(number):
            yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def table(title: str, unit: str, values: Mapping[str, list[float]], faster: bool = True) -> str:
    """A Markdown table: the median and the range of each contender, and how many times the first one is better.

    `faster`: more is better, as of images per second; otherwise less is, as of seconds.
    """
    ours = statistics.median(next(iter(values.values())))
    lines = [f"| {title} | {unit} | range | first row is better |", "|---|---:|---:|---:|"]
    for name, found in values.items():
        middle = statistics.median(found)
        ratio = ours / middle if faster else middle / ours
        better = "" if found is next(iter(values.values())) else f"{ratio:.2f} times"
        lines.append(f"| {name} | {number(middle)} | {number(min(found))}–{number(max(found))} | {better} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with its block; on the same disk as everything else that TMPDIR names."""
    return tempfile.TemporaryDirectory(prefix="ganbench-")
