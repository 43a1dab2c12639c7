"""Vision transformers as extractors: DINOv2 (Oquab 2023, arXiv:2304.07193) and CLIP (Radford 2021, arXiv:2103.00020).

One plain transformer (Dosovitskiy 2021, arXiv:2010.11929) with the parameter names of Meta's files.  Weights are
Meta's `.pth`, timm's, or those of a Hugging Face folder; where they are published, their address and hash stand here.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench.gan.checkpoints import find_weights, load_into, load_state
from ganbench.gan.features import resize
from ganbench.gan.features.network import Network, NetworkExtractor, ready
from ganbench.gan.files import file_digest
from ganbench.gan.types import BadInput

MICRO_BATCH = 5                  # CPU seconds per image at 1, 2, 5, 10: ViT-L/14 1.87, 1.85, 1.83, 1.84
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))                       # mean, standard deviation
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@dataclass(frozen=True)
class Architecture:
    """The sizes that determine the shapes of the weights, and those that cannot be inferred from them."""

    kind: str                                         # dinov2 or clip: `model_type` of a Hugging Face config
    width: int
    depth: int
    heads: int
    patch: int                                        # pixels
    side: int                                         # pixels of the images that it is run on
    projected: int = 0                                # CLIP: length of the embedding shared with texts

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def __str__(self) -> str:
        return f"width {self.width}, {self.depth} layers, {self.heads} heads, patches of {self.patch}"


@dataclass(frozen=True)
class Published:
    """A weights file, its URL, and its hash."""

    title: str
    network: str                                      # of its rows in EXTRACTORS, and of --weights
    file: str
    sha256: str
    url: str


@dataclass(frozen=True)
class Transformer:
    """A row of EXTRACTORS."""

    network: Network
    architecture: Architecture
    published: Published


# The network

class Attention(nn.Module):
    """(n, t, width) -> (n, t, width)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        query, key, value = self.qkv(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)               # (n, heads, t, width / heads)
        return self.proj(mixed.transpose(1, 2).reshape(n, t, width))


class Scale(nn.Module):
    """A factor per channel.  Touvron 2021, arXiv:2103.17239."""

    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class QuickGELU(nn.Module):
    """The approximation x sigmoid(1.702 x) that OpenAI trained with.  arXiv:1606.08415, section 2."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """Attention, then a two-layer network, each behind a normalisation and added to what came in."""

    def __init__(self, it: Architecture):
        super().__init__()
        clip = it.kind == "clip"
        self.norm1, self.norm2 = norm(it), norm(it)
        self.attn = Attention(it.width, it.heads)
        self.ls1, self.ls2 = (nn.Identity() if clip else Scale(it.width) for _ in range(2))
        self.mlp = nn.Sequential(OrderedDict(
            fc1=nn.Linear(it.width, 4 * it.width), act=QuickGELU() if clip else nn.GELU(),
            fc2=nn.Linear(4 * it.width, it.width)))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


def norm(it: Architecture) -> nn.LayerNorm:
    return nn.LayerNorm(it.width, eps=1e-5 if it.kind == "clip" else 1e-6)


class VisionTransformer(nn.Module):
    """(n, 3, side, side) float -> (n, width): the class token behind the last normalisation; CLIP's is projected,
    (n, projected)."""

    def __init__(self, it: Architecture):
        super().__init__()
        clip = it.kind == "clip"
        self.patch_embed = nn.Sequential(OrderedDict(
            proj=nn.Conv2d(3, it.width, it.patch, it.patch, bias=not clip)))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, it.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + it.grid**2, it.width))
        self.norm_pre = norm(it) if clip else nn.Identity()
        self.blocks = nn.Sequential(*(Block(it) for _ in range(it.depth)))
        self.norm = norm(it)
        self.head = nn.Linear(it.width, it.projected, bias=False) if it.projected else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)           # (n, grid², width)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.pos_embed
        x = self.blocks(self.norm_pre(x))
        return self.head(self.norm(x[:, 0]))


# Weights

def make(it: Transformer, weights: Path | None, cache: Path, device: str, backend: str) -> NetworkExtractor:
    """Weights: a file or Hugging Face folder that the user gives, else cached, else downloaded and checked."""
    published, given = it.published, weights
    if given and given.is_dir():
        given = file_in(given, it)
    path = find_weights(published.title, published.file, published.sha256, published.url, given, cache,
                        f"--weights {published.network}=PATH")
    return ready(it.network, load(it, path), file_digest(path), device, backend)


def file_in(folder: Path, it: Transformer) -> Path:
    """The file of weights in a Hugging Face folder, whose config.json must speak of this architecture."""
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        facts = config.get("vision_config") or config
        found = Architecture(
            config["model_type"].removesuffix("_vision_model"), facts["hidden_size"], facts["num_hidden_layers"],
            facts["num_attention_heads"], facts["patch_size"], it.architecture.side)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput("unusable-config",
                       f"{folder} is not a Hugging Face folder of a vision transformer: its config.json cannot be "
                       "read, or lacks the size of the network.") from error
    wanted = it.architecture
    if (found.kind, str(found)) != (wanted.kind, str(wanted)):
        raise BadInput("weights-do-not-fit",
                       f"{folder} holds a network {found.kind} of {found}, but the extractor {it.network.name} is "
                       f"{wanted.kind} of {wanted}.")
    if not files:
        raise BadInput("missing-weights", f"{folder} has neither model.safetensors nor pytorch_model.bin.")
    return files[0]


def load(it: Transformer, path: Path) -> nn.Module:
    """The module with its weights in eval mode, on the CPU, float32; it has no other copy of them."""
    state = {name: value.float() for name, value in renamed(load_state(path)).items()}
    if it.architecture.kind == "dinov2" and "pos_embed" in state:
        state["pos_embed"] = resampled(state["pos_embed"], it.architecture.grid)
    with torch.device("meta"):
        module = it.network.module()
    shapes = {name: value.to("meta") for name, value in state.items()}
    load_into(module, shapes, path, f"the extractor {it.network.name}")
    module.load_state_dict(state, assign=True)
    return module.requires_grad_(False).eval()


OTHER = r"text_|logit_scale$|classifier\.|mask_token$|.*\.(mask_token|position_ids)$"      # not used for features
NAMES = (                                             # Hugging Face's names -> ours
    (r"^(dinov2|vision_model)\.", ""),
    (r"^embeddings\.(cls_token|class_embedding)$", "cls_token"),
    (r"^embeddings\.(position_embeddings|position_embedding\.weight)$", "pos_embed"),
    (r"^embeddings\.patch_embeddings?\.(projection\.)?", "patch_embed.proj."),
    (r"^encoder\.layers?\.", "blocks."),
    (r"\.(attention\.output\.dense|attention\.o_proj|self_attn\.out_proj)\.", ".attn.proj."),
    (r"\.(attention\.attention|attention|self_attn)\.([qkv])\w*\.", r".attn.\2."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"^pre_layrnorm\.", "norm_pre."),
    (r"^(layernorm|post_layernorm)\.", "norm."),
    (r"^visual_projection\.", "head."),
)


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with our names: queries, keys and values joined, unused tensors left out."""
    ours = {}
    for name, value in state.items():
        if not re.match(OTHER, name):
            for pattern, replacement in NAMES:
                name = re.sub(pattern, replacement, name)
            ours[name] = value
    for name in [name for name in ours if ".attn.q." in name]:
        parts = [ours.pop(name.replace(".attn.q.", f".attn.{part}."), torch.empty(0)) for part in "qkv"]
        ours[name.replace(".attn.q.", ".attn.qkv.")] = torch.cat(parts)
    for name in {"cls_token", "pos_embed"} & ours.keys():           # CLIP's are (width,) and (1 + grid², width)
        ours[name] = ours[name].reshape(1, -1, ours[name].shape[-1])
    return ours


def resampled(positions: Tensor, grid: int, offset: float = 0.1) -> Tensor:
    """(1, 1 + before², width) -> (1, 1 + grid², width), as Meta's DINOv2 does for images of another size.

    Bicubic without antialiasing, and by the factor (grid + offset) / before instead of grid / before
    (`interpolate_pos_encoding` of https://github.com/facebookresearch/dinov2, dinov2/models/vision_transformer.py).
    transformers leaves the offset out, timm antialiases: other features.
    """
    before = math.isqrt(positions.shape[1] - 1)
    if before == grid or before**2 != positions.shape[1] - 1:
        return positions
    scale = (grid + offset) / before
    patches = positions[:, 1:].reshape(1, before, before, -1).permute(0, 3, 1, 2)
    patches = F.interpolate(patches, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([positions[:, :1], patches.permute(0, 2, 3, 1).reshape(1, grid**2, -1)], 1)


# Images

def prepare(
    images: Tensor, rule: Callable[[Tensor, int], Tensor], side: int, normalisation: tuple[tuple[float, ...], ...]
) -> Tensor:
    """RGB NCHW uint8 -> (N, 3, side, side) float32: resized, (x / 255 - mean) / standard deviation.

    `normalisation`: the means and the standard deviations of the three channels.
    """
    mean, deviation = (torch.tensor(values, device=images.device).view(3, 1, 1) for values in normalisation)
    return (rule(images, side) / 255 - mean) / deviation


def middle(images: Tensor, side: int) -> Tensor:
    """CMMD's rule: the largest square in the middle, resized by Pillow."""
    return resize.pillow(resize.square(images), side)


# Rows

LARGE = Architecture("dinov2", width=1024, depth=24, heads=16, patch=14, side=224)
BASE = Architecture("dinov2", width=768, depth=12, heads=12, patch=14, side=224)
CLIP_LARGE = Architecture("clip", width=1024, depth=24, heads=16, patch=14, side=336, projected=768)

META = "https://dl.fbaipublicfiles.com/dinov2"
LARGE_FILE = Published(                               # 1,217,586,395 bytes
    "DINOv2 ViT-L/14", "dinov2-vitl14", "dinov2_vitl14_pretrain.pth",
    "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    f"{META}/dinov2_vitl14/dinov2_vitl14_pretrain.pth")
BASE_FILE = Published(                                # 346,378,731 bytes
    "DINOv2 ViT-B/14", "dinov2-vitb14", "dinov2_vitb14_pretrain.pth",
    "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    f"{META}/dinov2_vitb14/dinov2_vitb14_pretrain.pth")
CLIP_FILE = Published(                                # 1,711,974,081 bytes; the pinned revision has no safetensors
    "CLIP ViT-L/14 at 336 pixels", "clip-vitl14-336", "clip-vit-large-patch14-336.bin",
    "c6032c2e0caae3dc2d4fba35535fa6307dbb49df59c7e182b1bc4b3329b81801",
    "https://huggingface.co/openai/clip-vit-large-patch14-336/resolve/ce19dc912ca5cd21c8a653c79e251e808ccabcd1/"
    "pytorch_model.bin")


def network(name: str, it: Architecture, rule: Callable[[Tensor, int], Tensor], said: str) -> Network:
    mean, deviation = normalisation = OPENAI if it.kind == "clip" else IMAGENET
    return Network(
        name, partial(VisionTransformer, it), partial(prepare, rule=rule, side=it.side, normalisation=normalisation),
        {"resize": f"{said} to {it.side}", "normalise": f"(x/255-{list(mean)})/{list(deviation)}",
         "layer": "class token, projected" if it.projected else "class token behind the last norm",
         "positions": "as trained" if it.kind == "clip" else "bicubic by (grid+0.1)/before"},
        input=(3, it.side, it.side), d=it.projected or it.width, n_logits=0, micro_batch=MICRO_BATCH, eager=True)


PILLOW, TORCH = "Pillow's bicubic of 8 bits", "torch's antialiased bicubic, not clamped,"
DINOV2 = Transformer(                                 # dgm-eval: arXiv:2306.04675
    network("dinov2", LARGE, resize.pillow, PILLOW), LARGE, LARGE_FILE)
DINOV2_TORCH = Transformer(                           # EDM2: arXiv:2312.02696, calculate_metrics.py
    network("dinov2_torch", LARGE, resize.torch_bicubic, TORCH), LARGE, LARGE_FILE)
DINOV2_BASE = Transformer(                            # FLD: arXiv:2302.04440
    network("dinov2_vitb14", BASE, resize.pillow, PILLOW), BASE, BASE_FILE)
CLIP = Transformer(                                   # CMMD: arXiv:2401.09603
    network("clip", CLIP_LARGE, middle, f"middle square, {PILLOW}"), CLIP_LARGE, CLIP_FILE)
