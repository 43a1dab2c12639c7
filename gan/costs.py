"""The cost of an image: parameters, bytes of weights, network evaluations, seconds and memory.

Measured in separate processes with one thread and stored, so that repeated commands show the same values: sizes once
per model and machine, speeds once per set of models, whose batches take turns, so that they can be compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from torch import nn

from ganbench.gan.generators.base import Generator
from ganbench.gan.metering import Cost, machine, measured, rates
from ganbench.gan.sampling import generator_of, sampler_of, shard_key
from ganbench.gan.sources import source_digest
from ganbench.gan.store import remember, store_of
from ganbench.gan.types import CompleteSpec, ModelSpec, Workspace, digest_of

CHILD = "import sys, json; given = json.load(sys.stdin); sys.path[:] = given.pop('path'); " \
        "from ganbench.gan import costs; print(getattr(costs, given.pop('what'))(**given))"


def costs_of(specs: Sequence[ModelSpec], workspace: Workspace) -> tuple[list[Cost], bool]:
    """The costs of models that are compared, and whether anything was measured now.

    Call it while nothing else runs: it measures time.
    """
    networks = [spec for spec in specs if isinstance(generator_of(spec, workspace), nn.Module)]
    if not networks:
        return [Cost() for _ in specs], False
    sized = [cost_without_speed(spec, workspace) for spec in networks]
    speeds, computed = speeds_of(networks, workspace)
    found = {id(spec): replace(cost, images_per_second=middle, images_per_second_low=low, images_per_second_high=high)
             for spec, (cost, _), (middle, low, high) in zip(networks, sized, speeds, strict=True)}
    return [found.get(id(spec), Cost()) for spec in specs], computed or any(new for _, new in sized)


def cost_without_speed(spec: ModelSpec, workspace: Workspace) -> tuple[Cost, bool]:
    """Everything but the speed."""
    key = digest_of({
        "stage": "costs", "sampling": shard_key(spec, 0, 0, workspace), "machine": machine(workspace.device),
        "source": source_digest("costs"),
    })
    asked = {"spec": asdict(spec), "workspace": asdict(workspace)}
    found, computed = remember(store_of(workspace), "costs", key, lambda: ask("answer_size", spec.name, asked))
    return Cost(**found), computed


def speeds_of(specs: Sequence[ModelSpec], workspace: Workspace) -> tuple[list[list[float]], bool]:
    """Images per second of models whose batches take turns: median, slowest and fastest of each."""
    by_key = {shard_key(spec, 0, 0, workspace): spec for spec in specs}
    keys = sorted(by_key)                                   # in whatever order they are compared
    key = digest_of({"stage": "costs", "speeds": keys, "machine": machine(workspace.device),
                     "source": source_digest("costs")})
    asked = {"specs": [asdict(by_key[one]) for one in keys], "workspace": asdict(workspace)}
    names = ", ".join(spec.name for spec in specs)
    found, computed = remember(store_of(workspace), "costs", key, lambda: ask("answer_speeds", names, asked))
    by_model = dict(zip(keys, found, strict=True))
    return [by_model[shard_key(spec, 0, 0, workspace)] for spec in specs], computed


def ask(what: str, names: str, given: dict[str, Any]) -> Any:
    """Measure in a new process; returns what it printed."""
    text = json.dumps({"path": sys.path, "what": what, **given})
    child = subprocess.run([sys.executable, "-c", CHILD], input=text, capture_output=True, text=True)
    if child.returncode:
        said = child.stderr.strip().splitlines() or [f"the process ended with {child.returncode}"]
        raise RuntimeError(f"The cost of {names} could not be measured: {said[-1]}")
    return json.loads(child.stdout.splitlines()[-1])


def answer_size(spec: dict[str, Any], workspace: dict[str, Any]) -> str:
    """Runs in the child process: a `Cost` as JSON."""
    known, here = given_spec(spec), Workspace(**workspace)

    def load() -> tuple[Generator, Generator]:
        return generator_of(known, here), sampler_of(known, here)

    return json.dumps(asdict(measured(load, known, here.device)))


def answer_speeds(specs: list[dict[str, Any]], workspace: dict[str, Any]) -> str:
    """Runs in the child process: what `metering.rates` finds, as JSON."""
    known, here = [given_spec(spec) for spec in specs], Workspace(**workspace)
    return json.dumps(rates([(sampler_of(spec, here), spec) for spec in known], here.device))


def given_spec(spec: dict[str, Any]) -> CompleteSpec:
    pairs = {name: tuple(spec[name]) for name in ("latent_shape", "output_range")}
    return CompleteSpec(**{**spec, **pairs})
