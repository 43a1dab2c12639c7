"""Images as tokens: a VQ tokenizer, and two transformers that generate its tokens.

- `Tokenizer`: an autoencoder whose code is the nearest of `codes` vectors at each place  (VQ-VAE: van den Oord
  et al. 2017, arXiv:1711.00937)
- `GPT`: token after token, each one given the ones before  (VQ-GAN: Esser et al. 2021, arXiv:2012.09841), with a
  cache of keys and values
- `MaskGIT`: in parallel; the most confident tokens are kept, the others resampled  (Chang et al. 2022,
  arXiv:2202.04200)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, scaled_dot_product_attention

from ganbench.gan.philox import uniforms

Cache = list[tuple[Tensor, Tensor]]                         # keys and values of each block


class Tokenizer(nn.Module):
    """Images (n, channels, resolution, resolution) in [-1, 1] <-> tokens (n, grid * grid) int64."""

    def __init__(self, resolution: int = 32, channels: int = 1, grid: int = 8, codes: int = 256, width: int = 16,
                 depth: int = 16):
        super().__init__()
        halvings = int(math.log2(resolution // grid))
        widths = [width * min(2**k, 4) for k in range(halvings + 1)]
        self.grid = grid
        down: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1)]
        up: list[nn.Module] = [nn.Conv2d(depth, widths[-1], 3, padding=1), Residual(widths[-1])]
        for k in range(halvings):
            down += [nn.Conv2d(widths[k], widths[k + 1], 4, 2, 1), Residual(widths[k + 1])]
            up += [nn.ConvTranspose2d(widths[-1 - k], widths[-2 - k], 4, 2, 1), Residual(widths[-2 - k])]
        self.encoder = nn.Sequential(*down, Norm(widths[-1]), nn.SiLU(), nn.Conv2d(widths[-1], depth, 1))
        self.decoder = nn.Sequential(*up, Norm(widths[0]), nn.SiLU(), nn.Conv2d(widths[0], channels, 3, padding=1))
        self.codebook = nn.Parameter(torch.randn(codes, depth))

    def nearest(self, code: Tensor) -> Tensor:
        """Which of the codebook's vectors is the nearest to (n, depth, h, w): tokens (n, h * w) int64."""
        flat = code.flatten(2).transpose(1, 2)
        return (self.codebook.square().sum(1) - 2 * flat @ self.codebook.T).argmin(2)

    def vectors(self, tokens: Tensor) -> Tensor:
        """(n, h * w) -> (n, depth, grid, grid)."""
        return embedding(tokens, self.codebook).transpose(1, 2).unflatten(2, (self.grid, self.grid))

    def encode(self, images: Tensor) -> Tensor:
        return self.nearest(self.encoder(images))

    def decode(self, tokens: Tensor) -> Tensor:
        """(n, grid * grid) -> images (n, channels, resolution, resolution) in (-1, 1)."""
        return torch.tanh(self.decoder(self.vectors(tokens)))


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(Norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                                  Norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Norm(nn.GroupNorm):
    """Groups of 8 channels."""

    def __init__(self, width: int):
        super().__init__(width // 8, width)


class Block(nn.Module):
    """Attention and a perceptron, each after a norm and beside the stream."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(),
                                 nn.Linear(4 * width, width))

    def forward(
        self, x: Tensor, causal: bool, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(n, t, width) -> the same, and keys and values of all t tokens and those of the past."""
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm(x)).chunk(3, dim=2)
        )
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        attended = scaled_dot_product_attention(q, k, v, is_causal=causal and past is None)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(x), (k, v)


class TokenModel(nn.Module):
    """What GPT and MaskGIT share: the tokenizer, and a transformer over its tokens."""

    output_range = (-1.0, 1.0)
    extra = 0                                               # tokens beside the codebook's

    def __init__(
        self, resolution: int = 32, channels: int = 1, n_classes: int = 0, grid: int = 8, codes: int = 256,
        depth: int = 16, tokenizer_width: int = 16, width: int = 96, layers: int = 4, heads: int = 4,
        temperature: float = 1.0,
    ):
        super().__init__()
        self.n_classes, self.codes, self.length, self.temperature = n_classes, codes, grid * grid, temperature
        self.tokenizer = Tokenizer(resolution, channels, grid, codes, tokenizer_width, depth)
        self.tokens = nn.Embedding(codes + self.extra, width)
        self.classes = nn.Embedding(max(n_classes, 1), width)
        self.places = nn.Parameter(torch.zeros(self.length, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, codes)

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits of tokens (n, t) int64: (n, t, codes)."""
        raise NotImplementedError

    def pixels(self, tokens: Tensor) -> Tensor:
        """Images of tokens (n, grid * grid) int64."""
        return self.tokenizer.decode(tokens)

    def class_of(self, n: int, labels: Tensor | None) -> Tensor:
        """(n, 1, width); the one class of an unconditional model."""
        if labels is None or not self.n_classes:
            labels = torch.zeros(n, dtype=torch.int64, device=self.places.device)
        return self.classes(labels)[:, None]

    def uniforms(self, indices: Sequence[int], seed: int, shape: tuple[int, ...]) -> Tensor:
        """Numbers in [0, 1), (n, *shape) float32."""
        return torch.from_numpy(uniforms(indices, seed, math.prod(shape)).reshape(len(indices), *shape))


class GPT(TokenModel):
    """Each token is sampled with one uniform number, by inverting the cumulative distribution; of the `top_k` most
    probable ones, if that is not 0."""

    top_k = 0

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, grid * grid) float32 in [0, 1)."""
        return self.uniforms(indices, seed, (self.length,))

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        x, past, tokens = self.class_of(len(draws), labels) + self.places[0], None, []
        for k in range(self.length):
            logits, past = self.run(x, past)
            tokens.append(choose(strongest(logits[:, -1], self.top_k) / self.temperature, draws[:, k]))
            if k + 1 < self.length:
                x = self.tokens(tokens[-1])[:, None] + self.places[k + 1]
        return self.pixels(torch.stack(tokens, 1))

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits of every token given the ones before: (n, t) int64 -> (n, t, codes)."""
        before = torch.cat([self.class_of(len(tokens), labels), self.tokens(tokens[:, :-1])], 1)
        return self.run(before + self.places)[0]

    def run(self, x: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        now: Cache = []
        for k, block in enumerate(self.blocks):
            x, kept = block(x, causal=True, past=past[k] if past else None)
            now.append(kept)
        return self.head(self.norm(x)), now


class MaskGIT(TokenModel):
    """Tokens in `steps` rounds; after round k a share of cos(pi k / 2 steps), the least confident, is masked again.

    Confidence is ln p plus Gumbel noise of temperature `choice` (1 - k / steps), as in the authors' code.
    """

    extra = 1                                               # the mask

    def __init__(
        self, resolution: int = 32, channels: int = 1, n_classes: int = 0, grid: int = 8, codes: int = 256,
        depth: int = 16, tokenizer_width: int = 16, width: int = 96, layers: int = 4, heads: int = 4,
        temperature: float = 1.0, steps: int = 12, choice: float = 4.5,
    ):
        super().__init__(
            resolution, channels, n_classes, grid, codes, depth, tokenizer_width, width, layers, heads, temperature
        )
        self.steps, self.choice = steps, choice

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, steps, 2, grid * grid) float32 in [0, 1): for the tokens, and for the noise of sureness."""
        return self.uniforms(indices, seed, (self.steps, 2, self.length))

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        tokens = torch.full((len(draws), self.length), self.codes, device=draws.device)
        masked = torch.arange(self.length, device=draws.device).expand(len(draws), -1)  # places, as many in each row
        for k in range(self.steps):
            logits = self(tokens, labels).gather(1, masked[:, :, None].expand(-1, -1, self.codes))
            drawn, sure = chosen(logits / self.temperature, draws[:, k, 0].gather(1, masked))
            tokens = tokens.scatter(1, masked, drawn)
            forgotten = math.floor(self.length * masked_share((k + 1) / self.steps))
            if not forgotten:
                break
            noise = -(-draws[:, k, 1].gather(1, masked).clamp(1e-9, 1 - 1e-7).log()).log()
            least = (sure + self.choice * (1 - (k + 1) / self.steps) * noise).argsort(1)[:, :forgotten]
            masked = masked.gather(1, least)
            tokens = tokens.scatter(1, masked, self.codes)
        return self.pixels(tokens)

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits of every token given the unmasked ones: (n, t) int64 -> (n, t, codes)."""
        x = torch.cat([self.class_of(len(tokens), labels), self.tokens(tokens) + self.places], 1)
        for block in self.blocks:
            x, _ = block(x, causal=False)
        return self.head(self.norm(x))[:, 1:]


def strongest(logits: Tensor, k: int) -> Tensor:
    """The k largest logits along the last axis, all others -infinity; all of them if k is 0."""
    if not 0 < k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(k, -1).values[..., -1:], -torch.inf)


def choose(logits: Tensor, uniform: Tensor) -> Tensor:
    """Sample from softmax(logits) along the last axis by inversion: (..., codes), (...) -> (...)."""
    return chosen(logits, uniform)[0]


def chosen(logits: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """As `choose`, with the logarithm of the probability of what was chosen, in float64."""
    shifted = logits.double() - logits.amax(-1, keepdim=True)
    passed = shifted.exp().cumsum(-1)                       # up to a factor, their total
    total = passed[..., -1:]
    found = torch.searchsorted(passed, uniform.double()[..., None] * total, right=True).clamp(max=logits.shape[-1] - 1)
    return found[..., 0], (shifted.gather(-1, found) - total.log())[..., 0]


def masked_share(progress: float) -> float:
    """The masked share, by the cosine schedule: 1 at 0, 0 at 1.  Chang et al. 2022, section 3.3."""
    return math.cos(math.pi / 2 * progress)


def initialise(model: TokenModel, generator: torch.Generator) -> None:
    """Linear and embedding weights N(0, 0.02), biases 0, as GPT-2; not the tokenizer's."""
    for module in (*model.blocks.modules(), model.head, model.tokens, model.classes):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=generator)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    nn.init.normal_(model.places, 0.0, 0.02, generator=generator)


def arguments_of(state: Mapping[str, Tensor], extra: int) -> dict[str, Any]:
    """What the shapes imply; not the number of heads, and the resolution only by the tokenizer's halvings."""
    if "tokenizer.codebook" not in state or "places" not in state:
        return {}
    codes, depth = state["tokenizer.codebook"].shape
    if len(state["tokens.weight"]) != codes + extra:
        return {}
    first = state["tokenizer.encoder.0.weight"]
    grid = math.isqrt(len(state["places"]))
    halvings = sum(value.ndim == 4 and value.shape[-1] == 4 for key, value in state.items() if ".encoder." in key)
    classes = len(state["classes.weight"])
    return {
        "resolution": grid * 2**halvings, "channels": first.shape[1], "n_classes": classes if classes > 1 else 0,
        "grid": grid, "codes": codes, "depth": depth, "tokenizer_width": first.shape[0],
        "width": state["places"].shape[1], "layers": len({key.split(".")[1] for key in state if key[:7] == "blocks."}),
    }


def gpt_arguments(state: Mapping[str, Tensor]) -> dict[str, Any]:
    return arguments_of(state, GPT.extra)


def maskgit_arguments(state: Mapping[str, Tensor]) -> dict[str, Any]:
    return arguments_of(state, MaskGIT.extra)


