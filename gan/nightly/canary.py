"""The canary: the same golden images, measured anew every night, say whether the toolchain still makes the same
numbers.

If they differ, or a package, an extractor or the kind of machine does, differences between models may come from there,
so no model is judged until a person has accepted the toolchain.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.evaluate import Threads, all_features, begin_scores, end_scores, submit
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.images import write_npz
from ganbench.gan.jobs import prepare
from ganbench.gan.sources import HERE
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import Protocol, Workspace

GOLDEN = Path(__file__).parent / "golden"
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "pyarrow", "onnxruntime", "scikit-learn", "diffusers",
            "transformers")
N = 100                                     # golden images on either side
METRICS = ("fd", "kid", "is", "accuracy")   # of them
FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR)

Facts = dict[str, Any]


def toolchain(protocols: Sequence[Protocol], workspace: Workspace) -> Facts:
    """What makes numbers of images here: packages, machine, extractors, and the golden images' numbers."""
    names = sorted({name for protocol in protocols for name in protocol.extractors})
    seen = [extractor_of(name, workspace) for name in names]
    return {
        "packages": {"python": platform.python_version(), **versions(PACKAGES)},
        "machine": {"processor": platform.machine(), "instructions": torch.backends.cpu.get_cpu_capability(),
                    "device": device_name(workspace.device)},
        "extractors": {one.name: one.digest for one in seen},
        "pixels": pixels(),
        "golden": {protocol.name: measured(protocol, workspace) for protocol in protocols},
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    imported = {"pillow": "PIL", "scikit-learn": "sklearn"}
    for name in found:          # what is imported may be another copy than what is installed
        module = sys.modules.get(imported.get(name, name))
        found[name] = str(getattr(module, "__version__", found[name]))
    return found


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def code_digest() -> str:
    """sha256 over the library's source."""
    return HERE.digest(*HERE.modules)


def pixels() -> str:
    """sha256 over the golden files' pixels, as they are decoded and resized."""
    digest = hashlib.sha256()
    for path in sorted(GOLDEN.iterdir()):
        with Image.open(path) as image:
            image.load()
            for pixels in (image, *(image.resize((37, 23), method) for method in FILTERS)):
                digest.update(np.asarray(pixels).tobytes())
    return digest.hexdigest()


def measured(protocol: Protocol, workspace: Workspace) -> Facts:
    """The golden images' scores and the digests of their features, with nothing taken from the store."""
    with TemporaryDirectory(prefix="ganbench-golden-") as folder:
        there = replace(workspace, home=folder)
        if (workspace.root / "weights").is_dir():
            (Path(folder) / "weights").symlink_to(workspace.root / "weights")
        paths = [write_golden(Path(folder) / f"{part}.npz", f"fashion-mnist:{split}", workspace)
                 for part, split in (("mine", "test"), ("real", "train10k"))]
        convention = replace(protocol.convention, metrics=golden_metrics(protocol.convention.metrics),
                             judge_metrics=golden_metrics(protocol.convention.judge_metrics), settings={})
        golden = replace(protocol, convention=convention, reference=paths[1], n_generated=N, n_reference=None,
                         held_out="", training="", preprocessing=())
        with single_threaded(), Threads() as threads:
            job = prepare(paths[0], golden, 0, there)
            started = submit([job], threads)[0]
            scores = end_scores(job, begin_scores(job, started, threads))
            features = {name: roles["generated"].digest for name, roles in all_features(job, started).items()}
    return {"scores": {score.metric: [score.value, score.se] for score in scores}, "features": features}


def golden_metrics(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in METRICS)


def write_golden(path: Path, data: str, workspace: Workspace) -> str:
    """The first images of an embedded data set."""
    found = open_data(data, DataFolders.of(workspace))
    write_npz(path, found.read(range(N)), None if found.labels is None else found.labels[:N].tolist())
    return str(path)


# Comparison

def drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two toolchains, in words; empty: nothing."""
    found = []
    for group in ("packages", "machine"):
        found += [f"{name} {before[group].get(name, 'missing')} -> {now[group].get(name, 'missing')}"
                  for name in sorted({*before[group], *now[group]})
                  if before[group].get(name) != now[group].get(name)]
    for name, digest in now["extractors"].items():
        if before["extractors"].get(name, digest) != digest:
            found.append(f"extractor {name} {before['extractors'][name][:12]} -> {digest[:12]}")
    if before["pixels"] != now["pixels"]:
        found.append("the golden files decode or resize to other pixels")
    if moved(before, now) is not None:
        found.append("the golden images get other features or scores")
    return found


def moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> float | None:
    """How far golden scores moved, at most, in their standard errors; None: every bit of features and scores is the
    same."""
    farthest = None
    for name, mine in now["golden"].items():
        other = before["golden"].get(name)
        if other is None or other == mine:
            continue
        farthest = farthest or 0.0
        for metric, (value, se) in mine["scores"].items():
            if metric in other["scores"] and se > 0:
                farthest = max(farthest, abs(value - other["scores"][metric][0]) / se)
    return farthest


def same_numbers(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the golden images get the same numbers to the last bit, whatever made them."""
    return before["pixels"] == now["pixels"] and before["golden"] == now["golden"]
