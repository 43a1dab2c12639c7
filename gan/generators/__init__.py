"""GENERATORS: the families of models that are loaded by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganbench.gan.generators import dcgan, diffusion, r3gan, stylegan2, transformer, wgan_gp
from ganbench.gan.generators.base import Generator

__all__ = ["GENERATORS", "Family", "Generator"]


@dataclass(frozen=True)
class Family:
    """How a family is built, and how its arguments are inferred from a checkpoint's shapes."""

    make: Callable[..., Generator]                          # called with the arguments by name
    arguments_of: Callable[[Mapping[str, Tensor]], dict[str, Any]]      # {} where the shapes do not match
    what: str
    paper: str
    compiled: tuple[str, ...] = ()                          # methods that ONNX Runtime runs on CPUs, being faster
    libraries: tuple[str, ...] = ()                         # libraries whose versions affect the pixels


GENERATORS = {
    "dcgan": Family(dcgan.DCGAN, dcgan.arguments_of, "transposed convolutions with BatchNorm, as in PyTorch's tutorial",
                    "Radford, Metz & Chintala 2016, arXiv:1511.06434", compiled=("sample",)),
    "wgan-gp": Family(wgan_gp.WGANGP, wgan_gp.arguments_of, "residual network with BatchNorm, Wasserstein critic",
                      "Gulrajani et al. 2017, arXiv:1704.00028", compiled=("sample",)),
    "r3gan": Family(r3gan.R3GAN, r3gan.arguments_of, "residual network without normalisation, a modern plain GAN",
                    "Huang et al. 2025, arXiv:2501.05441", compiled=("sample",)),
    "stylegan2": Family(stylegan2.StyleGAN2, stylegan2.arguments_of, "mapping network and modulated convolutions",
                        "Karras et al. 2020, arXiv:1912.04958", compiled=("sample",)),
    "diffusion": Family(diffusion.Diffusion, diffusion.arguments_of, "diffusion or flow on diffusers' U-Net",
                        "Ho et al. 2020, arXiv:2006.11239; Karras et al. 2022, arXiv:2206.00364; "
                        "Lipman et al. 2023, arXiv:2210.02747", compiled=("forward",), libraries=("diffusers",)),
    "dit": Family(diffusion.DiT, diffusion.dit_arguments, "diffusion or flow on a transformer",
                  "Peebles & Xie 2023, arXiv:2212.09748", compiled=("forward",), libraries=("diffusers",)),
    "gpt": Family(transformer.GPT, transformer.gpt_arguments, "autoregressive transformer over VQ tokens",
                  "Esser et al. 2021, arXiv:2012.09841", compiled=("pixels",)),
    "maskgit": Family(transformer.MaskGIT, transformer.maskgit_arguments,
                      "masked transformer over VQ tokens, decoded in parallel, the most confident first",
                      "Chang et al. 2022, arXiv:2202.04200", compiled=("forward", "pixels")),
}
