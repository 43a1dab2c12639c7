"""The identity of a model, independent of its name and path."""

from __future__ import annotations

from dataclasses import asdict
from inspect import signature
from typing import Any

from ganbench.gan.generators import GENERATORS
from ganbench.gan.types import CompleteSpec, ModelSpec, digest_of
from ganbench.gan.usercode import bare, factory_digest

IMAGES = "images"                                           # the family of images on disk
MIXTURE = "mixture"                                         # and of mixtures
REJECTION = "rejection"                                     # and of models whose images are chosen
PARTS = {MIXTURE: ("models", "shares"), REJECTION: ("model", "ratio", "extractor", "attempts")}     # in the sha256
UNSET = ("resize", "pad", "crop", "class_shares", "preprocessing")  # no part of what a model is where they say nothing
PATHS = {"prompts"}                                         # arguments that are files, whose content is in the sha256


def identity(spec: ModelSpec) -> str:
    """The model's identity, for keys: a digest over everything that determines its images, including a factory's file.

    A complete spec's sha256 covers the weights, or the other files that the family is opened from.  Names, paths and
    fields that are only checked are left out, and so are arguments with default values.
    """
    if not isinstance(spec, CompleteSpec) or not (spec.sha256 or (spec.factory and not spec.weights)):
        raise ValueError(f"{spec.name} is not complete, so it has no identity: see `ganbench.gan.models.openers`.")
    facts = asdict(spec)
    checked = ["resolution"] if spec.layout == "NC" else ["resolution", "channels"]         # channels of flat images
    ignored = ["n_classes", "latent_shape"] if spec.family in GENERATORS else []            # families know their own
    for name in ["name", "weights", *checked, *ignored]:
        del facts[name]
    for name in UNSET:
        if not facts[name]:
            del facts[name]
    facts["arguments"] = deciding(spec)
    if spec.factory:
        facts["factory"] = bare(spec.factory)
        facts["source"] = factory_digest(spec.factory)
    return digest_of(facts)


def deciding(spec: ModelSpec) -> dict[str, Any]:
    """The arguments that are neither a family's defaults nor in the sha256 already."""
    known = signature(GENERATORS[spec.family].make).parameters if spec.family in GENERATORS else {}
    defaults = {name: parameter.default for name, parameter in known.items()}
    left_out = {*PATHS, *PARTS.get(spec.family, ())}
    return {name: value for name, value in spec.arguments.items()
            if name not in left_out and not (name in defaults and value == defaults[name])}
