"""METHODS: how an image is restored from a measurement, by a model's prior or without one.

Settings were chosen on training images of Fashion-MNIST with the zoo's models, and on none of the images that documents
report: docs/restore.md says how many, and what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.applications.restore import classical
from ganbench.gan.applications.restore.damage import KINDS, Damage, known_of, missing_in
from ganbench.gan.applications.restore.denoiser import Prior
from ganbench.gan.generators.backwards import runs_backwards
from ganbench.gan.generators.base import LatentModel, seeds
from ganbench.gan.inversion import Batch, Way, check_classes, zeros
from ganbench.gan.latent.inversion import Budget, Watch, unwatched
from ganbench.gan.types import BadInput, ModelSpec

LEVELS = (2.0, 0.01)        # of DDRM's noise: from where nothing is seen of an image to where nothing is hidden
NFE = {"ddrm": 50, "diffpir": 20, "dps": 50}        # denoisings of an image
ETA, ETA_NOISE = 1.0, 0.85  # of DDRM; with noise 1 would leave out measurements that are noisier than the image is
ZETA, LAMBDA, FLOOR = 1.0, 7.0, 0.01                # of DiffPIR; FLOOR: it divides by the noise
GUIDANCE = 2.0              # of DPS
TV = {"denoise": 0.6, "deblur": 0.07, "inpaint": 0.3, "superres": 0.5}      # weights, in deviations of the noise
ROUNDING = 1 / 255 / math.sqrt(12)  # of levels: the least noise of a blur, since undoing it magnifies them
MISFIT = 0.1                # how far a GAN is from real images: standard deviation of a pixel in [-1, 1]
GAN = Budget(starts=8, steps=200, trial=40, kept=2)
TURNS = 20                  # of `agreeing`
BLENDED = ("inpaint", "superres")                   # operators whose inverse is exact


@dataclass(frozen=True)
class Task:
    """An image to restore: its measurement, and the operator that made it."""

    damage: Damage
    operator: Any               # of deepinv
    y: np.ndarray               # float32
    shape: tuple[int, int, int]

    @property
    def given(self) -> Tensor:
        return torch.tensor(self.y)[None]

    @property
    def missing(self) -> np.ndarray:
        return missing_in(self.damage, self.shape)

    @property
    def known(self) -> np.ndarray:
        return known_of(self.damage, self.shape, self.y.shape)

    @property
    def norm(self) -> float:
        """The largest singular value of the operator."""
        return 1 / self.damage.factor


@dataclass(frozen=True)
class Means:
    """What methods use: the model and, for `nearest`, its training images."""

    generator: Any
    spec: ModelSpec
    space: str = ""             # of the search
    label: int | None = None    # the image's class; None: unknown
    training: np.ndarray | None = None      # (n, C, H, W) uint8
    device: str = "cpu"


Solve = Callable[[Task, Means, int, Watch], Tensor]     # and a seed of 63 bits -> (1, C, H, W) float


@dataclass(frozen=True)
class Method:
    """A row of METHODS."""

    solve: Solve
    what: str
    paper: str
    damages: tuple[str, ...]
    needs: str = ""             # "denoiser", "latents" or "training"
    random: bool = False        # other seeds give other solutions
    blended: bool = False       # what is known is put back, where the operator allows it


# Without a model

def by_biharmonic(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    return smooth(task)


def smooth(task: Task) -> Tensor:
    """`biharmonic` of every channel, (n, C, H, W)."""
    found = classical.biharmonic(task.given.flatten(0, 1).numpy(), task.missing)
    return torch.from_numpy(found).float().view_as(task.given)


def by_bicubic(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    return classical.bicubic(task.given, task.damage.factor)


def by_tv(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    return classical.total_variation(nearer_to(task), begun(task))


def nearer_to(task: Task) -> classical.Nearer:
    """Of total variation: x brought nearer to what is known, and without noise onto it.  The gradients of c channels
    that have their edges at the same places are sqrt(c) times as long, and so is the weight."""
    noise = task.damage.noise or (ROUNDING if task.damage.kind == "deblur" else 0.0)
    if not noise:
        return lambda x: consistent(x, task)
    reach = classical.STEP / (TV[task.damage.kind] * noise * task.norm * math.sqrt(task.shape[0]))
    return lambda x: task.operator.prox_l2(x, task.given, reach)


def begun(task: Task) -> Tensor:
    """A simple estimate (n, C, H, W), to begin with."""
    if task.damage.kind == "superres":
        return classical.bicubic(task.given, task.damage.factor)
    return smooth(task).clamp(0, 1) if task.damage.kind == "inpaint" else task.given


def by_nearest(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    if means.training is None:
        raise BadInput("no-training-data", "The nearest training image needs --training DATA.")
    found = classical.nearest(task.y, means.training, task.operator, task.known)
    return torch.from_numpy(means.training[found])[None].float() / 255


# A denoiser

def by_denoiser(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    """The mean of what the image can have been: one step."""
    return Prior(means.generator, means.label)(task.given, task.damage.noise)


def by_ddrm(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    from deepinv.sampling import DDRM

    levels = np.append(np.geomspace(*LEVELS, NFE["ddrm"] - 1), 0)
    prior = counted(means, watch, NFE["ddrm"])
    with drawn_from(seed):
        return DDRM(prior, sigmas=levels, eta=ETA_NOISE if task.damage.noise else ETA)(task.given, task.operator)


def by_diffpir(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    from deepinv.optim.data_fidelity import L2
    from deepinv.physics import GaussianNoise
    from deepinv.sampling import DiffPIR

    operator, steps = task.operator.clone(), NFE["diffpir"]
    operator.noise_model = GaussianNoise(max(task.damage.noise, FLOOR))
    solver = DiffPIR(counted(means, watch, steps), L2(), max(task.damage.noise, FLOOR), steps, ZETA, LAMBDA)
    with drawn_from(seed):
        return solver(task.given, operator)


def by_dps(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    from deepinv.sampling import DPS

    steps = NFE["dps"]
    weight = GUIDANCE / task.norm**2        # gradients of A are as much smaller as its singular values
    solver = DPS(counted(means, watch, steps), num_steps=steps, weight=weight, guidance="annealed")
    with drawn_from(seed), torch.inference_mode(False):
        return solver(task.given.clone(), task.operator).detach()


def counted(means: Means, watch: Watch, steps: int) -> Prior:
    """The model's denoiser, which tells how often it was asked."""
    prior, asked = Prior(means.generator, means.label), iter(range(1, 10**9))
    prior.register_forward_hook(lambda *_: watch(min(next(asked), steps), steps, float("nan")) and None)
    return prior


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """torch's global generator, from which deepinv draws, seeded inside and put back afterwards."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


# Latents

def by_search(task: Task, means: Means, seed: int, watch: Watch) -> Tensor:
    """argmin |A G(z) - y|^2 / s^2 + |z|^2 over latents, from several starts, with s the noise and the model's misfit
    (Bora et al. 2017, arXiv:1703.03209; Menon et al. 2020, arXiv:2003.03808, keep z on its shell)."""
    known = torch.from_numpy(task.known.copy())
    labels = () if means.label is None else (means.label,)
    check_classes(means.generator, means.spec, labels, len(labels))
    targets = 2 * task.given[:, known]
    weight = (4 * task.damage.noise**2 + MISFIT**2) / targets.shape[1]
    batch = Batch(means.generator, means.spec, targets.to(means.device), labels,
                  zeros(means.generator, len(targets)).to(means.device), Way(means.space, GAN, seed),
                  measure=lambda images: 2 * task.operator.A((images.cpu() + 1) / 2)[:, known].to(images), prior=weight)
    return torch.from_numpy((batch.searched(watch).images + 1) / 2)


METHODS = {
    "denoiser": Method(by_denoiser, "the model's mean of what the image can have been",
                       "Efron 2011, doi:10.1198/jasa.2011.tm11181", ("denoise",), "denoiser"),
    "ddrm": Method(by_ddrm, "diffusion in the operator's singular vectors", "Kawar et al. 2022, arXiv:2201.11793",
                   KINDS, "denoiser", random=True),
    "diffpir": Method(by_diffpir, "half-quadratic splitting with a diffusion model",
                      "Zhu et al. 2023, arXiv:2305.08995", KINDS, "denoiser", random=True, blended=True),
    "dps": Method(by_dps, "diffusion guided by the measurement", "Chung et al. 2023, arXiv:2209.14687", KINDS,
                  "denoiser", random=True, blended=True),
    "search": Method(by_search, "latents searched from several starts", "Bora et al. 2017, arXiv:1703.03209", KINDS,
                     "latents", random=True, blended=True),
    "biharmonic": Method(by_biharmonic, "a thin plate through the known pixels", "Duchon 1977, doi:10.1007/BFb0086566",
                         ("inpaint",)),
    "bicubic": Method(by_bicubic, "cubic convolution", "Keys 1981, doi:10.1109/TASSP.1981.1163711", ("superres",)),
    "tv": Method(by_tv, "total variation", "Rudin et al. 1992, doi:10.1016/0167-2789(92)90242-F",
                 KINDS, blended=True),
    "nearest": Method(by_nearest, "the training image whose own measurement is nearest", "none", KINDS, "training"),
}


def methods_for(generator: Any, name: str, damage: Damage, asked: str, training: bool) -> list[str]:
    """What is compared: those that are asked for, or all that fit the model and the damage."""
    can = {"": True, "denoiser": runs_backwards(generator), "latents": searchable(generator), "training": training}
    fitting = [method for method, row in METHODS.items() if damage.kind in row.damages and can[row.needs]]
    if not can["denoiser"] and not can["latents"]:
        raise BadInput("no-restoration",
                       f"{name} can restore nothing: it is neither a diffusion or flow model of ganbench's families "
                       "nor a GAN or factory with latents.")
    names = [word.strip() for word in asked.split(",") if word.strip()]
    wrong = next((word for word in names if word not in METHODS), None)
    if wrong is not None:
        raise BadInput("unknown-choice", f"No method {wrong!r}, only {', '.join(METHODS)}.")
    unfit = next((word for word in names if word not in fitting), None)
    if unfit is not None:
        raise BadInput("conflicting-options",
                       f"{unfit} ({METHODS[unfit].what}) does not fit {name} and {damage.text}: those that do are "
                       f"{', '.join(fitting)}.")
    return list(dict.fromkeys(names)) or fitting


def searchable(generator: Any) -> bool:
    return isinstance(generator, LatentModel) and not runs_backwards(generator)


def restored(
    method: str, task: Task, means: Means, seed: int, k: int, name: str, watch: Watch = unwatched
) -> np.ndarray:
    """Solution k of an image -> (C, H, W) uint8.  It depends on the seed, k and `name`, such as the measurement's
    digest, alone."""
    return finished(method, task, means, seed_for(seed, k, name), watch)[0]


def seed_for(seed: int, k: int, name: str) -> int:
    """Of solution k of an image, 63 bits."""
    return int(seeds([k], seed, f"restore {name}"))


def finished(method: str, task: Task, means: Means, seed: int, watch: Watch = unwatched) -> np.ndarray:
    """(n, C, H, W) uint8: what is known is put back where the method and the damage allow it."""
    row = METHODS[method]
    with torch.inference_mode(False), torch.no_grad():
        x = row.solve(task, means, seed, watch).float().cpu()
        if row.blended and blends(task.damage):
            x = agreeing(x, task)
    return rounded(x).numpy()


def blends(damage: Damage) -> bool:
    """Without noise, and where the inverse does not magnify anything."""
    return damage.kind in BLENDED and not damage.noise


def consistent(x: Tensor, task: Task) -> Tensor:
    """x + A^+ (y - A x): what is known is replaced, and the rest stays (range and null space: Wang et al. 2023,
    arXiv:2212.00490, section 3.2).  Of an image with a hole, the known pixels."""
    return x + task.operator.A_dagger(task.given - task.operator.A(x))


def agreeing(x: Tensor, task: Task) -> Tensor:
    """Projected in turn onto [0, 1] and onto what is known (Youla & Webb 1982, doi:10.1109/TMI.1982.4307555)."""
    for _ in range(TURNS):
        x = consistent(x.clamp(0, 1), task)
    return x


def rounded(x: Tensor) -> Tensor:
    """Floats in [0, 1] -> uint8."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def budget_of(method: str) -> int:
    """How many steps a `Watch` is told of, for one solution."""
    return NFE.get(method, GAN.steps if method == "search" else 1)


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
