"""Does an image lie in a model's range, the set of all images that it can make?

Hypothesis: the image is one of the model's own, drawn as it draws.  Own images are inverted with the same budget, and
the p-value of an image is (1 + #{own images that are as strange}) / (own images + 1), where strange is a large error,
or an improbable latent of a diffusion model.  If the hypothesis holds, these numbers are exchangeable, and no more than
a share alpha of such images has p <= alpha, whatever the model or the quality of the search (conformal p-values: Vovk
et al. 2005; Bates et al. 2021, arXiv:2104.08279).  How often other images are recognised as such is measured with real
images: the power, without which an image that is not rejected says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest

from ganbench.gan.datasets import DATASETS, DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.generators.base import LatentModel, seed_of
from ganbench.gan.inversion import Way, invert, strangeness_of
from ganbench.gan.metrics.memorisation import p_values
from ganbench.gan.models.identity import identity
from ganbench.gan.models.names import ZOO, zoo_file
from ganbench.gan.models.openers import makers
from ganbench.gan.models.toml_file import about
from ganbench.gan.philox import words
from ganbench.gan.photos import photo
from ganbench.gan.sampling import generator_of
from ganbench.gan.sources import source_digest
from ganbench.gan.store import SHARD, Arrays, extend, rows_of, store_of
from ganbench.gan.types import BadInput, CompleteSpec, ModelSpec, Workspace, digest_of

ALPHA = 0.05
OWN, REAL = 99, 50          # images that are inverted to begin with
LEAST = 19                  # own images, with which the smallest p-value is .05
STEP = 10                   # images between two saves

Tick = Callable[[int], object]      # images just inverted


@dataclass(frozen=True)
class RangeTest:
    """The strangeness of a model's own images and of real ones, in one space with one budget; see `strangeness_of`."""

    own: np.ndarray             # (n,)
    real: np.ndarray            # (m,); empty: no real images are known
    alpha: float = ALPHA
    reference: str = ""         # what the real images are

    def p_values(self, strangeness: np.ndarray) -> np.ndarray:
        """(n,) -> (n,): see the module."""
        return p_values(-np.asarray(strangeness), -self.own)

    def rejected(self, strangeness: np.ndarray) -> np.ndarray:
        """(n,) bool: images that are not the model's own, with `alpha` as the false-alarm rate."""
        return self.p_values(strangeness) <= self.alpha

    @property
    def power(self) -> tuple[float, float, float] | None:
        """The share of the real images that are rejected, and its 95 % interval; None where there are none."""
        return share_of(self.rejected(self.real)) if len(self.real) else None


def share_of(which: np.ndarray) -> tuple[float, float, float]:
    """(n,) bool -> the share that is true, and its 95 % interval (Clopper & Pearson 1934)."""
    found = binomtest(int(which.sum()), len(which)).proportion_ci(0.95, "exact")
    return float(which.mean()), float(found.low), float(found.high)


def range_test(
    spec: CompleteSpec, way: Way, workspace: Workspace, own: int = OWN, real: int = REAL, reference: str = "",
    known: bool = False, alpha: float = ALPHA, tick: Tick = lambda n: None,
) -> RangeTest:
    """Invert own and real images, or find in the store how strange they were.

    `known`: classes are told to the search, as those of the image will be.  `reference`: DATA of real images, which are
    taken in a random order that the seed decides, and squeezed to the model's size; empty: there is no power.
    """
    if not LEAST <= own <= SHARD or not 0 < alpha < 1:
        raise BadInput("unfit-value",
                       f"A range test takes {LEAST} to {SHARD:,} own images, of which {LEAST} can reject at .05, and "
                       f"an alpha between 0 and 1, got {own:,} and {alpha:g}.")
    mine = own_images(spec, way, own, workspace, known, tick)
    theirs = real_images(spec, way, real, workspace, reference, known, tick) if reference else np.empty(0)
    return RangeTest(mine, theirs, alpha, reference if len(theirs) else "")


def own_images(
    spec: CompleteSpec, way: Way, n: int, workspace: Workspace, known: bool = False, tick: Tick = lambda n: None
) -> np.ndarray:
    """(n,) how strange own images of a seed are that nothing else uses; stored."""

    def images(start: int, stop: int) -> tuple[np.ndarray, tuple[int, ...]]:
        model = generator_of(spec, workspace)
        drawn = draw(model, plain(spec), seed_of(way.seed, "range"), start, stop, workspace.device)
        return drawn["images"], tuple(drawn.get("labels", np.empty(0, int)).tolist())

    return strange(spec, way, n, workspace, known, images, {"images": "own"}, tick)


def real_images(
    spec: CompleteSpec, way: Way, n: int, workspace: Workspace, reference: str, known: bool = False,
    tick: Tick = lambda n: None,
) -> np.ndarray:
    """(n,) of real images, or fewer if there are no more; stored.  Empty where their classes are needed and unknown."""
    data, model = open_data(reference, DataFolders.of(workspace)), latents_of(spec, workspace)
    if known and model.n_classes and (data.labels is None or data.labels.max() >= model.n_classes):
        return np.empty(0)
    order = np.argsort(words(range(data.n), way.seed, 1, "range")[:, 0], kind="stable")[: min(n, SHARD)]
    shape = shape_of(spec, workspace)

    def images(start: int, stop: int) -> tuple[np.ndarray, tuple[int, ...]]:
        rows = order[start:stop]
        fitted = np.stack([photo(image, shape) for image in data.read(rows.tolist())])
        told = known and bool(model.n_classes) and data.labels is not None
        return fitted, tuple(data.labels[rows].tolist()) if told and data.labels is not None else ()

    return strange(spec, way, len(order), workspace, known, images, {"images": data.digest}, tick)


def strange(
    spec: CompleteSpec, way: Way, n: int, workspace: Workspace, known: bool,
    images: Callable[[int, int], tuple[np.ndarray, tuple[int, ...]]], facts: dict[str, str], tick: Tick,
) -> np.ndarray:
    """The strangeness of the first n images under a key; only those are inverted that are not in the store."""
    model = latents_of(spec, workspace)

    def compute(start: int, stop: int) -> Arrays:
        pixels, labels = images(start, stop)
        found = []
        for i in range(len(pixels)):
            told = labels[i : i + 1] if known and model.n_classes else ()
            one = invert(model, spec, pixels[i : i + 1], way, told, device=workspace.device)
            found.append(strangeness_of(pixels[i : i + 1], one))
            tick(1)
        return {"strangeness": np.concatenate(found)}

    known = known and bool(model.n_classes)
    engine = {"torch": torch.__version__, "device": torch.device(workspace.device).type, "threads": 1}
    key = digest_of({"stage": "range", "model": identity(spec), "way": asdict(way), "known": known, "engine": engine,
                     "source": source_digest("range", *makers(spec, workspace)), **facts})
    shard = extend(store_of(workspace), "ranges", key, 0, n, compute, STEP)
    tick(n - shard.computed)
    return np.array(rows_of(shard)["strangeness"], np.float64)


def latents_of(spec: ModelSpec, workspace: Workspace) -> LatentModel:
    """The model, which must have latents.  BadInput: it has none."""
    model = generator_of(spec, workspace)
    if not isinstance(model, LatentModel):
        raise BadInput("no-latent-space",
                       f"{spec.name} has no latent space to search, as GANs and diffusion models of ganbench's "
                       "families and factories with latents have.")
    return model


def plain(spec: ModelSpec) -> ModelSpec:
    """The model without what is done to its images afterwards: the images that latents are searched for."""
    return replace(spec, resize="", pad=0, crop=0, preprocessing=(), channels=None, resolution=None)


def shape_of(spec: ModelSpec, workspace: Workspace) -> tuple[int, int, int]:
    """(channels, height, width) of what the network makes."""
    channels, height, width = draw(generator_of(spec, workspace), plain(spec), 0, 0, 1, workspace.device)[
        "images"].shape[1:]
    return channels, height, width


def held_out_of(model: str, zoo: Path = ZOO) -> str:
    """DATA of real images that a model has not been trained on: `data` of the table [about] of a model file, if it
    has a split `test`; '' where nothing is known."""
    path = zoo_file(model.removeprefix("zoo:"), zoo) if model.startswith("zoo:") else Path(model)
    data = str(about(path).get("data", "")).partition(":")[0]
    return f"{data}:test" if data in DATASETS and "test" in DATASETS[data].splits else ""
