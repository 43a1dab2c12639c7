"""Diffusion and flow models on a U-Net or a transformer: three processes, each with its samplers.

- `flow`: x_t = (1 - t) x + t e, the network predicts the velocity e - x  (Lipman et al. 2023, arXiv:2210.02747;
  rectified flow: Liu et al. 2023, arXiv:2209.03003)
- `ddpm`: x_t = sqrt(a_t) x + sqrt(1 - a_t) e, the network predicts the noise e  (Ho et al. 2020, arXiv:2006.11239)
- `edm`: x_s = x + s e, preconditioned  (Karras et al. 2022, arXiv:2206.00364)

The networks and the samplers' steps are diffusers'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ganbench.gan.generators.base import Space, latents, space_of, unmoved

TIMES = 1_000                                               # the network's time input at t = 1


@dataclass(frozen=True)
class Sampler:
    """A scheduler of diffusers and the process that it solves.  `noisy`: it draws noise in every step."""

    scheduler: str
    process: str
    settings: Mapping[str, Any]
    noisy: bool = False


CLIPPED = {"clip_sample": True, "beta_schedule": "linear", "num_train_timesteps": TIMES,
           "timestep_spacing": "trailing"}                  # begins at noise alone (Lin et al. 2024, arXiv:2305.08891)
SAMPLERS = {
    "euler": Sampler("FlowMatchEulerDiscreteScheduler", "flow", {}),
    "heun": Sampler("FlowMatchHeunDiscreteScheduler", "flow", {}),
    "ddim": Sampler("DDIMScheduler", "ddpm", CLIPPED),
    # DDIM with eta = 1 is the ancestral sampler of Ho et al. (Song et al. 2021, arXiv:2010.02502, section 4.1).
    "ddpm": Sampler("DDIMScheduler", "ddpm", CLIPPED, noisy=True),
    # Thresholding at the quantile 1, at most 1, is what DDIM calls clipping: x is cut to [-1, 1].
    "dpm-solver++": Sampler("DPMSolverMultistepScheduler", "ddpm",
                            {"beta_schedule": "linear", "num_train_timesteps": TIMES, "thresholding": True,
                             "dynamic_thresholding_ratio": 1.0, "sample_max_value": 1.0}),
    "edm-euler": Sampler("EDMEulerScheduler", "edm", {"sigma_data": 0.5}),
    "edm-dpm-solver++": Sampler("EDMDPMSolverMultistepScheduler", "edm", {"sigma_data": 0.5}),
}
DIT_CLASSES = "transformer_blocks.0.norm1.emb.class_embedder.embedding_table"
PROCESSES = tuple(dict.fromkeys(sampler.process for sampler in SAMPLERS.values()))


class Denoiser(nn.Module):
    """Noise (n, channels, resolution, resolution) -> images of that shape in [-1, 1], in `steps` steps.

    The network works on images whose patches are rearranged into channels (pixel unshuffle).

    `guidance` w > 1 takes two evaluations a step: e_null + w (e_class - e_null) (Ho & Salimans 2022,
    arXiv:2207.12598).  Class `n_classes` is the null class.
    """

    output_range = (-1.0, 1.0)

    def __init__(
        self, network: nn.Module, resolution: int, channels: int, n_classes: int, patch: int, process: str,
        sampler: str, steps: int, guidance: float,
    ):
        super().__init__()
        if sampler not in SAMPLERS or SAMPLERS[sampler].process != process:
            fitting = [name for name, row in SAMPLERS.items() if row.process == process]
            raise ValueError(f"sampler {sampler!r} does not fit the process {process!r}, only {', '.join(fitting)} do"
                             if fitting else f"no process {process!r}; known: {', '.join(PROCESSES)}")
        check_steps(sampler, steps)
        self.shape, self.patch, self.n_classes = (channels, resolution, resolution), patch, n_classes
        self.spaces = {"x": Space(self.shape)}
        self.process, self.sampler, self.steps, self.guidance = process, sampler, steps, guidance
        self.network = network

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, k, channels, resolution, resolution) float32: the initial noise, and that of stochastic steps."""
        noises = 1 + self.steps * SAMPLERS[self.sampler].noisy
        return latents(indices, seed, (noises, *self.shape))

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Solve the process backwards from the noise; clipped at the end, as diffusers' pipelines do."""
        scheduler = self.scheduler()
        x = draws[:, 0] * scheduler.init_noise_sigma if self.process != "flow" else draws[:, 0]
        for k, time in enumerate(scheduler.timesteps):
            scaled = scheduler.scale_model_input(x, time) if self.process != "flow" else x
            said = self.guided(scaled, time.to(x).expand(len(x)), labels)
            x = scheduler.step(said, time, x, **self.noise_of_step(draws, k)).prev_sample
        return torch.where(x.isfinite(), x.clamp(-1, 1), x)     # NaN and infinity are refused by the caller

    def split(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """The noise to begin with, and that of the steps, (n, k, channels, resolution, resolution)."""
        return draws[:, 0], draws[:, 1:]

    def join(self, latent: Tensor, noise: Tensor) -> Tensor:
        return torch.cat([latent[:, None], noise], 1)

    def decode(self, latent: Tensor, noise: Tensor, labels: Tensor | None = None, space: str | None = None) -> Tensor:
        space_of(self.spaces, latent, space)
        return self.sample(self.join(latent, noise), labels)

    def to_space(self, latent: Tensor, source: str, target: str, labels: Tensor | None = None) -> Tensor:
        return unmoved(self.spaces, latent, source, target)

    def scheduler(self) -> Any:
        """A fresh scheduler: it counts its steps."""
        import diffusers

        row = SAMPLERS[self.sampler]
        scheduler = getattr(diffusers, row.scheduler)(**row.settings)
        scheduler.set_timesteps(self.steps)
        return scheduler

    def noise_of_step(self, draws: Tensor, k: int) -> dict[str, Any]:
        return {"eta": 1.0, "variance_noise": draws[:, 1 + k]} if SAMPLERS[self.sampler].noisy else {}

    def guided(self, x: Tensor, time: Tensor, labels: Tensor | None) -> Tensor:
        if self.guidance == 1 or not self.n_classes:
            return self(x, time, labels)
        null = torch.full_like(time, self.n_classes, dtype=torch.int64)
        without = self(x, time, null)
        return without + self.guidance * (self(x, time, labels) - without)

    def forward(self, x: Tensor, time: Tensor, labels: Tensor | None = None) -> Tensor:
        """The network's prediction at times (n,) in 0..1000 (edm: ln(sigma) / 4); the shape of x."""
        said = self.network(pixel_unshuffle(x, self.patch), timestep=time, class_labels=labels).sample
        return pixel_shuffle(said, self.patch)


def check_steps(sampler: str, steps: int) -> None:
    """With another number of steps diffusers' DDIM would go other ways than it says."""
    if SAMPLERS[sampler].scheduler == "DDIMScheduler" and TIMES % steps:
        raise ValueError(f"sampler {sampler!r} takes a number of steps that divides {TIMES:,}, not {steps}")


class Diffusion(Denoiser):
    """A U-Net of `len(widths)` levels with `layers` blocks each."""

    def __init__(
        self, resolution: int = 32, channels: int = 1, n_classes: int = 0, patch: int = 2,
        widths: Sequence[int] = (32, 64), layers: int = 1, process: str = "flow", sampler: str = "euler",
        steps: int = 10, guidance: float = 1.0,
    ):
        network = unet(channels * patch**2, resolution // patch, n_classes, tuple(widths), layers)
        super().__init__(network, resolution, channels, n_classes, patch, process, sampler, steps, guidance)


class DiT(Denoiser):
    """A transformer with norms conditioned on time and class (adaLN-zero; Peebles & Xie 2023, arXiv:2212.09748)."""

    def __init__(
        self, resolution: int = 32, channels: int = 1, n_classes: int = 0, patch: int = 4, width: int = 128,
        layers: int = 6, heads: int = 4, process: str = "flow", sampler: str = "euler", steps: int = 10,
        guidance: float = 1.0,
    ):
        network = transformer(channels * patch**2, resolution // patch, n_classes, width, layers, heads)
        super().__init__(network, resolution, channels, n_classes, patch, process, sampler, steps, guidance)

    def forward(self, x: Tensor, time: Tensor, labels: Tensor | None = None) -> Tensor:
        """Without classes, all images have the same class."""
        return super().forward(x, time, torch.zeros_like(time, dtype=torch.int64) if labels is None else labels)


def unet(channels: int, side: int, n_classes: int, widths: tuple[int, ...], layers: int) -> Any:
    """diffusers' U-Net with attention on its deepest level."""
    from diffusers import UNet2DModel

    plain = len(widths) - 1
    return UNet2DModel(
        sample_size=side, in_channels=channels, out_channels=channels, layers_per_block=layers,
        block_out_channels=widths, down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain, norm_num_groups=8, attention_head_dim=16,
        num_class_embeds=n_classes + 1 if n_classes else None,
    )


def transformer(channels: int, side: int, n_classes: int, width: int, layers: int, heads: int) -> Any:
    """diffusers' DiT, one token for each place; the labels it hears are dropped by whoever trains it."""
    from diffusers import DiTTransformer2DModel

    made = DiTTransformer2DModel(
        sample_size=side, patch_size=1, in_channels=channels, out_channels=channels, num_layers=layers,
        num_attention_heads=heads, attention_head_dim=width // heads, num_embeds_ada_norm=max(n_classes, 1),
    )
    for block in made.transformer_blocks:  # type: ignore[attr-defined]
        block.norm1.emb.class_embedder.dropout_prob = 0.0
    return made


def arguments_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that can be inferred from the shapes; not the resolution, process or patch."""
    first, embedding = state.get("network.conv_in.weight"), state.get("network.class_embedding.weight")
    if first is None:
        return {}
    down = [key for key in state if key.startswith("network.down_blocks.") and key.endswith("resnets.0.conv2.weight")]
    layers = {key.split(".")[4] for key in state if key.startswith("network.down_blocks.0.resnets.")}
    return {
        "widths": [state[key].shape[0] for key in sorted(down)], "layers": len(layers),
        "n_classes": 0 if embedding is None else embedding.shape[0] - 1,
    }


def dit_arguments(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments that can be inferred from the shapes; not the resolution, heads, process or patch."""
    first, embedding = (state.get(f"network.{name}.weight") for name in ("pos_embed.proj", DIT_CLASSES))
    if first is None or embedding is None:
        return {}
    blocks = {key.split(".")[2] for key in state if key.startswith("network.transformer_blocks.")}
    classes = embedding.shape[0] - 1
    return {"width": first.shape[0], "layers": len(blocks), "n_classes": classes if classes > 1 else 0}
