"""A training that begins with another model: what its networks take of it, and what a strategy does.

`finetune` learns all weights.  `freezed` keeps the lower half of the critic (arXiv:2002.10964).  `ewc` binds weights to
what they were, by their Fisher information (arXiv:1612.00796, arXiv:2012.02780).  `adapter` learns low-rank additions
of less than 5 % of the weights (arXiv:2106.09685).  `scratch` is the same network with fresh weights.  The model lies
in the training's folder, as start.toml and start.safetensors, and its critic, which only the folder of a training has,
as start-critic.safetensors.  Without that a fresh critic learns alone for the first ALONE steps.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganbench.gan.datasets import DATASETS
from ganbench.gan.files import atomic_write
from ganbench.gan.generators import GENERATORS
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.names import ZOO
from ganbench.gan.models.toml_file import about, read_spec, write_spec
from ganbench.gan.models.weights import examine
from ganbench.gan.training.adapters import add_adapters
from ganbench.gan.training.consolidation import Anchor, fisher
from ganbench.gan.training.freezing import freeze_lower
from ganbench.gan.training.loop import Schedule, read_state
from ganbench.gan.training.losses import Loss
from ganbench.gan.training.matching import Taken, take
from ganbench.gan.types import BadInput, ModelSpec, Workspace

STRATEGIES = ("finetune", "freezed", "ewc", "adapter", "scratch")
WITH_CRITIC = ("freezed", "ewc")                            # of a GAN: they need the critic that the model had
RECIPE = "recipe.toml"
TOML, WEIGHTS, CRITIC = "start.toml", "start.safetensors", "start-critic.safetensors"
FROZEN = 0.5                                                # of a critic's layers, `freezed`
STRENGTH = 0.1                                              # of `ewc`, for a Fisher information whose mean is 1
ALONE = 200                                                 # steps of a fresh critic, at most a fifth of all
SAMPLES = 50                                                # from which that is estimated


def fetched(model: str, family: str, folder: Path, workspace: Workspace, begun: bool) -> ModelSpec:
    """The model that a training begins with, copied into its folder; `model`: MODEL, or the folder of a training.  One
    that has `begun` has it there already."""
    if begun and (folder / TOML).exists():
        return read_spec(folder / TOML)
    (folder / CRITIC).unlink(missing_ok=True)
    spec = resolve(file_of(model), workspace)
    if spec.family != family:
        raise BadInput("conflicting-options",
                       f"The model to begin with, {model}, is "
                       f"{f'of the family {spec.family}' if spec.family else 'made by a factory'}, expected {family}.")
    known, state = examine(spec, workspace.trust_pickle)
    keep(folder / WEIGHTS, state)
    if is_training(Path(model)) and "discriminator" in (parts := read_state(Path(model) / "state.pt")):
        keep(folder / CRITIC, parts["discriminator"])
    text = write_spec(replace(known, weights=WEIGHTS, weights_key="", sha256="", resolution=side_of(known)))
    atomic_write(folder / TOML, lambda path: path.write_text(text, "utf-8"))
    return read_spec(folder / TOML)


def is_training(place: Path) -> bool:
    return place.is_dir() and (place / "state.pt").exists()


def file_of(model: str) -> str:
    """MODEL; of the folder of a training the file of its best snapshot, or of a GAN's last one, whose critic it has."""
    place = Path(model)
    if not is_training(place):
        return model
    critic = "discriminator" in read_state(place / "state.pt", mmap=True)
    for name in ("last.toml",) if critic else ("best.toml", "last.toml"):
        if (place / name).exists():
            return str(place / name)
    raise BadInput("no-such-file",
                   f"{place} is the folder of a training that has not ended, so that it holds no model file: let "
                   f"`ganbench train {place}` end first.")


def learnt_by(model: str) -> str:
    """The data of a model of the zoo, of a model file of a training, or of its folder; '' where they are not known."""
    place = ZOO / f"{model.removeprefix('zoo:')}.toml" if model.startswith("zoo:") else Path(model)
    recipe = place / RECIPE
    known = tomllib.loads(recipe.read_text("utf-8")) if recipe.is_file() else about(Path(file_of(str(place))))
    data = str(known.get("data", ""))
    return f"{data}:train" if data in DATASETS else data


def same_data(model: str, data: str) -> bool:
    """Whether a model has learnt the data, or another part of the same named set, so that classes have its numbers."""
    known = learnt_by(model)
    return bool(known) and (known == data or Path(known).absolute() == Path(data).absolute() or (
        known.partition(":")[0] in DATASETS and known.partition(":")[0] == data.partition(":")[0]))


def side_of(spec: ModelSpec) -> int:
    """Pixels along a side of what the network makes."""
    if "resolution" in spec.arguments:
        return int(spec.arguments["resolution"])
    network: Any = GENERATORS[spec.family].make(**spec.arguments)
    with torch.inference_mode():
        labels = torch.zeros(1, dtype=torch.int64) if network.n_classes else None
        return int(network.eval().sample(network.draws([0], 0), labels).shape[-1])


def keep(path: Path, state: dict[str, Tensor]) -> None:
    atomic_write(path, lambda file: save_file({name: value.contiguous() for name, value in state.items()}, file))


def check_strategy(strategy: str, adversarial: bool, folder: Path) -> None:
    if strategy not in STRATEGIES:
        raise BadInput("unknown-choice",
                       f"The value of --strategy is {strategy!r}, expected one of {', '.join(STRATEGIES)}.")
    if strategy == "freezed" and not adversarial:
        raise BadInput("conflicting-options", "The strategy freezed keeps layers of a critic, and this model has none.")
    if adversarial and strategy in WITH_CRITIC and not (folder / CRITIC).exists():
        raise BadInput("conflicting-options",
                       f"The strategy {strategy} needs the critic that the model was trained with: begin with the "
                       "folder of a training of ganbench, or choose finetune or adapter.")


def taken_of(network: nn.Module, folder: Path, classes: Sequence[int] = ()) -> Taken:
    """Fill a fresh network with what fits of the model."""
    return take(network, load_file(folder / WEIGHTS), classes)


def begin(
    strategy: str, folder: Path, network: nn.Module, critic: nn.Module | None, seed: int, classes: Sequence[int] = ()
) -> None:
    """Networks with fresh weights become those that the strategy begins with."""
    taken_of(network, folder, classes)
    if critic is not None and (folder / CRITIC).exists():
        take(critic, load_file(folder / CRITIC), classes)
    if critic is not None and strategy == "freezed":
        freeze_lower(critic, FROZEN)
    if strategy == "adapter":
        add_adapters(network, seed=seed)


def steps_alone(folder: Path, schedule: Schedule) -> int:
    return 0 if (folder / CRITIC).exists() else min(ALONE, schedule.steps // 5)


# Fisher information, whose mean is set to 1: its scale differs by orders of magnitude between families

def anchored(network: Any, losses: Iterator[Tensor]) -> Anchor:
    """`losses`: -ln p, up to a factor, of one image of the model each."""
    network.eval()                                          # single images have no statistics of a batch
    learned = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    information = fisher(losses, learned)
    network.train()
    mean = sum(float(value.sum()) for value in information.values()) / sum(v.numel() for v in information.values())
    return Anchor(network, {name: value / mean for name, value in information.items()}, STRENGTH)


def adversarial_losses(generator: Any, critic: nn.Module, loss: Loss, random: torch.Generator) -> Iterator[Tensor]:
    """-ln D(G(z)), by the generator's side of its loss."""
    critic.eval()
    device = next(critic.parameters()).device
    for k in range(SAMPLES):
        labels = (torch.tensor([k % generator.n_classes], device=device),) if generator.n_classes else ()
        logits = critic(generator(generator.training_draws(1, random).to(device), *labels), *labels)
        yield loss.generator(torch.zeros_like(logits), logits)
    critic.train()


def likelihood_losses(
    model: Any, loss: Callable[[Tensor, Tensor | None], Tensor]
) -> Iterator[Tensor]:
    """A model's own loss of images that it draws."""
    device, images, labels = next(model.parameters()).device, [], []
    with torch.no_grad():
        for k in range(SAMPLES):
            labels.append(torch.tensor([k % model.n_classes], device=device) if model.n_classes else None)
            images.append(model.sample(model.draws([k], 0).to(device), labels[-1]))
    for image, label in zip(images, labels, strict=True):
        yield loss(image, label)
