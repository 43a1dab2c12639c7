"""What a recipe is, and the networks and tasks that it begins with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ganbench.gan.features.judge import Judge
from ganbench.gan.generators import GENERATORS, dcgan, r3gan, stylegan2, transformer, wgan_gp
from ganbench.gan.recipes import transfer
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.classifier import Classifier
from ganbench.gan.training.consolidation import Anchor
from ganbench.gan.training.denoising import LOSSES as DENOISING
from ganbench.gan.training.denoising import Denoising
from ganbench.gan.training.loop import PLAIN, Hardware, Schedule, Task, random_at
from ganbench.gan.training.losses import LOSSES
from ganbench.gan.training.tokens import PatchCritic, Tokenizing, Writing, masked_tokens, next_tokens
from ganbench.gan.types import BadInput


@dataclass(frozen=True)
class Recipe:
    """What is trained on which data for how long; `snapshots` are the steps at which weights are kept."""

    make: Callable[[Recipe, Path], Task]                    # fresh networks; the folder holds what it is `after`
    data: str
    schedule: Schedule
    ships: str = "ema"                                      # the part of the task whose weights are the model
    family: str = ""                                        # a row of GENERATORS, or empty for a part of a model
    arguments: Mapping[str, Any] = field(default_factory=dict)      # of the family
    settings: Mapping[str, Any] = field(default_factory=dict)       # of the task
    after: str = ""                                         # another recipe, whose model this one begins with
    first: int = 0                                          # images before this one are left out
    snapshots: tuple[int, ...] = ()
    expected: str = ""                                      # what the last snapshot scores, and under which protocol
    hardware: Hardware = PLAIN
    strategy: str = ""                                      # how it learns on from the model in its folder; '': anew
    begun_as: tuple[int, ...] = ()                          # the class of that model which each of its classes was


CRITICS = {                                                 # of each adversarial family
    "dcgan": dcgan.Discriminator, "wgan-gp": wgan_gp.Critic, "r3gan": r3gan.Discriminator,
    "stylegan2": stylegan2.Discriminator,
}


def loss_of(recipe: Recipe) -> str:
    """The adversarial loss of a recipe; '' of one without a critic."""
    return str(recipe.settings.get("loss", "non-saturating")) if recipe.family in CRITICS else ""


def make_gan(recipe: Recipe, folder: Path) -> Task:
    """Both networks drawn from one source, the generator first; the critic takes those arguments that it has."""
    random = torch.Generator().manual_seed(recipe.schedule.seed)
    make, critic = GENERATORS[recipe.family].make, CRITICS[recipe.family]
    shared = {name: value for name, value in recipe.arguments.items() if name in signature(critic).parameters}
    with torch.random.fork_rng(devices=[]):
        networks: tuple[Any, Any] = make(**recipe.arguments), critic(**shared)
    for network in networks:                                # weights are drawn in the order of memory, so first
        sys.modules[make.__module__].initialise(network, random)
        network.to(recipe.hardware.device, memory_format=torch.channels_last)
    anchor = begun(recipe, folder, *networks, losses=lambda: transfer.adversarial_losses(
        *networks, LOSSES[loss_of(recipe)], random_at(recipe.schedule.seed, 0)))
    alone = {"alone": transfer.steps_alone(folder, recipe.schedule)} if recipe.strategy else {}
    return Adversarial(*networks, recipe.schedule, anchor=anchor, **{**alone, **recipe.settings})


def begun(
    recipe: Recipe, folder: Path, network: Any, critic: Any, losses: Callable[[], Iterator[Tensor]]
) -> Anchor | None:
    """Fresh networks begin with the model in the folder, as the strategy wants; `losses` of its images, for `ewc`."""
    if not recipe.strategy:
        return None
    transfer.begin(recipe.strategy, folder, network, critic, recipe.schedule.seed, recipe.begun_as)
    return transfer.anchored(network, losses()) if recipe.strategy == "ewc" else None


def make_judge(recipe: Recipe, folder: Path) -> Task:
    return Classifier(seeded(Judge, recipe).to(memory_format=torch.channels_last), recipe.schedule)


def make_diffusion(recipe: Recipe, folder: Path) -> Task:
    network = seeded(GENERATORS[recipe.family].make, recipe)
    process, random = DENOISING[network.process], random_at(recipe.schedule.seed, 0)
    anchor = begun(recipe, folder, network, None, losses=lambda: transfer.likelihood_losses(
        network, lambda image, label: process(lambda x, time: network(x, time, label), image, random)))
    return Denoising(network, recipe.schedule, network.process, hardware=recipe.hardware, anchor=anchor,
                     **recipe.settings)


def make_tokenizer(recipe: Recipe, folder: Path) -> Task:
    tokenizer = seeded(transformer.Tokenizer, recipe)
    critic = seeded(PatchCritic, recipe, channels=recipe.arguments.get("channels", 1))
    return Tokenizing(tokenizer, critic, recipe.schedule, **recipe.settings)


def make_writer(recipe: Recipe, folder: Path) -> Task:
    masked = recipe.family == "maskgit"
    model = seeded(transformer.MaskGIT if masked else transformer.GPT, recipe)
    transformer.initialise(model, torch.Generator().manual_seed(recipe.schedule.seed))
    if not recipe.strategy:                                 # another model has its tokenizer
        model.tokenizer.load_state_dict(load_file(newest_snapshot(folder / recipe.after)))
    loss, random = masked_tokens if masked else next_tokens, random_at(recipe.schedule.seed, 0)

    def losses() -> Iterator[Tensor]:
        model.tokenizer.requires_grad_(False)
        return transfer.likelihood_losses(
            model, lambda image, label: loss(model, model.tokenizer.encode(image), label, random))

    anchor = begun(recipe, folder, model, None, losses)
    return Writing(model, recipe.schedule, masked, hardware=recipe.hardware, anchor=anchor, **recipe.settings)


def newest_snapshot(folder: Path) -> Path:
    """The weights of the last step that a training has kept."""
    found = snapshots_in(folder)
    if not found:
        raise BadInput("no-such-file", f"{folder} holds no snapshot of a training (step-<n>.safetensors).")
    return found[max(found)]


def snapshots_in(folder: Path) -> dict[int, Path]:
    """The snapshots of a training by step, in their order."""
    found = {int(path.stem.removeprefix("step-")): path for path in folder.glob("step-*.safetensors")}
    return dict(sorted(found.items()))


def seeded(make: Callable[..., Any], recipe: Recipe, **arguments: Any) -> Any:
    """A network whose first weights follow from the recipe's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.schedule.seed)
        return make(**(arguments or recipe.arguments)).to(recipe.hardware.device)
