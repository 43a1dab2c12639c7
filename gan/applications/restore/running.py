"""`ganbench restore`: image files, damaged and restored by all methods that fit a model, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.applications.restore.comparing import Paired, ranked
from ganbench.gan.applications.restore.damage import Damage, damage_in, missing_in
from ganbench.gan.applications.restore.methods import METHODS, Means, budget_of, methods_for, searchable
from ganbench.gan.applications.restore.restoring import (
    Damaged,
    Restoration,
    given,
    restore,
    simulated,
    training_images,
)
from ganbench.gan.datasets import DATASETS, DataFolders, open_data
from ganbench.gan.datasets.folder import pictures
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.images import read_image
from ganbench.gan.interpolation import numbers_in
from ganbench.gan.inversion import check_classes
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import identity
from ganbench.gan.models.names import ZOO, zoo_file
from ganbench.gan.models.toml_file import about
from ganbench.gan.photos import photos
from ganbench.gan.question import Opening, Question, Repair, protocol_of
from ganbench.gan.range_test import shape_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, Workspace
from ganbench.gan.watching import Show

MOST, MOST_SOLUTIONS = 1_000, 100   # images, and solutions of each


@dataclass(frozen=True, eq=False)
class Restored:
    """What was restored."""

    model: str
    digest: str
    wish: Repair
    damage: Damage
    space: str                                      # of the search; "" where there was none
    training: str                                   # DATA of the nearest images; "" where there was none
    images: tuple[Damaged, ...]
    found: Mapping[str, tuple[Restoration, ...]]    # by method, one for each image
    distances: Mapping[str, float]                  # by method; empty where the whole images are not known
    eyes: str                                       # the extractor that tells them
    same: Mapping[str, float]                       # share that the judge finds of the same class as the whole image

    @property
    def compared(self) -> list[Paired]:
        """The method with the highest PSNR beside the others, by the first solutions."""
        if self.images[0].truth is None:
            return []
        return ranked({method: np.array([min(99.0, result.likenesses[0].psnr) for result in results])
                       for method, results in self.found.items()})


def restored_images(
    show: Show, model: str, image: Path, wish: Repair, opening: Opening, workspace: Workspace
) -> Restored:
    """Damage the images, unless they are, restore them by every method, and score them."""
    if not 1 <= wish.n <= MOST_SOLUTIONS:
        raise BadInput("unfit-value", f"The value of --n is {wish.n:,}, expected 1 to {MOST_SOLUTIONS} solutions.")
    damage = damage_in(wish.damage, Path(wish.mask) if wish.mask else None)
    paths = images_at(image)
    spec = asked_model(model, opening, workspace)
    if spec.factory:
        check_output(spec, wish.seed, workspace)
    with single_threaded():
        generator, shape = generator_of(spec, workspace), shape_of(spec, workspace)
        training = training_of(model, wish.training, workspace)
        methods = methods_for(generator, spec.name, damage, wish.method, bool(training))
        images = damaged_images(damage, paths, shape, wish, labels_in(wish, generator, spec, len(paths)))
        means = Means(generator, spec, space_for(generator, wish.space), device=workspace.device)
        if "nearest" in methods:
            means = replace(means, training=training_images(open_data(training, DataFolders.of(workspace)), shape))
        found = by_all(show, images, methods, wish, means, spec, workspace)
        eyes, distances, same = looks(model, images, found, shape, workspace)
    return Restored(spec.name, identity(spec), wish, damage, means.space if "search" in methods else "",
                    training if "nearest" in methods else "", images, found, distances, eyes, same)


def images_at(path: Path) -> list[Path]:
    """An image file, or those of a folder."""
    if not path.is_dir():
        return [path]
    found = pictures(path).files
    if not found:
        raise BadInput("no-images", f"There is no picture in {path}, expected an image file or a folder of such.")
    if len(found) > MOST:
        raise BadInput("too-large", f"{path} holds {len(found):,} pictures, expected at most {MOST:,} at a time.")
    return found


def damaged_images(
    damage: Damage, paths: Sequence[Path], shape: tuple[int, int, int], wish: Repair, labels: Sequence[int | None]
) -> tuple[Damaged, ...]:
    """Whole images are fitted to the model and damaged; damaged ones are taken as they are."""
    missing_in(damage, shape)
    if wish.damaged:
        return tuple(given(damage, read_image(path), shape, str(path), label)
                     for path, label in zip(paths, labels, strict=True))
    return tuple(simulated(damage, image, str(path), wish.seed, label)
                 for path, image, label in zip(paths, photos(paths, shape, wish.fit), labels, strict=True))


def labels_in(wish: Repair, generator: Any, spec: CompleteSpec, n: int) -> Sequence[int | None]:
    """The class of each image, or one for all; None where it is unknown."""
    named = tuple(numbers_in(wish.classes))
    named *= n if len(named) == 1 else 1
    if named:
        check_classes(generator, spec, named, n)
    return named or (None,) * n


def space_for(generator: Any, asked: str) -> str:
    """The space of a search: the one that is asked for, or W+, or W, where there is one."""
    if not searchable(generator):
        if asked:
            raise BadInput("conflicting-options", f"The space {asked} is for a search, and the model is none with "
                           "latents to search: leave --space out.")
        return ""
    if asked and asked not in generator.spaces:
        raise BadInput("unknown-latent-space", f"No latent space {asked!r}, only {', '.join(generator.spaces)}.")
    return asked or next((name for name in ("w+", "w") if name in generator.spaces), next(iter(generator.spaces)))


def training_of(model: str, asked: str, workspace: Workspace) -> str:
    """DATA of the images that a model was trained on, as far as they are here: what is asked for, or what its model
    file names; '' where nothing is known, or `none` is asked for."""
    if asked:
        return "" if asked == "none" else asked
    name = data_of(model)
    splits = DATASETS[name].splits if name in DATASETS else {}
    return next((f"{name}:{split}" for split in ("train10k", "train") if split in splits), "")


def data_of(model: str) -> str:
    """The data set that a model file names; '' where it names none."""
    path = zoo_file(model.removeprefix("zoo:"), ZOO) if model.startswith("zoo:") else Path(model)
    return str(about(path).get("data", "")).partition(":")[0]


def by_all(
    show: Show, images: Sequence[Damaged], methods: Sequence[str], wish: Repair, means: Means, spec: CompleteSpec,
    workspace: Workspace,
) -> dict[str, tuple[Restoration, ...]]:
    """Image after image, so that what is finished is of use."""
    steps = sum(budget_of(method) * (wish.n if METHODS[method].random else 1) for method in methods)
    show("steps", 0, len(images) * steps)
    rows = [[restore(image, method, wish.n, means, spec, workspace, wish.seed, lambda n: show("steps", n))
             for method in methods] for image in images]
    return {method: tuple(row[k] for row in rows) for k, method in enumerate(methods)}


def looks(
    model: str, images: Sequence[Damaged], found: Mapping[str, Sequence[Restoration]], shape: tuple[int, int, int],
    workspace: Workspace,
) -> tuple[str, dict[str, float], dict[str, float]]:
    """The extractor's name, the mean distance of each method's images from the whole ones in its features, and the
    share that the judge, where there is one, finds of the same class."""
    whole = [image.truth for image in images if image.truth is not None]
    if not whole:
        return "", {}, {}
    eyes = protocol_of(Question(reference="images")).extractors[0]
    distances = compared(extractor_of(eyes, workspace), "features", whole, found, apart)
    judged = data_of(model) == "fashion-mnist" and shape == (1, 32, 32)
    return eyes, distances, compared(extractor_of("judge", workspace), "logits", whole, found, alike) if judged else {}


def compared(
    extractor: Extractor, array: str, whole: Sequence[np.ndarray], found: Mapping[str, Sequence[Restoration]],
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> dict[str, float]:
    """The mean over images and solutions of a measure (n, d), (n, d) -> (n,)."""
    known = extract(np.stack(whole), extractor)[array]
    means = {}
    for method, results in found.items():
        theirs = extract(np.concatenate([result.images for result in results]), extractor)[array]
        means[method] = float(measure(theirs, known.repeat([len(one.images) for one in results], 0)).mean())
    return means


def apart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - cosine."""
    return 1 - (x * y).sum(1) / np.maximum(np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1), 1e-12)


def alike(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x.argmax(1) == y.argmax(1)
