"""Begin from other weights: what fits a network is copied, what nearly fits is re-made.

Re-made are, where only the number of classes or of colours differs:

- vectors of classes: those of chosen classes are taken; without a choice each becomes the mean of the source's, so that
  all classes begin alike; the vector for no class, which diffusion models have, stays
- a first linear layer that reads classes beside the latent: columns for them are 0, or are left out
- the layers that read and write pixels, between 1 and 3 channels: grey images are read as before, and each colour is
  written as grey was; a grey pixel is written as the mean of the colours
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganbench.gan.generators import stylegan2, wgan_gp
from ganbench.gan.types import BadInput

LEAST = 0.5                                                 # of a network's parameters
NULLED = ("class_embedding.weight", "embedding_table.weight")   # vectors of classes, and last that of no class
TABLE = "embedding_table.weight"                            # of a DiT
CLASSES = ("classes.weight", *NULLED)
BESIDE = ("latent.weight", "mapping.layers.0.weight")       # read a latent and, behind it, a vector of the class


@dataclass(frozen=True)
class Taken:
    """What a network has of other weights: numbers of elements by the names of tensors, buffers included."""

    kept: Mapping[str, int]                                 # as they are
    remade: Mapping[str, int]                               # for another number of classes or colours
    fresh: Mapping[str, int]                                # of the network, which the source has not
    unused: Mapping[str, int]                               # of the source
    parameters: frozenset[str]                              # which of the network's are no buffers

    @property
    def share(self) -> float:
        """Of the network's parameters, those taken or re-made."""
        found, missing = (sum(count for name, count in names.items() if name in self.parameters)
                          for names in ({**self.kept, **self.remade}, self.fresh))
        return found / max(found + missing, 1)


@torch.no_grad()
def take(network: nn.Module, state: Mapping[str, Tensor], classes: Sequence[int] = ()) -> Taken:
    """Copy into a fresh network what fits of another one's state; BadInput, and no change, where that is too little.

    `classes`: which class of the source each of the network's begins as.
    """
    own = network.state_dict()
    state = without_class(state, own)
    fitting = {name: state[name] for name, value in own.items() if name in state and state[name].shape == value.shape
               and not (classes and is_table(network, name))}
    remade = {name: new for name in own.keys() & state.keys() - fitting.keys()
              if (new := remake(network, name, own[name], state[name].float(), classes)) is not None}
    taken = Taken(
        counts(fitting), counts({name: remade[name] for name in own if name in remade}),
        counts({name: own[name] for name in own if name not in fitting and name not in remade}),
        counts({name: state[name] for name in state if name not in fitting and name not in remade}),
        frozenset(name for name, _ in network.named_parameters()))
    if taken.share < LEAST:
        raise BadInput("too-little-fits",
                       f"The weights to begin from fit {taken.share:.0%} of the network's parameters, expected at "
                       f"least {LEAST:.0%}: begin from a model of the same family and of the same widths.")
    for name, value in (fitting | remade).items():
        own[name].copy_(value)
    for name in taken.fresh:
        if name.endswith(NULLED):                           # added to what the network knows of time
            own[name].zero_()
    return taken


UNET_CLASSES, UNET_TIME = "network.class_embedding.weight", "network.time_embedding.linear_2.bias"


def without_class(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Of a U-Net with classes, for one without: its vector for no class, which was added to that of the time, becomes
    part of that one's bias."""
    if UNET_CLASSES not in state or UNET_CLASSES in own or UNET_TIME not in state:
        return state
    left = {name: value for name, value in state.items() if name != UNET_CLASSES}
    return left | {UNET_TIME: state[UNET_TIME] + state[UNET_CLASSES][-1]}


def counts(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    return {name: value.numel() for name, value in tensors.items()}


def is_table(network: nn.Module, name: str) -> bool:
    """Whether the rows of a tensor belong to classes."""
    return name.endswith(CLASSES) or isinstance(network.get_submodule(name.rpartition(".")[0]), wgan_gp.Norm)


def remake(
    network: nn.Module, name: str, own: Tensor, source: Tensor, classes: Sequence[int] = ()
) -> Tensor | None:
    """The source's tensor in the network's shape; None where there is no way."""
    if own.ndim != source.ndim:
        return None
    owner = network.get_submodule(name.rpartition(".")[0])
    differing = [k for k, (a, b) in enumerate(zip(own.shape, source.shape, strict=True)) if a != b]
    if classes and differing in ([], [0]) and is_table(network, name):
        chosen = list(classes) + [len(source) - 1] * name.endswith(NULLED)
        return source[chosen] if len(chosen) == len(own) else None
    if len(differing) != 1:
        return None
    if differing == [0] and is_table(network, name):
        if name.endswith(TABLE) and 2 in (len(own), len(source)):
            return of_one_class(source, len(own))
        return of_classes(source, len(own), null=name.endswith(NULLED))
    if differing == [1] and name.endswith(BESIDE):
        return beside(own, source, equalised=isinstance(owner, stylegan2.Linear))
    return of_colours(owner, own, source, differing[0], int(getattr(network, "patch", 1)) ** 2)


def of_classes(source: Tensor, rows: int, null: bool) -> Tensor:
    """(k, ...) -> (rows, ...): the mean of the rows; of those for classes, if the last one is for none."""
    known = source[:-1] if null else source
    made = known.mean(0, keepdim=True).expand(rows - null, *known.shape[1:])
    return torch.cat([made, source[-1:]]) if null else made


def of_one_class(source: Tensor, rows: int) -> Tensor:
    """A DiT without classes has one, and a row for none that is not used: the one becomes all, or what none was."""
    if len(source) == 2:
        return source[:1].expand(rows, *source.shape[1:])
    return source[-1:].expand(rows, *source.shape[1:])


def beside(own: Tensor, source: Tensor, equalised: bool) -> Tensor | None:
    """(o, z) <-> (o, 2 z): as many inputs for the class as for the latent; an equalised layer divides by their root."""
    ratio = own.shape[1] / source.shape[1]
    if ratio not in (2, 0.5):
        return None
    shared = source[:, : min(own.shape[1], source.shape[1])] * (math.sqrt(ratio) if equalised else 1)
    return torch.cat([shared, torch.zeros_like(shared)], 1) if ratio == 2 else shared


def of_colours(owner: nn.Module, own: Tensor, source: Tensor, axis: int, patch: int) -> Tensor | None:
    """The axis of pixels, c * patch numbers with the channels c outermost (pixel shuffle), between c of 1 and 3.

    Where pixels are read, so that a grey image gives the same: x W = x (W / 3) + x (W / 3) + x (W / 3).
    """
    before, after = source.shape[axis], own.shape[axis]
    if (before, after) not in ((patch, 3 * patch), (3 * patch, patch)):
        return None
    written = axis == (1 if isinstance(owner, nn.ConvTranspose2d) else 0)
    colours = source.unflatten(axis, (-1, patch))
    grey = colours.mean(axis, keepdim=True) if written else colours.sum(axis, keepdim=True)
    made = grey if after == patch else grey.expand(*grey.shape[:axis], 3, *grey.shape[axis + 1 :])
    if not written:
        made = made / (after // patch)
        if isinstance(owner, stylegan2.Convolution | stylegan2.Linear):     # equalised: divided by the root of inputs
            made = made * math.sqrt(after / before)
    return made.flatten(axis, axis + 1)
