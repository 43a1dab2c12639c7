"""A published generator, which loads in two lines:

    from ganbench import Pretrained
    images = Pretrained.from_pretrained("ORG/REPO").images(4)

`config.json` holds the family and its arguments, `model.safetensors` the weights by the names that the family has, so
that `ganbench evaluate hf:ORG/REPO` reads the same files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganbench.gan.checkpoints import load_into
from ganbench.gan.drawing import draw, pictures_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.models.hub import FACTS
from ganbench.gan.models.weights import make_family
from ganbench.gan.types import BadInput, ModelSpec

WEIGHTS = "model.safetensors"


class Pretrained(nn.Module, PyTorchModelHubMixin):
    """A generator of one of GENERATORS, in eval mode and frozen.  Only safetensors are read, and no code.

    `arguments`: of the family; `output_range`: of what the network gives; `classes`: their names, () without; the
    others as in `ganbench.ModelSpec`.
    """

    def __init__(
        self, family: str, arguments: Mapping[str, Any] | None = None, output_range: Sequence[float] = (-1.0, 1.0),
        classes: Sequence[str] = (), latent: str = "normal", class_shares: Sequence[float] = (), resize: str = "",
        pad: int = 0, crop: int = 0, **more: Any,
    ) -> None:
        super().__init__()
        if family not in GENERATORS:
            raise BadInput("unknown-family", f"No family {family!r}. Known: {', '.join(sorted(GENERATORS))}.")
        made: Any = make_family(family, dict(arguments or {}), latent)
        if class_shares:
            made.class_shares = tuple(class_shares)
        self.generator: Any = made
        low, high = map(float, output_range)
        self.spec = ModelSpec(family, family, output_range=(low, high), resize=resize, pad=pad, crop=crop)
        self.classes = tuple(classes)
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Rows of `generator.draws` -> images (n, C, H, W) float in the output range."""
        found: Tensor = self.generator.sample(draws, labels)
        return found

    @torch.inference_mode()
    def images(self, n: int, seed: int = 0, label: int | None = None) -> np.ndarray:
        """The first n images of a seed, (n, C, H, W) uint8; image i depends on the seed and i alone, and is what
        `ganbench sample` draws.  `label`: all of one class; None: each of the class that its number has."""
        if label is None or not self.generator.n_classes:
            return draw(self.generator, self.spec, seed, 0, n)["images"]
        if not 0 <= label < self.generator.n_classes:
            raise BadInput("unfit-value",
                           f"The class is {label}, expected 0 to {self.generator.n_classes - 1}.")
        raw = self.generator.sample(self.generator.draws(range(n), seed), torch.full((n,), label))
        return pictures_of(self.generator, self.spec, raw, n, 0)

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, revision: str | None, cache_dir: str | Path | None, force_download: bool,
        local_files_only: bool, token: str | bool | None, map_location: str = "cpu", strict: bool = True, **given: Any,
    ) -> Pretrained:
        """Called by `from_pretrained`, which has read config.json; others of its arguments differ between versions."""
        known = {name: given[name] for name in ("family", "arguments", "classes", *FACTS) if name in given}
        model = cls(**known)
        path = Path(model_id) / WEIGHTS
        if not path.parent.is_dir():
            path = Path(hf_hub_download(model_id, WEIGHTS, revision=revision, cache_dir=cache_dir, token=token,
                                        force_download=force_download, local_files_only=local_files_only))
        load_into(model.generator, load_file(path, device="cpu"), str(path))
        return model.eval().to(map_location)

    def _save_pretrained(self, save_directory: Path) -> None:
        state = {name: value.detach().cpu().contiguous() for name, value in self.generator.state_dict().items()}
        save_file(state, save_directory / WEIGHTS, {"format": "pt"})
