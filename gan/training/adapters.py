"""Low-rank adapters: a network learns by a few new weights, its own stay as they are.

LoRA (Hu et al. 2021, arXiv:2106.09685, section 4.1): W + scale B A in the place of every weight W (o, ...), flattened
to a matrix (o, k), with B (o, r), A (r, k), and scale = alpha / r in their notation.  For `Conv2d` B A is a convolution
with the layer's kernel into r channels and a 1x1 convolution of these; for `ConvTranspose2d`, whose weights begin with
the input's channels, a 1x1 convolution and a transposed one.  B begins at 0, so that nothing changes at first.  A is
normal with the root mean square of W instead of one for all layers: equalised layers, whose weights have a variance of
1, learn as fast as others.

Adapters are parametrisations of `torch.nn.utils.parametrize`: modules of any kind use `weight` as before.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganbench.gan.generators.transformer import Tokenizer
from ganbench.gan.training.freezing import freeze
from ganbench.gan.types import BadInput

SHARE = 0.05                                                # of the base's weights, that adapters may have
PART = re.compile(r"(?P<module>.*?)parametrizations\.(?P<weight>\w+)\.(?P<part>original|0\.(up|down|scale))")
Network = TypeVar("Network", bound=nn.Module)


class Adapter(nn.Module):
    """Weight (o, ...) -> weight + scale up @ down."""

    scale: Tensor

    def __init__(self, weight: Tensor, rank: int, random: torch.Generator, scale: float = 1.0):
        super().__init__()
        rows, columns = sides(weight)
        spread = float(weight.detach().square().mean().sqrt()) or columns**-0.5
        down = torch.randn(rank, columns, generator=random) * spread
        self.up, self.down = nn.Parameter(weight.new_zeros(rows, rank)), nn.Parameter(down.to(weight))
        self.register_buffer("scale", weight.new_tensor(scale))

    def forward(self, weight: Tensor) -> Tensor:
        return adapted(weight, self.up, self.down, self.scale)


def adapted(weight: Tensor, up: Tensor, down: Tensor, scale: Tensor) -> Tensor:
    """W + scale B A, in W's order of memory."""
    return weight + (scale * (up @ down)).view(weight.shape)


def add_adapters(network: nn.Module, share: float = SHARE, seed: int = 0, scale: float = 1.0) -> None:
    """Freeze all weights, and give every matrix of them that learned an adapter, by `ranks`.

    Normalisation keeps its statistics, whatever mode the network is in; a StyleGAN2 follows its mean of w, which
    adapters change.  A tokenizer gets none: it is at rest while a transformer learns.  Nor do
    weights that two modules share, or that are parametrised already.
    """
    names = [name for name, weight in network.named_parameters() if weight.requires_grad]
    owners = Counter(id(weight) for _, weight in network.named_parameters(remove_duplicate=False))
    resting = {id(weight) for part in network.modules() if isinstance(part, Tokenizer) for weight in part.parameters()}
    weights = {name: network.get_parameter(name) for name in names if id(network.get_parameter(name)) not in resting}
    fitting = {name: weight for name, weight in weights.items()
               if weight.ndim > 1 and owners[id(weight)] == 1 and "parametrizations." not in name}
    chosen = ranks(fitting, share * sum(weight.numel() for weight in weights.values()))
    freeze(network)
    random = torch.Generator().manual_seed(seed)
    for name, rank in chosen.items():
        path, _, weight = name.rpartition(".")
        adapter = Adapter(weights[name], rank, random, scale)
        parametrize.register_parametrization(network.get_submodule(path), weight, adapter)


def ranks(weights: Mapping[str, Tensor], most: float) -> dict[str, int]:
    """The rank of each weight's adapter; weights without one are left out.

    All have the largest rank r with which they have fewer than `most` numbers together; but none more than half as many
    as its weight.  Where even r = 1 is too much, those weights get it that need the smallest share of their own size.
    """
    limits = {name: weight.numel() // 2 // sum(sides(weight)) for name, weight in weights.items()}
    limits = {name: limit for name, limit in limits.items() if limit}
    found: dict[str, int] = {}
    for rank in range(1, max(limits.values(), default=0) + 1):
        larger = {name: min(rank, limit) for name, limit in limits.items()}
        if numbers(weights, larger) >= most:
            break
        found = larger
    if not found:
        for name in sorted(limits, key=lambda name: sum(sides(weights[name])) / weights[name].numel()):
            if numbers(weights, {**found, name: 1}) < most:
                found[name] = 1
    if not found:
        raise BadInput("no-room-for-adapters",
                       f"The network is too small for adapters: the smallest one of rank 1 has more than the "
                       f"{most:,.0f} weights that they may have.")
    return {name: found[name] for name in weights if name in found}


def numbers(weights: Mapping[str, Tensor], ranks: Mapping[str, int]) -> int:
    return sum(rank * sum(sides(weights[name])) for name, rank in ranks.items())


def sides(weight: Tensor) -> Sequence[int]:
    """Of the weight as a matrix: rows and columns."""
    return len(weight), weight.numel() // len(weight)


def merged(network: nn.Module) -> dict[str, Tensor]:
    """The state of the network as one without adapters: under the names of its family."""
    return merged_state(network.state_dict())


@torch.no_grad()
def merged_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of a state that was kept; one without adapters is what it was."""
    found = {}
    for name, value in state.items():
        match = PART.fullmatch(name)
        place = name.removesuffix("original") + "0."
        if match and place + "up" in state:
            up, down, scale = (state[place + part] for part in ("up", "down", "scale"))
            found[match["module"] + match["weight"]] = adapted(value, up, down, scale)
        elif not match or match["part"] == "original":      # of a parametrisation of another kind
            found[name] = value
    return found


def plain(network: Network) -> Network:
    """A copy without adapters that does the same: their products are part of its weights.  It does not learn."""
    made = copy.deepcopy(network)
    for module in list(made.modules()):
        if parametrize.is_parametrized(module) and is_adapted(module):
            values = {name: getattr(module, name).detach() for name in parametrizations(module)}
            # `remove_parametrizations` would take `weight` from the class, which copies share with their original.
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for name, value in values.items():
                module.register_parameter(name, nn.Parameter(value))
    return made.requires_grad_(False)


def is_adapted(module: nn.Module) -> bool:
    return any(isinstance(part, Adapter) for row in parametrizations(module).values() for part in row)


def parametrizations(module: nn.Module) -> dict[str, nn.ModuleList]:
    return dict(module.parametrizations.items())            # type: ignore[operator, union-attr]
