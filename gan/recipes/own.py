"""DESIGNS: how networks and schedule follow from a user's images and hardware.

Schedules, losses and their weights are those of the shipped recipe of the same kind.  What follows from the images:

- resolution and classes: theirs; a GAN and a flow have a stage for every doubling from 4 pixels on
- batch: 64, at most a quarter of the images, at least 8; half of it from 128 pixels on where there is no GPU
- zero-centred penalties: gamma grows with the resolution r as (r / 32)^1.7: .3 at 32, 1 at 64, 3 at 128, 10 at 256
- DiffAugment: below 5,000 images
- widths: doubled on a GPU from 10,000 images on
- bfloat16 products in forward passes: diffusion models and transformers on a GPU
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ganbench.gan.question import Training
from ganbench.gan.recipes import RECIPES, Recipe
from ganbench.gan.recipes.recipe import CRITICS, make_tokenizer
from ganbench.gan.recipes.training_set import TrainingSet
from ganbench.gan.training import several
from ganbench.gan.training.loop import PARTS, Hardware, Schedule
from ganbench.gan.types import BadInput, ModelSpec

FEW = 5_000                                                 # images, below which the critic sees them changed
MANY = 10_000                                               # from which on networks are wider on a GPU
POLICY = "color,translation,cutout"
AUGMENTATIONS = ("none", "diffaugment", "ada")
TOKENIZER = "tokenizer"
ENDLESS = 10**9                                             # steps, where time is the limit
UNITS = {"h": 3_600, "m": 60, "min": 60, "s": 1}


@dataclass(frozen=True)
class Design:
    """A kind of model that can be trained on any images."""

    like: str                                               # a shipped recipe
    arguments: Callable[[TrainingSet, int], dict[str, Any]]    # of the family, for images and a factor of width
    what: str
    family: str = ""                                        # if not the shipped one's
    classes: bool = True                                    # it can be conditional


def doublings(side: int, patch: int) -> int:
    """From 4 pixels to the side, which patches make."""
    return (side // 4 // patch).bit_length() - 1


def patch_of(side: int) -> int:
    return 4 if side > 128 else 2


def dcgan(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    return {"z_dim": 100, "width": 32 * wide, "resolution": training_set.side, "channels": training_set.channels}


def wgan_gp(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    patch = patch_of(training_set.side)
    stages = 1 + doublings(training_set.side, patch)
    widths = [min(32 * 2**k, 256) * wide for k in reversed(range(stages))]
    return {"widths": widths, "channels": training_set.channels, "patch": patch}


def r3gan(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    patch = patch_of(training_set.side)
    later = [min(32 * 2**k, 256) * wide for k in reversed(range(doublings(training_set.side, patch)))]
    later = [128 * wide, 64 * wide] if training_set.side == 32 else later
    return {"widths": [384 * wide, *later], "channels": training_set.channels, "patch": patch}


def stylegan2(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    stages = 1 + doublings(training_set.side, 1)
    return {"widths": [min(16 * 2**k, 128) * wide for k in reversed(range(stages))], "channels": training_set.channels,
            "noise": "none"}


def diffusion(process: str, sampler: str, steps: int) -> Callable[[TrainingSet, int], dict[str, Any]]:
    def arguments(training_set: TrainingSet, wide: int) -> dict[str, Any]:
        patch, deep = 4 if training_set.side > 64 else 2, training_set.side > 32
        return {"resolution": training_set.side, "channels": training_set.channels, "patch": patch,
                "widths": [32 * wide, 64 * wide, *[64 * wide] * deep], "process": process, "sampler": sampler,
                "steps": steps}
    return arguments


def dit(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    return {"resolution": training_set.side, "channels": training_set.channels,
            "patch": max(4, training_set.side // 16), "width": 128 * wide}


def tokens(training_set: TrainingSet, wide: int) -> dict[str, Any]:
    return {"resolution": training_set.side, "channels": training_set.channels, "grid": min(training_set.side // 4, 16),
            "width": 96 * wide}


DESIGNS = {
    "dcgan": Design("dcgan-fashion-mnist", dcgan, "GAN of transposed convolutions", classes=False),
    "wgan-gp": Design("wgan-gp-fashion-mnist", wgan_gp, "GAN with a Wasserstein critic and a gradient penalty"),
    "r3gan": Design("r3gan-fashion-mnist", r3gan, "GAN with a relativistic loss, without normalisation"),
    "stylegan2": Design("stylegan2-fashion-mnist", stylegan2, "GAN with a mapping network"),
    "flow": Design("flow-fashion-mnist", diffusion("flow", "euler", 10), "flow matching on a U-Net"),
    "ddpm": Design("flow-fashion-mnist", diffusion("ddpm", "ddim", 20), "diffusion that predicts noise, on a U-Net"),
    "edm": Design("flow-fashion-mnist", diffusion("edm", "edm-dpm-solver++", 10), "preconditioned diffusion, U-Net"),
    "dit": Design("flow-fashion-mnist", dit, "flow matching on a transformer", family="dit"),
    "gpt": Design("gpt-fashion-mnist", tokens, "transformer over VQ tokens, one after the other"),
    "maskgit": Design("maskgit-fashion-mnist", tokens, "transformer over VQ tokens, in parallel"),
}


@dataclass(frozen=True)
class Overrides:
    """What a recipe file says instead of the rule."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def designed(
    name: str, asked: Training, training_set: TrainingSet, device: str, overrides: Overrides | None = None,
    source: ModelSpec | None = None, same_data: bool = False,
) -> list[Recipe]:
    """The recipes of a design, the last one the model's; before it, the tokenizer's, if there is one.  `source`: the
    model that it begins with, whose widths it has where it is of the same size; also of fresh weights (`scratch`);
    `same_data`: which has learnt all classes of these data."""
    design, overrides = DESIGNS[name], overrides or Overrides()
    like = RECIPES[design.like]
    strategy = (asked.strategy or "finetune") if source and asked.strategy != "scratch" else ""
    family, after = design.family or like.family, "" if strategy or not like.after else TOKENIZER
    hardware = hardware_for(family, asked, device)
    wide = 2 if training_set.n >= MANY and torch.device(device).type == "cuda" else 1
    taught = int(source.arguments.get("n_classes", 0)) if source else 0
    labelled = design.classes and len(training_set.classes) > (not taught)      # one class needs no conditional model
    arguments = design.arguments(training_set, wide) | of_source(source, training_set)
    arguments |= {"n_classes": len(training_set.classes) if labelled else 0} if design.classes else {}
    schedule = scheduled(like.schedule, asked, training_set, device, halved=bool(after))
    settings = settings_for(like, asked, training_set, schedule)
    recipe = replace(
        like, data=training_set.data, family=family, arguments={**arguments, **overrides.arguments}, first=0,
        schedule=replace(schedule, **overrides.schedule), settings={**settings, **overrides.settings}, expected="",
        hardware=hardware, after=after, strategy=strategy,
        begun_as=training_set.numbers if labelled and strategy and same_data and taught == training_set.known else ())
    recipe = replace(recipe, snapshots=spaced(recipe.schedule))
    return [*([tokenizer(recipe, RECIPES[like.after])] if after else []), recipe]


def of_source(source: ModelSpec | None, training_set: TrainingSet) -> dict[str, Any]:
    """Its arguments but for the number of colours, if it makes images of the networks' size."""
    if source is None or source.resolution != training_set.side:
        return {}
    own = {name: value for name, value in source.arguments.items() if name != "channels"}
    return own | {"channels": training_set.channels}


def tokenizer(recipe: Recipe, like: Recipe) -> Recipe:
    """Of a transformer: the same images and half of the time, or as many steps, up to its own."""
    arguments = {name: recipe.arguments[name] for name in ("resolution", "channels", "grid")}
    steps = recipe.schedule.steps if recipe.schedule.seconds else min(recipe.schedule.steps, like.schedule.steps)
    schedule = replace(like.schedule, steps=steps, seconds=recipe.schedule.seconds, batch=recipe.schedule.batch,
                       seed=recipe.schedule.seed, keep_every=recipe.schedule.keep_every)
    settings = {} if recipe.schedule.seconds else {"alone": min(2_000, steps // 4)}
    return replace(like, make=make_tokenizer, data=recipe.data, arguments=arguments, schedule=schedule,
                   settings=settings, snapshots=(steps,), hardware=replace(recipe.hardware, precision="float32"))


def scheduled(like: Schedule, asked: Training, training_set: TrainingSet, device: str, halved: bool) -> Schedule:
    seconds, steps = limits(asked.budget, like.steps)
    if asked.batch > training_set.n:
        raise BadInput("unfit-value",
                       f"The value of --batch is {asked.batch}, expected at most {training_set.n:,}, the number of "
                       "images that are learnt from.")
    several.check_batch(asked.batch or batch_for(training_set, device))
    return replace(like, steps=steps, seconds=seconds / 2 if halved else seconds, seed=asked.seed, keep_every=100,
                   batch=asked.batch or batch_for(training_set, device))


def limits(budget: str, steps: int) -> tuple[float, int]:
    """`2h`, `30m`, `90s` or a number of steps -> seconds (0: no limit) and steps."""
    if not budget:
        return 0.0, steps
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(h|m|min|s)?", budget.strip().lower())
    number = float(found[1]) if found else 0.0
    if not found or number <= 0 or (not found[2] and not number.is_integer()):
        raise BadInput("unfit-value",
                       f"The value of --budget is {budget!r}, expected a time such as 2h, 30m or 90s, or a number of "
                       "steps.")
    return (number * UNITS[found[2]], ENDLESS) if found[2] else (0.0, int(number))


def batch_for(training_set: TrainingSet, device: str) -> int:
    most = 32 if training_set.side >= 128 and torch.device(device).type == "cpu" else 64
    fitting = max(training_set.n // 4, 1)
    return min(most, max(8, 2 ** (fitting.bit_length() - 1)), training_set.n)


def settings_for(
    like: Recipe, asked: Training, training_set: TrainingSet, schedule: Schedule
) -> dict[str, Any]:
    settings = dict(like.settings)
    if "r1" in settings:
        gamma = round(0.3 * (training_set.side / 32) ** 1.7, 2)
        settings |= {"r1": gamma, "r2": gamma}
    if like.family in CRITICS:
        settings |= augmentation_for(asked.augment, training_set)
    elif not schedule.seconds:
        settings["warm_up"] = max(1, min(500, schedule.steps // 10))
    return settings


def augmentation_for(augment: str, training_set: TrainingSet) -> dict[str, Any]:
    if augment not in ("", *AUGMENTATIONS):
        raise BadInput("unknown-choice",
                       f"The value of --augment is {augment!r}, expected one of {', '.join(AUGMENTATIONS)}.")
    chosen = augment or ("diffaugment" if training_set.n < FEW else "none")
    if chosen == "none":
        return {}
    return {"augment": POLICY} | ({"adaptive": True} if chosen == "ada" else {})


def spaced(schedule: Schedule) -> tuple[int, ...]:
    """Ten snapshots of a number of steps; of a time, `fit` says when."""
    if schedule.seconds:
        return ()
    return tuple(sorted({max(1, schedule.steps * k // PARTS) for k in range(1, PARTS + 1)}))


def hardware_for(family: str, asked: Training, device: str) -> Hardware:
    on_gpu = torch.device(device).type == "cuda"
    mixed = on_gpu and family in ("diffusion", "dit", "gpt", "maskgit")
    threads = asked.threads or max(1, (os.cpu_count() or 1) // several.size())
    return Hardware(device, threads, "bfloat16" if mixed else "float32", several.size())
