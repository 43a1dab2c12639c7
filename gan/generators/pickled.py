"""A PyTorch module in a pickle, as NVIDIA's, or a TorchScript program.  Code of the file runs, so it must be trusted.

Classes are imported as pickle does it; a checkout that the file needs (dnnlib and torch_utils, for example) has to be
the current folder or on PYTHONPATH.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import read_checkpoint, read_head
from ganbench.gan.files import checked_digest
from ganbench.gan.generators import factory as factories
from ganbench.gan.generators.base import Generator
from ganbench.gan.renaming import KEYS
from ganbench.gan.types import BadInput, ModelSpec
from ganbench.gan.usercode import here_first


def look(spec: ModelSpec, path: Path, trust_pickle: bool) -> ModelSpec:
    """Note the sha256 of a file that is trusted; nothing is loaded."""
    read_head(path)
    if not trust_pickle:
        read_checkpoint(path)       # refuses what would run code
        raise BadInput("not-a-module", f"{path} holds no PyTorch module: give --family or --factory for its weights.")
    return replace(spec, sha256=checked_digest(path, spec.sha256))


def open_pickled(spec: ModelSpec, path: Path, device: str, trust_pickle: bool) -> Generator:
    """The module in eval mode, called with latents, and with labels if it is conditional.  The file's code runs."""
    here_first()
    module = module_in(read_checkpoint(path, trust_pickle), path, spec.weights_key)
    module = module.eval().to(device)
    for parameter in module.parameters():       # ScriptModules have no requires_grad_ of their own
        parameter.requires_grad_(False)
    if isinstance(module, Generator):
        return module
    if hasattr(module, "z_dim") and hasattr(module, "c_dim"):
        styled = Styled(module, spec.arguments)
        return factories.wrap(styled, replace(spec, n_classes=styled.c_dim))
    if spec.arguments:
        raise BadInput("unknown-argument",
                       f"{spec.name}: a pickled module takes no arguments, found {min(spec.arguments)!r}.")
    return factories.wrap(module, spec)


def module_in(content: Any, path: Path, key: str = "") -> nn.Module:
    """The module that a file holds; of several the averaged generator."""
    found = dict(modules(content))
    if key and key not in found:
        raise BadInput("unknown-weights-key",
                       f"{path} has no module under {key!r}, only under {', '.join(found) or 'nothing'}.")
    if not found:
        raise BadInput("not-a-module", f"{path} holds no PyTorch module: give --family or --factory for its weights.")
    return found[key or min(found, key=lambda name: KEYS.index(name) if name in KEYS else len(KEYS))]


def modules(content: Any) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(content, nn.Module):
        yield "", content
    elif isinstance(content, Mapping):
        yield from ((str(name), value) for name, value in content.items() if isinstance(value, nn.Module))


class Styled(nn.Module):
    """A generator with NVIDIA's signature, G(z, c): c is one-hot, and noise is the constant stored in training."""

    def __init__(self, network: Any, arguments: Mapping[str, Any]):
        super().__init__()
        self.network, self.arguments = network, {"noise_mode": "const", **arguments}
        self.latent_shape, self.c_dim = (int(network.z_dim),), int(network.c_dim)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        c = z.new_zeros(len(z), self.c_dim)
        if labels is not None:
            c = torch.nn.functional.one_hot(labels, self.c_dim).to(z.dtype)
        return self.network(z, c, **self.arguments)
