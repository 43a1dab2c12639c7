"""OPENERS: families that are opened in place.  `complete` completes any spec, `opened` builds its generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ganbench.gan.datasets import reader_of
from ganbench.gan.features.extract import extractor_of, module_of
from ganbench.gan.features.passing import extract
from ganbench.gan.files import checked_digest
from ganbench.gan.generators import GENERATORS, export, imagegpt, pickled, pipeline
from ganbench.gan.generators import factory as factories
from ganbench.gan.generators.base import Generator
from ganbench.gan.generators.images import ImagesOnDisk
from ganbench.gan.generators.mixture import Mixture, checked_shares
from ganbench.gan.generators.rejection import Rejection, checked_settings, load_ratio
from ganbench.gan.models import building, hub
from ganbench.gan.models.building import filled
from ganbench.gan.models.identity import IMAGES, MIXTURE, REJECTION, identity
from ganbench.gan.models.images import completed_images, open_images
from ganbench.gan.models.names import check_name, named
from ganbench.gan.models.preprocessed import plain, with_preprocessing
from ganbench.gan.models.weights import examine, make_family
from ganbench.gan.types import BadInput, CompleteSpec, ModelSpec, Workspace, digest_of


def complete(spec: ModelSpec, workspace: Workspace) -> CompleteSpec:
    """Read the files of a spec, and fill in what they imply: the sha256, the arguments, the path of the weights.

    Specs of the same model then have the same identity.  Refuses unusable files; no factory is imported, and no code of
    a file is run.
    """
    check_name(spec)
    if spec.family and spec.family not in {**GENERATORS, **OPENERS}:
        raise BadInput("unknown-family",
                       f"No family {spec.family!r}. Known: {', '.join(sorted([*GENERATORS, *OPENERS]))}.")
    opener = OPENERS.get(spec.family)
    found = opener.look(spec, workspace) if opener else examine(spec, workspace.trust_pickle)[0]
    return CompleteSpec(**vars(found))


def opened(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The model on the workspace's device, in eval mode, its weights checked and frozen."""
    if spec.family in OPENERS:
        return agreed(OPENERS[spec.family].open(spec, workspace), spec)
    spec, state = examine(spec, workspace.trust_pickle)
    made = factories.make(spec) if spec.factory else make_family(spec.family, spec.arguments, spec.latent)
    return agreed(factories.wrap(filled(made, state, spec, workspace.device), spec), spec)


def makers(spec: ModelSpec, workspace: Workspace) -> tuple[str, ...]:
    """The modules that make a model's images, for the keys of its samples; a factory's file is in its identity."""
    if spec.family in OPENERS:
        return OPENERS[spec.family].makers(spec, workspace)
    made = GENERATORS[spec.family].make if spec.family else factories.wrap
    return (building.__name__, made.__module__)


def agreed(generator: Any, spec: ModelSpec) -> Generator:
    """The generator, if it and the spec declare the same range."""
    if tuple(generator.output_range) != tuple(spec.output_range):
        raise BadInput("unequal-ranges",
                       f"{spec.name}: output_range is {list(spec.output_range)}, but the model itself declares "
                       f"{list(generator.output_range)}.")
    if spec.class_shares:
        generator.class_shares = checked_class_shares(generator, spec)
    if isinstance(generator, nn.Module):
        generator.eval()
    found: Generator = generator
    return found


def checked_class_shares(generator: Any, spec: ModelSpec) -> tuple[float, ...]:
    if len(spec.class_shares) != generator.n_classes:
        raise BadInput("labels-do-not-fit",
                       f"{spec.name} has {generator.n_classes} classes, but class_shares gives "
                       f"{len(spec.class_shares)} numbers; expected one for each class.")
    return spec.class_shares


# Models that are made of others

def look_at_mixture(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Resolve the models of a mixture; its sha256 stands for what they are and for their shares."""
    models, shares = checked_shares(spec.arguments)
    parts = [complete(named(model), workspace) for model in models]
    for part in parts:
        if part.family == MIXTURE:
            raise BadInput("nested-models",
                           f"{spec.name} is a mixture of mixtures: name the models of {part.name} themselves.")
    total = sum(shares)
    digest = digest_of([[identity(part), share / total] for part, share in zip(parts, shares, strict=True)])
    if spec.sha256 not in ("", digest):
        raise BadInput("changed-content",
                       f"{spec.name}: the models of the mixture are others than they were, by their sha256.")
    first = plain(parts[0])
    return replace(
        spec, sha256=digest, channels=spec.channels or first.channels, latent="none",
        resolution=spec.resolution or first.resolution, output_range=first.output_range,
    )


def open_mixture(spec: ModelSpec, workspace: Workspace) -> Mixture:
    models, shares = checked_shares(spec.arguments)
    return Mixture([opened_as_part(complete(named(model), workspace), workspace) for model in models], shares)


def opened_as_part(spec: ModelSpec, workspace: Workspace) -> Generator:
    """The generator, with what its model file does to its images."""
    return with_preprocessing(opened(spec, workspace), spec)


def makers_of_mixture(spec: ModelSpec, workspace: Workspace) -> tuple[str, ...]:
    inner = [makers(named(model), workspace) for model in checked_shares(spec.arguments)[0]]
    return (Mixture.__module__, with_preprocessing.__module__, *(module for modules in inner for module in modules))


def look_at_rejection(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Resolve the model that is chosen from; its sha256 stands for that, for the file of the ratio and for attempts."""
    settings = checked_settings(spec.arguments)
    inner = complete(named(settings.model), workspace)
    if inner.family in (IMAGES, REJECTION):
        what = "images on disk, which cannot be drawn again" if inner.family == IMAGES else "itself a rejection"
        raise BadInput("nested-models", f"{spec.name} rejects images of {inner.name}, which is {what}.")
    load_ratio(Path(settings.ratio))
    digest = digest_of([identity(inner), checked_digest(Path(settings.ratio)), settings.attempts])
    if spec.sha256 not in ("", digest):
        raise BadInput("changed-content",
                       f"{spec.name}: the model, the ratio or the attempts are others than they were, by their sha256.")
    seen = plain(inner)
    return replace(
        spec, sha256=digest, channels=seen.channels, resolution=seen.resolution, layout=seen.layout, latent="none",
        n_classes=seen.n_classes, output_range=seen.output_range,
    )


def open_rejection(spec: ModelSpec, workspace: Workspace) -> Rejection:
    settings = checked_settings(spec.arguments)
    inner = complete(named(settings.model), workspace)
    ratio, extractor = load_ratio(Path(settings.ratio)), extractor_of(settings.extractor, workspace)
    if ratio.extractor != extractor.digest:
        raise BadInput("unequal-features",
                       f"The density ratio was fitted on features of another extractor than {extractor.name}, or on "
                       "other weights.")

    def features(images: np.ndarray) -> np.ndarray:
        return extract(images, extractor)["features"]

    return Rejection(opened_as_part(inner, workspace), plain(inner), ratio, features, settings.attempts)


def makers_of_rejection(spec: ModelSpec, workspace: Workspace) -> tuple[str, ...]:
    settings = checked_settings(spec.arguments)
    judging = module_of(extractor_of(settings.extractor, workspace))
    own = (Rejection.__module__, with_preprocessing.__module__, extract.__module__)
    return (*own, judging, *makers(named(settings.model), workspace))


# The table

@dataclass(frozen=True)
class Opener:
    """A family that is opened in place; all others are networks that load a state dict."""

    look: Callable[[ModelSpec, Workspace], ModelSpec]       # refuse the unusable; note digest and shape; run nothing
    open: Callable[[ModelSpec, Workspace], Generator]
    makers: Callable[[ModelSpec, Workspace], tuple[str, ...]]       # see `makers`
    what: str                                               # what it opens, for people
    computes: bool = True                                   # False: the images are there already
    libraries: tuple[str, ...] = ()                         # beside torch, whose versions decide the pixels


OPENERS = {
    IMAGES: Opener(
        completed_images, open_images, lambda spec, _: (ImagesOnDisk.__module__, reader_of(spec.weights)),
        "images on disk: a folder, .zip, .npz, .npy, .parquet or named data set", computes=False,
    ),
    "export": Opener(
        lambda spec, _: export.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: export.open_program(spec, hub.place(spec.weights), workspace.device),
        lambda *_: (export.__name__,),
        "a program of torch.export (.pt2)",
    ),
    "pipeline": Opener(
        lambda spec, _: pipeline.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: pipeline.open_pipeline(spec, hub.place(spec.weights), workspace.device),
        lambda *_: (pipeline.__name__,),
        "a pipeline of diffusers: a folder or hf:ORG/REPO@REVISION", libraries=("diffusers", "transformers"),
    ),
    "imagegpt": Opener(
        lambda spec, _: imagegpt.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: imagegpt.open_imagegpt(spec, hub.place(spec.weights), workspace.device,
                                                       workspace.trust_pickle),
        lambda *_: (imagegpt.__name__,),
        "ImageGPT of transformers: a folder or hf:ORG/REPO@REVISION", libraries=("transformers",),
    ),
    MIXTURE: Opener(
        look_at_mixture, open_mixture, makers_of_mixture,
        "a mixture of models by shares, in a model file", libraries=("diffusers", "transformers", "onnxruntime"),
    ),
    REJECTION: Opener(
        look_at_rejection, open_rejection, makers_of_rejection,
        "rejection sampling from a model with a density ratio, in a model file",
        libraries=("diffusers", "transformers", "onnxruntime"),
    ),
    "pickled": Opener(
        lambda spec, workspace: pickled.look(spec, hub.place(spec.weights), workspace.trust_pickle),
        lambda spec, workspace: pickled.open_pickled(spec, hub.place(spec.weights), workspace.device,
                                                     workspace.trust_pickle),
        lambda *_: (pickled.__name__,),
        "a pickled module or TorchScript, with --trust-pickle",
    ),
}
