"""Every metric at once: how long, how much memory, and how many times the peers' full set.

    python benchmarks/full_set.py [--images 1000] [--features 10000] [--rounds 1]

*From features*: the set of the conventions `embedded` and `fidelity` together, without FLD, of made-up features
(n + n, d = 2,048, 1,008 logits) in the store, in the two roles of an evaluation (generated and floor) on two cores;
beside it torch-fidelity's IS, FID, KID and PRC and prdc's four on the same arrays, one role, two threads.
*Cold and again*: folders of n + n pictures through the FID network (random weights) to all metrics, ours and
torch-fidelity's with prdc's on its features; then ours once more, from the store.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import cores, in_turn, measuring, table, temporary, threads
from memory import features, memory
from peers import pictures, random_weights

from ganbench import Workspace, evaluate
from ganbench.gan.measure import measure
from ganbench.gan.protocols import CONVENTIONS, MANIFOLD, MEMORY, QUALITY, VARIETY
from ganbench.gan.rows import Rows
from ganbench.gan.store import store_of
from ganbench.gan.types import Context, Protocol

SET = (*QUALITY, "is", *MANIFOLD, *VARIETY, *MEMORY, "mifid", "cmmd")
FIDELITY = replace(CONVENTIONS["fidelity"], metrics=SET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000, help="generated, and as many real; 0: leave it out")
    parser.add_argument("--features", type=int, default=10_000, help="generated, and as many real; 0: leave it out")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    packages = ("numpy", "scipy", "torch", "onnxruntime", "torch-fidelity", "prdc")
    with temporary() as folder, measuring("The full set of metrics", *packages):
        if given.features:
            from_features(Path(folder), given.features)
        if given.images:
            cold(Path(folder), given.images, given.rounds)


def from_features(folder: Path, n: int) -> None:
    """Our time by metric, all of them together, and the peers'."""
    workspace = Workspace(str(folder / "features"))
    sets = [features(store_of(workspace), n, seed) for seed in range(4)]
    real, generated, held_out, training = sets
    print(f"| metric, {n:,} + {n:,} | seconds, one thread |\n|---|---:|")
    with threads(1):
        for name in SET:
            begun = time.perf_counter()
            context = Context(real, training=training, test=real)
            measure(context, generated, (name,), replace(FIDELITY, settings={}), Workspace(str(folder / name)))
            print(f"| {name} | {time.perf_counter() - begun:.1f} |", flush=True)
        begun = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            jobs = [(generated, training), (held_out, None)]
            list(pool.map(lambda job: measure(Context(real, training=job[1], test=real), job[0], SET, FIDELITY,
                                              workspace), jobs))
        mine = time.perf_counter() - begun
    print(f"\nAll {len(SET)} with standard errors, and the floor: {mine:.0f} s on two threads; at most "
          f"{memory('VmHWM'):,.0f} MB resident.\n", flush=True)
    x, y, logits = Rows(real)[:], Rows(generated)[:], Rows(generated, "logits")[:]
    with threads(cores()):
        theirs = {"torch-fidelity": fidelity_of, "prdc": prdc_of}
        for name, compute in theirs.items():
            begun = time.perf_counter()
            compute(x, y, logits)
            print(f"{name} from the same arrays: {time.perf_counter() - begun:.0f} s on {cores()} threads.", flush=True)


def fidelity_of(x: np.ndarray, y: np.ndarray, logits: np.ndarray) -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, generated = torch.from_numpy(x), torch.from_numpy(y)
    with contextlib.redirect_stderr(io.StringIO()):
        isc_features_to_metric(torch.from_numpy(logits))
        fid_statistics_to_metric(*map(fid_features_to_statistics, (generated, real)), False)
        kid_features_to_metric(generated, real, verbose=False, kid_subset_size=min(1_000, len(x)))
        prc_features_to_metric(real, generated, verbose=False)


def prdc_of(x: np.ndarray, y: np.ndarray, logits: np.ndarray) -> None:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        compute_prdc(x, y, 5)


def cold(folder: Path, n: int, rounds: int) -> None:
    """From pictures on disk to all metrics, ours and the peers'; then ours from the store."""
    weights = random_weights(folder)
    real, fake = (pictures(folder / str(seed), n, seed) for seed in (1, 2))
    homes = iter(range(10_000))
    protocol = Protocol("full set", replace(FIDELITY, settings={}), str(real), n)
    workspace = Workspace(str(folder / "warm"), inception_weights=str(weights))

    def ours() -> None:
        evaluate(str(fake), protocol, workspace=replace(workspace, home=str(folder / f"cold{next(homes)}")))

    def theirs() -> None:
        with threads(cores()):
            fidelity_and_prdc(real, fake, weights, n)

    print("\n" + table(f"{n:,} + {n:,} pictures, cold", "seconds", in_turn({"ganbench": ours,
          "torch-fidelity and prdc": theirs}, rounds), faster=False), flush=True)
    evaluate(str(fake), protocol, workspace=workspace)
    again = in_turn({"ganbench": lambda: evaluate(str(fake), protocol, workspace=workspace)}, 3)
    print(f"\nAgain from the store: {min(again['ganbench']):.2f} s.")


def fidelity_and_prdc(real: Path, fake: Path, weights: Path, n: int) -> None:
    """torch-fidelity as its users call it, and prdc on features that torch-fidelity extracts."""
    from torch_fidelity import calculate_metrics

    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        calculate_metrics(
            input1=str(fake), input2=str(real), isc=True, fid=True, kid=True, prc=True, cuda=False, verbose=False,
            kid_subset_size=min(1_000, n), feature_extractor_weights_path=str(weights), cache=False,
            samples_find_deep=True, feature_extractor="inception-v3-compat", feature_layer_prc="2048",
        )
    random = np.random.default_rng(0)
    prdc_of(*(random.standard_normal((n, 2048), np.float32) for _ in range(2)), np.empty(0))


if __name__ == "__main__":
    main()
