"""The cost of an image: parameters, bytes of weights, network evaluations, seconds and memory.

Measured once per model and machine in a separate process with one thread, and stored, so that repeated commands show
the same values.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from torch import nn

from ganbench.gan.generators.base import Generator
from ganbench.gan.metering import Cost, machine, measured
from ganbench.gan.sampling import generator_of, sampler_of, shard_key
from ganbench.gan.sources import source_digest
from ganbench.gan.store import remember, store_of
from ganbench.gan.types import CompleteSpec, ModelSpec, Workspace, digest_of

CHILD = "import sys, json; given = json.load(sys.stdin); sys.path[:] = given.pop('path'); " \
        "from ganbench.gan.costs import answer; print(answer(**given))"


def cost_of(spec: ModelSpec, workspace: Workspace) -> tuple[Cost, bool]:
    """The cost of a model, and whether it was measured now.  Call it while nothing else runs: it measures time."""
    if not isinstance(generator_of(spec, workspace), nn.Module):
        return Cost(), False
    key = digest_of({
        "stage": "costs", "sampling": shard_key(spec, 0, 0, workspace), "machine": machine(workspace.device),
        "source": source_digest("costs"),
    })
    found, computed = remember(store_of(workspace), "costs", key, lambda: ask(spec, workspace))
    return Cost(**found), computed


def ask(spec: ModelSpec, workspace: Workspace) -> dict[str, Any]:
    """Measure in a new process; returns what it printed."""
    given = {"path": sys.path, "spec": asdict(spec), "workspace": asdict(workspace)}
    child = subprocess.run([sys.executable, "-c", CHILD], input=json.dumps(given), capture_output=True, text=True)
    if child.returncode:
        said = child.stderr.strip().splitlines() or [f"the process ended with {child.returncode}"]
        raise RuntimeError(f"The cost of {spec.name} could not be measured: {said[-1]}")
    return dict(json.loads(child.stdout.splitlines()[-1]))


def answer(spec: dict[str, Any], workspace: dict[str, Any]) -> str:
    """Runs in the child process: a `Cost` as JSON."""
    pairs = {name: tuple(spec[name]) for name in ("latent_shape", "output_range")}
    known, here = CompleteSpec(**{**spec, **pairs}), Workspace(**workspace)

    def load() -> tuple[Generator, Generator]:
        return generator_of(known, here), sampler_of(known, here)

    return json.dumps(asdict(measured(load, known, here.device)))
