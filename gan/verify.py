"""Verification of the installation: values that are known are computed and compared.

Closed forms, the two backends and the zoo need no downloads.  The published scores need the published Inception weights
and CIFAR-10, and use the same stages as evaluations, so their results are stored and reused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan import backend
from ganbench.gan.datasets import DataFolders, ImageSet, cifar10
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.evaluate import evaluate, features_of
from ganbench.gan.features import inception
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import check_room
from ganbench.gan.images import write_npz
from ganbench.gan.measure import measure
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.models.images import open_set
from ganbench.gan.parts import real_part
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.sampling import check_device
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, Context, Convention, Protocol, Statistics, Workspace

Value = float | str                                         # a number, or the first letters of a digest
Show = Callable[..., object]                                # stage, images just done, their total


@dataclass(frozen=True)
class Bench:
    """The workspace of the checks, the number of shards at a time, and the progress callback."""

    workspace: Workspace
    workers: int
    tick: Tick


@dataclass(frozen=True)
class Check:
    """A known value, its source, and how to compute it."""

    name: str
    find: Callable[[Bench], Value]
    expected: Value
    tolerance: float
    source: str
    needs: tuple[str, ...] = ()                             # rows of NEEDS
    images: Mapping[str, int] = field(default_factory=dict)     # sets that go through the Inception network, and sizes


@dataclass(frozen=True)
class Result:
    """The result of a check.  `problem`: why it was not run."""

    check: Check
    found: Value | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        if self.problem:
            return f"not run: {self.problem}"
        return "ok" if agrees(self.found, self.check) else "FAILED"


def silently(stage: str, images: int, total: int | None = None) -> None:
    """A progress callback that does nothing."""


def agrees(found: Value | None, check: Check) -> bool:
    """Within the tolerance; NaN is not, and digests must be the same."""
    if isinstance(found, str) or isinstance(check.expected, str):
        return found == check.expected
    return found is not None and abs(found - check.expected) <= check.tolerance


def verify(
    checks: Sequence[Check], workspace: Workspace, show: Show = silently, workers: int | None = None
) -> Iterator[Result]:
    """The results of checks, one by one; `workers`: shards at a time (default: one per core).

    Checks whose requirements are not available (no network, no file) are not run; each requirement is tested once.
    """
    check_room(workspace.root)
    check_device(workspace.device)
    bench = Bench(workspace, workers or os.cpu_count() or 1, silent)
    problems: dict[str, str] = {}
    for check in checks:
        for need in check.needs:
            if need not in problems:
                problems[need] = problem_with(need, workspace)
        missing = [need for need in check.needs if problems[need]]
        yield Result(check, problem=problems[missing[0]]) if missing else run(check, bench, show)
        problems |= {need: f"no {need}, see above" for need in missing[:1]}


def at_once(checks: Sequence[Check]) -> list[Check]:
    """The checks that take seconds: at most 100 images through the Inception network."""
    return [check for check in checks if n_images([check]) <= 100]


def n_images(checks: Sequence[Check]) -> int:
    """How many images go through the Inception network; sets that several checks share count once."""
    return sum({name: n for check in checks for name, n in check.images.items()}.values())


def problem_with(need: str, workspace: Workspace) -> str:
    try:
        NEEDS[need](workspace)
    except BadInput as error:
        return str(error)
    return ""


def run(check: Check, bench: Bench, show: Show) -> Result:
    show(check.name, 0, n_images([check]) or None)
    try:
        return Result(check, check.find(replace(bench, tick=lambda rows: show(check.name, rows, n_images([check])))))
    except BadInput as error:
        return Result(check, problem=str(error))


# Without weights and data

def distance_of_shifted_gaussians(bench: Bench) -> float:
    """|mu_r - mu_g|^2 = d, since the covariances are equal."""
    real, generated = (Statistics(np.full(2048, mean), np.eye(2048), 0) for mean in (0.0, 1.0))
    return frechet_distance(real, generated)


def score_of_sure_predictions(bench: Bench) -> float:
    """One image in each of the 1008 classes, with certainty."""
    return inception_score(1000 * np.eye(1008)).value


def kernel_distance_of_equal_distributions(bench: Bench) -> float:
    """In standard errors; the two samples are fixed."""
    real, generated = np.random.default_rng(0).standard_normal((2, 2000, 64)).astype(np.float32)
    estimate = kid_full(real, generated)
    return estimate.value / estimate.se


def backends_apart(bench: Bench) -> float:
    """|a - b| / |b| of ONNX Runtime's and eager torch's features and logits, with random weights."""
    with torch.device("meta"):                              # the first values draw random numbers
        module = inception.Inception()
    module.load_state_dict(random_state(inception.Inception), assign=True)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 48, 80), dtype=np.uint8))
    images = inception.TF1.prepare(pixels)
    with torch.inference_mode():
        ours, theirs = (backend.start(module.eval(), tuple(images.shape), "cpu", name)[0](images)
                        for name in ("onnxruntime", "torch"))
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(ours, theirs, strict=True))


def random_state(network: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """Made-up weights that keep the scale of activations: He-normal convolutions, and batch normalisation that is
    not the identity."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in network().state_dict().items()}
    random = torch.Generator().manual_seed(0)
    return {name: random_value(name, shape, random) for name, shape in shapes.items()}


def random_value(name: str, shape: torch.Size, random: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if len(shape) > 1:
        return torch.randn(shape, generator=random) * (2 / shape[1:].numel()) ** 0.5
    if name.endswith(("running_var", "weight")):
        return torch.rand(shape, generator=random) + 0.5
    return torch.randn(shape, generator=random) * 0.1


def zoo_by_the_judge(bench: Bench) -> float:
    """From checkpoint to score, through every stage; networks may round a pixel otherwise on another processor."""
    protocol = Protocol("verify", Convention("judge", ("judge",), ("fd",)), "fashion-mnist:test", 2_000)
    here = replace(bench.workspace, device="cpu")
    return evaluate("zoo:dcgan-fashion-mnist", protocol, workspace=here, workers=bench.workers)[0].value


# With weights and data

NEEDS: dict[str, Callable[[Workspace], object]] = {
    "weights": lambda workspace: extractor_of("inception", workspace),
    "CIFAR-10": lambda workspace: split_of("train", workspace),
}


def split_of(split: str, workspace: Workspace) -> ImageSet:
    given = Path(workspace.data).expanduser() if workspace.data else None
    return open_set(f"cifar10:{split}", DataFolders(given, workspace.root / "data"))


def digest_of_weights(bench: Bench) -> str:
    return extractor_of("inception", bench.workspace).weights[:12]


def mean_pixel(bench: Bench) -> float:
    images = split_of("train", bench.workspace)
    return float(np.mean([images.read(range(i, min(i + 1000, images.n))).mean() for i in range(0, images.n, 1000)]))


@dataclass(frozen=True)
class Subset:
    """n images of a split without replacement, with or without noise, as torch-fidelity's tests make their files."""

    split: str
    n: int
    noisy: bool = False

    def read(self, images: ImageSet) -> np.ndarray:
        """(n, 3, 32, 32) uint8 in the order of the split: the tool reads its files sorted by name.

        Noise goes to the images in the order in which they are drawn, as HWC.  What leaves 0..255 wraps around: that
        is how the conversion to uint8 comes out where these numbers were measured.
        """
        random = np.random.RandomState(2020)                # the legacy stream is the convention
        rows = random.choice(images.n, min(self.n, images.n), replace=False)
        pixels = images.read(rows.tolist())
        if self.noisy:
            noise = np.stack([random.randn(32, 32, 3) * 64 for _ in rows]).transpose(0, 3, 1, 2)
            pixels = (pixels + noise).astype(np.float32).astype(np.int32).astype(np.uint8)
        return pixels[np.argsort(rows)]


SUBSETS = {
    "train-100": Subset("train", 100),
    "train-5k": Subset("train", 5_000),
    "test-5k": Subset("test", 5_000),
    "noisy-test-5k": Subset("test", 5_000, noisy=True),
}


def data_of(name: str, workspace: Workspace) -> str:
    """DATA of a split or subset; a subset is written into the home folder, so that it is measured as a user's is."""
    if name not in SUBSETS:
        return f"cifar10:{name}"
    path = workspace.root / "data" / "verify" / f"cifar10-{name}.npz"
    subset = SUBSETS[name]
    write_npz(path, subset.read(split_of(subset.split, workspace)))
    return str(path)


def score(bench: Bench, metric: str, generated: str, reference: str) -> float:
    """One metric of the convention `fidelity` between two sets."""
    workspace = bench.workspace
    made = {
        name: features_of(
            real_part(data_of(name, workspace), None, workspace), "inception", workspace, bench.workers, bench.tick
        )
        for name in {reference, generated}
    }
    with single_threaded():
        found, _ = measure(Context(made[reference]), made[generated], (metric,), CONVENTIONS["fidelity"], workspace)
    return found.estimates[metric].value


def published(
    name: str, metric: str, generated: str, reference: str, expected: float, tolerance: float, source: str
) -> Check:
    """A score of CIFAR-10; the Inception Score does not look at its reference."""
    find = partial(score, metric=metric, generated=generated, reference=reference)
    images = {set_: SUBSETS[set_].n if set_ in SUBSETS else SPLITS[set_] for set_ in (generated, reference)}
    return Check(name, find, expected, tolerance, source, ("weights", "CIFAR-10"), images)


SPLITS = {split: len(files) * cifar10.PER_FILE for split, files in cifar10.FILES.items()}
# torch-fidelity's repository: tests/tf1/numerical_precision, tests/torch_versions_ge_1_13_0, and README.md.  Each
# tolerance is the one of its test, or wider, since those numbers come from a GPU.
FIDELITY = "torch-fidelity's tests"
# w86763777/pytorch-image-generation-metrics, README.md: what the authors' own code gives.  Other tools that are
# compared there print an IS of 10.95 to 10.98 and an FID of up to 3.1525.
AUTHORS = "the authors' code"

CHECKS = (
    Check("FD of N(0, I) and N(1, I), d = 2048", distance_of_shifted_gaussians, 2048.0, 1e-6, "closed form"),
    Check("IS of 1008 sure predictions", score_of_sure_predictions, 1008.0, 1e-6, "closed form"),
    Check("KID of equal distributions, in standard errors", kernel_distance_of_equal_distributions, 0.0, 3.0,
          "closed form"),
    Check("ONNX Runtime against torch, random weights", backends_apart, 0.0, 1e-5, "second implementation"),
    Check("fd_judge of zoo:dcgan-fashion-mnist", zoo_by_the_judge, 0.64582, 1e-3, "README"),
    Check("sha256 of the Inception weights", digest_of_weights, inception.SHA256[:12], 0, "pytorch-fid", ("weights",)),
    # (125.30692 + 122.95039 + 113.86538) / 3, the mean colour by which training code shifts these images.
    Check("mean pixel of cifar10:train", mean_pixel, 120.70756, 1e-3, "published means", ("CIFAR-10",)),
    published("IS of 100 training images", "is", "train-100", "train-100", 4.51089784587268, 1e-4, FIDELITY),
    published("IS of 5,000 training images", "is", "train-5k", "train-5k", 10.75051, 1e-2, FIDELITY),
    published("FID of 5,000 training and test images", "fd", "train-5k", "test-5k", 10.3233274, 1e-3, FIDELITY),
    published("KID of 5,000 training and test images", "kid", "train-5k", "test-5k", -2.907863e-05, 1e-7, FIDELITY),
    published("KID of 5,000 noisy test and training images", "kid", "noisy-test-5k", "train-5k", 0.4718520, 1e-5,
              FIDELITY),
    published("IS of cifar10:test", "is", "test", "test", 10.98, 0.05, AUTHORS),
    published("IS of cifar10:train", "is", "train", "train", 11.23678, 1e-2, "torch-fidelity's README"),
    published("FID of cifar10:train and cifar10:test", "fd", "train", "test", 3.1508, 5e-3, AUTHORS),
)
