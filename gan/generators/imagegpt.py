"""A folder of ImageGPT, as transformers saves it: pixels are colours of a palette, generated one after the other.

Chen et al. 2020, "Generative Pretraining from Pixels" (ICML).  The network is transformers' class, made from the
numbers of config.json alone and filled with the folder's weights: no code of the folder is run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import load_into, load_state
from ganbench.gan.files import digest_at
from ganbench.gan.generators.transformer import choose
from ganbench.gan.philox import uniforms
from ganbench.gan.types import BadInput, BadOutput, ModelSpec, digest_of
from ganbench.gan.usercode import first_line

SIZES = ("vocab_size", "n_positions", "n_embd", "n_layer")
READ = (*SIZES, "n_head", "n_inner", "activation_function", "layer_norm_epsilon", "scale_attn_weights",
        "scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn")
ARGUMENTS: dict[str, Any] = {"temperature": 1.0, "top_k": 0}            # top_k 0: all colours
FILES = ("config.json", "preprocessor_config.json")
WEIGHTS, PICKLED, PARTS = "model.safetensors", "pytorch_model.bin", "model-*-of-*.safetensors"
MASKS = (".attn.bias", ".attn.masked_bias")                 # constants that older versions saved beside the weights


class ImageGPT(nn.Module):
    """Each pixel is sampled from its distribution over the colours with one uniform number, row by row from the top.

    `colours`: (k, 3) float32, red, green and blue in [-1, 1].  The start is token k.
    """

    n_classes = 0
    output_range = (-1.0, 1.0)
    colours: Tensor

    def __init__(self, network: nn.Module, colours: Tensor, side: int, name: str = "ImageGPT",
                 temperature: float = 1.0, top_k: int = 0):
        super().__init__()
        self.network, self.side, self.name, self.temperature = network, side, name, temperature
        self.top_k = min(top_k, len(colours)) or len(colours)
        self.register_buffer("colours", colours)

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, side * side) float32 in [0, 1)."""
        return torch.from_numpy(uniforms(indices, seed, self.side**2))

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (n, 3, side, side) float32, in the palette's colours; keys and values of earlier pixels are kept."""
        token, past, tokens = torch.full_like(draws[:, :1], len(self.colours), dtype=torch.int64), None, []
        for k in range(self.side**2):
            made = self.network(input_ids=token, past_key_values=past, use_cache=True)
            past = made.past_key_values
            tokens.append(choose(self.allowed(made.logits[:, -1], k), draws[:, k]))
            token = tokens[-1][:, None]
        return self.colours[torch.stack(tokens, 1)].unflatten(1, (self.side, self.side)).permute(0, 3, 1, 2)

    def allowed(self, logits: Tensor, pixel: int) -> Tensor:
        """Logits at the temperature, (n, k); all but the `top_k` most probable colours are excluded."""
        if not torch.isfinite(logits).all():
            raise BadOutput("images-not-finite", f"{self.name} gives NaN or infinite values at pixel {pixel}.")
        least = logits.topk(self.top_k).values[:, -1:]
        return (logits / self.temperature).masked_fill(logits < least, -math.inf)


# Checks of the folder, before the network is built

def is_imagegpt(folder: Path) -> bool:
    """Whether config.json describes an ImageGPT; False where it cannot be read."""
    with suppress(BadInput):
        return bool(read_table(folder / "config.json").get("model_type") == "imagegpt")
    return False


def look(spec: ModelSpec, folder: Path) -> ModelSpec:
    """Check that sizes, colours and arguments fit together; record the digest of the files that are used."""
    check_arguments(spec.arguments)
    config = read_config(folder)
    read_colours(folder, config["vocab_size"] - 1)
    files = [*(folder / name for name in FILES), *weights_in(folder)]
    digest = digest_of([[file.name, digest_at(file.resolve())] for file in files])
    if spec.sha256 and spec.sha256 != digest:
        raise BadInput("changed-content", f"{folder} has changed: its digest is {digest}, expected {spec.sha256}.")
    return replace(spec, sha256=digest, latent="none", channels=3, resolution=math.isqrt(config["n_positions"]))


def check_arguments(arguments: Mapping[str, Any]) -> None:
    if unknown := arguments.keys() - ARGUMENTS.keys():
        raise BadInput("unknown-argument", f"ImageGPT has no argument {min(unknown)!r}, only {', '.join(ARGUMENTS)}.")
    given = {**ARGUMENTS, **arguments}
    temperature, top_k = given["temperature"], given["top_k"]
    if type(temperature) not in (int, float) or not 0 < temperature < math.inf:
        raise BadInput("unfit-value", f"temperature is {temperature!r}, expected a number above 0.")
    if type(top_k) is not int or top_k < 0:
        raise BadInput("unfit-value", f"top_k is {top_k!r}, expected a whole number of colours, or 0 for all of them.")


def read_table(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BadInput("unusable-config",
                       f"{path} is not what transformers writes for ImageGPT: {first_line(error)}.") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The sizes in config.json that the network is built from; missing ones have transformers' defaults."""
    path = folder / "config.json"
    config = read_table(path)
    if config.get("model_type") != "imagegpt":
        raise BadInput("unusable-config", f"{path} is of model_type {config.get('model_type')!r}, expected 'imagegpt'.")
    found = {name: config[name] for name in READ if name in config}
    for name in SIZES:
        if type(found.get(name)) is not int or found[name] < 1:
            raise BadInput("unusable-config",
                           f"{path}: {name} is {found.get(name)!r}, expected a whole number above 0.")
    if math.isqrt(found["n_positions"]) ** 2 != found["n_positions"]:
        raise BadInput("unusable-config",
                       f"{path}: n_positions is {found['n_positions']}, expected the pixels of a square, such as 1024.")
    return found


def read_colours(folder: Path, k: int) -> Tensor:
    """The palette of preprocessor_config.json, (k, 3) float32 in [-1, 1]."""
    path, wanted = folder / "preprocessor_config.json", f"expected {k} colours (red, green, blue) in [-1, 1]"
    if not path.is_file():
        raise BadInput("no-colours",
                       f"{folder} has no colours for its tokens: found no {path.name}, {wanted} in it as clusters.")
    clusters = read_table(path).get("clusters")
    try:
        colours = torch.tensor(clusters, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        found = "no clusters" if clusters is None else "clusters that are no table of numbers"
        raise BadInput("no-colours", f"{path} has no colours for the tokens: found {found}, {wanted}.") from error
    if colours.shape != (k, 3):
        raise BadInput("no-colours", f"{path}: found clusters of shape {tuple(colours.shape)}, {wanted}.")
    if not bool((colours.abs() <= 1).all()):
        raise BadInput("no-colours",
                       f"{path}: found clusters from {float(colours.min()):g} to {float(colours.max()):g}, {wanted}.")
    return colours


def weights_in(folder: Path) -> list[Path]:
    """The weights file, or its parts; from PyTorch files, too, only tensors are read."""
    whole = [folder / name for name in (WEIGHTS, PICKLED) if (folder / name).is_file()]
    found = whole[:1] or sorted(folder.glob(PARTS))
    if not found:
        raise BadInput("missing-weights",
                       f"{folder} holds no weights: expected {WEIGHTS}, or {PICKLED} with nothing but tensors.")
    return found


# Loading

def open_imagegpt(spec: ModelSpec, folder: Path, device: str, trust_pickle: bool = False) -> ImageGPT:
    """The network in float32 on the device, with the colours of the folder and the arguments of the spec."""
    config = read_config(folder)
    state: dict[str, Tensor] = {}
    for file in weights_in(folder):
        state |= load_state(file, trust_pickle=trust_pickle)
    check_sizes(config, state, folder)
    network = made(config, folder)
    ours = network.state_dict()
    kept = {name: value for name, value in state.items() if name in ours or not name.endswith(MASKS)}
    load_into(network, kept, folder, "ImageGPT")
    model = ImageGPT(network, read_colours(folder, config["vocab_size"] - 1), math.isqrt(config["n_positions"]),
                     spec.name, **{**ARGUMENTS, **spec.arguments})
    return model.eval().requires_grad_(False).to(device)


def check_sizes(config: Mapping[str, Any], state: Mapping[str, Tensor], folder: Path) -> None:
    """Refuse weights that are incomplete or differ from the sizes in config.json, before memory is allocated."""
    names = ("transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight")
    missing = [name for name in names if name not in state or state[name].ndim != 2]
    if missing:
        raise BadInput("missing-weights",
                       f"{folder} holds no {missing[0]}, expected the weights of ImageGPTForCausalImageModeling.")
    layers = {name.split(".")[2] for name in state if name.startswith("transformer.h.")}
    found = dict(zip(SIZES, (len(state[names[0]]), *state[names[1]].shape, len(layers)), strict=True))
    wrong = [name for name in SIZES if config[name] != found[name]]
    if wrong:
        name = wrong[0]
        raise BadInput("weights-do-not-fit",
                       f"{folder}: config.json says {name} = {config[name]}, but the weights have {found[name]}.")


def made(config: Mapping[str, Any], folder: Path) -> nn.Module:
    """transformers' network with newly initialised weights; the global random state is not changed."""
    try:
        from transformers import ImageGPTConfig, ImageGPTForCausalImageModeling
    except ImportError as error:
        raise BadInput("missing-package", "An ImageGPT model needs transformers: pip install transformers.") from error
    try:
        with torch.random.fork_rng(devices=[]):
            return ImageGPTForCausalImageModeling(ImageGPTConfig(**config))
    except Exception as error:      # whatever numbers that do not go together run into
        raise BadInput("unusable-config", f"{folder}: config.json makes no ImageGPT: {first_line(error)}.") from error
