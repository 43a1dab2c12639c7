"""FreezeD: the lower layers of a critic keep the weights that they begin with.

Mo, Cho & Shin 2020, arXiv:2002.10964: what the layers near the image have learned from many images serves few others as
well, and what is not trained cannot overfit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from types import MethodType

from torch import nn
from torch.nn.modules.batchnorm import _NormBase as StatefulNorm
from torch.nn.modules.dropout import _DropoutNd as Dropout


def freeze_lower(discriminator: nn.Module, share: float) -> None:
    """Freeze so large a share of the layers, rounded to a whole number, from the image on; never the last one.

    Frozen weights and statistics stay as they are to the last bit.  A share of 0 freezes nothing.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share of frozen layers is {share}, expected 0 to 1.")
    layers = layers_of(discriminator)
    for layer in layers[: min(round(share * len(layers)), len(layers) - 1)]:
        for module in layer:
            freeze(module)


def layers_of(network: nn.Module) -> list[list[nn.Module]]:
    """The layers in the order of their execution, each with what has weights and follows it: its normalisation.

    Lists are taken apart, and lists that stand beside each other alternate, as stages and the changes of width between
    them do.  Vectors of classes meet the features at the end: they are no layer, nor is a parameter of the whole.
    """
    layers: list[list[nn.Module]] = []
    for module in in_order(network):
        if isinstance(module, nn.Embedding) or not any(True for _ in module.parameters()):
            continue
        if layers and is_norm(module):
            layers[-1].append(module)
        else:
            layers.append([module])
    return layers


def in_order(network: nn.Module) -> Sequence[nn.Module]:
    children = list(network.children())
    if len(children) == 1 and isinstance(children[0], nn.Sequential):
        return list(children[0])
    ordered: list[nn.Module] = []
    lists: list[nn.ModuleList] = []
    for child in [*children, None]:
        if isinstance(child, nn.ModuleList):
            lists.append(child)
            continue
        ordered += [module for module in chain(*zip_longest(*lists)) if module is not None]
        lists = []
        ordered += [] if child is None else [child]
    return ordered


def is_norm(module: nn.Module) -> bool:
    return isinstance(module, StatefulNorm | nn.GroupNorm | nn.LayerNorm)


def freeze(module: nn.Module) -> None:
    """No weight of it learns, and it normalises with the statistics that it has, whatever mode its network is in."""
    module.requires_grad_(False)
    for part in module.modules():
        if isinstance(part, StatefulNorm | Dropout):
            part.eval()
            part.train = MethodType(resting, part)      # type: ignore[method-assign]  # copied with the module


def resting(module: nn.Module, mode: bool = True) -> nn.Module:
    """In the place of `train`: the mode stays."""
    return module
