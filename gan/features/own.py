"""A user's own network as extractor, described by a TOML file or `module:callable`."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.backend import Run, start
from ganbench.gan.checkpoints import load_into, load_state
from ganbench.gan.features import resize
from ganbench.gan.features.base import Shape
from ganbench.gan.features.network import GPU_MICRO_BATCH, Network, NetworkExtractor, times
from ganbench.gan.files import digest_at
from ganbench.gan.types import BadInput, digest_of
from ganbench.gan.usercode import (
    bare,
    call,
    contained,
    factory_beside,
    factory_digest,
    first_line,
    read_toml,
    unknown_field,
)

MICRO_BATCH = 10
CLOSE = 1e-4                                          # of the vector's length: what may move where nothing should
RULES: dict[str, Callable[[Tensor, int], Tensor] | None] = {
    "none": None, "clean": resize.clean, "pillow": resize.pillow, "torch": resize.torch_bicubic,
    "tf1": resize.tf1_bilinear, "area": resize.area,
}
POOLS = ("", "mean", "flatten")


@dataclass(frozen=True)
class OwnSpec:
    """The fields of the TOML file.  Pixels are resized, mapped from 0..255 to `value_range`, then normalised."""

    name: str                                         # of the extractor: part of its scores' names
    factory: str                                      # module:callable -> a torch module, or a function of images
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""                                 # a file, counted from the TOML file; empty: the factory's own
    weights_key: str = ""                             # where in the checkpoint the state dict lies
    input: tuple[int, ...] = ()                       # (channels, height, width) of what the network takes
    resize: str = "none"                              # a row of RULES; none: images must have that shape already
    value_range: tuple[float, ...] = (0.0, 1.0)       # of pixels 0 and 255
    mean: tuple[float, ...] = (0.0,)                  # one for all channels, or one for each
    std: tuple[float, ...] = (1.0,)
    features: str = "output"                          # what the module returns, `output.KEY` in it, or a submodule
    logits: str = ""                                  # the same; empty: none
    pool: str = ""                                    # what to do with a map (d, h, w): mean or flatten


# From what the user calls it to a spec

def is_own(name: str) -> bool:
    """Whether a name is not of EXTRACTORS but of a user's file or factory."""
    return name.endswith(".toml") or ":" in name


def resolve(name: str) -> OwnSpec:
    """A TOML file, or `module:callable` with the defaults of `OwnSpec`."""
    if not name.endswith(".toml"):
        return named(OwnSpec(as_name(name.partition(":")[2]), name), name)
    path = Path(name).expanduser()
    values = read_toml(path)
    for key, value in values.items():
        values[key] = checked_field(key, value, path)
    if "factory" not in values:
        raise BadInput("needs-family", f'{path} has no factory: expected factory = "module:callable".')
    spec = named(OwnSpec(**{"name": as_name(path.stem), **values}), name)
    spec = replace(spec, factory=factory_beside(spec.factory, path))
    if spec.weights:
        spec = replace(spec, weights=str((path.parent / Path(spec.weights).expanduser()).absolute()))
    return spec


def as_name(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")


def named(spec: OwnSpec, source: str) -> OwnSpec:
    """The spec, if its name is valid as part of a score's name."""
    if not re.fullmatch("[a-z][a-z0-9_]*", spec.name):
        raise misnamed(spec, source)
    return spec


def misnamed(spec: OwnSpec, source: str) -> BadInput:
    """The error for an invalid name of a user's extractor."""
    return BadInput("malformed-name",
                    f"{source}: an extractor cannot be called {spec.name!r}: its name becomes part of its scores' "
                    "names, so it has small letters, digits and _, and is none of ganbench's own; give name = "
                    "\"mine\", for example, in a TOML file.")


def checked_field(name: str, value: Any, path: Path) -> Any:
    """One value of the TOML file, as `OwnSpec` wants it."""
    known = [field.name for field in fields(OwnSpec)]
    if name not in known:
        raise unknown_field(name, known, path)
    expected, good = {
        "arguments": ("a table", isinstance(value, dict)),
        "input": ("[channels, height, width], such as [3, 224, 224]", is_input(value)),
        "resize": (f"one of {', '.join(RULES)}", value in [*RULES]),
        "pool": ("mean or flatten", value in POOLS),
        "value_range": ("two numbers, low and high, such as [0, 1]", is_numbers(value, (2,)) and value[0] < value[1]),
        "mean": ("one number, or one for each channel", is_numbers(value, (1, 3))),
        "std": ("one number above 0, or one for each channel", is_numbers(value, (1, 3)) and min(value) > 0),
    }.get(name, ("a text in quotes", isinstance(value, str)))
    if not good:
        raise BadInput("unfit-value", f"{path}: {name} is {value!r}, expected {expected}.")
    return tuple(value) if isinstance(value, list) else value


def is_numbers(value: Any, lengths: Sequence[int]) -> bool:
    return isinstance(value, list) and len(value) in lengths and all(
        isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in value)


def is_input(value: Any) -> bool:
    return is_numbers(value, (3,)) and all(isinstance(x, int) and x > 0 for x in value) and value[0] in (1, 3)


def identity(spec: OwnSpec) -> str:
    """Digest over the spec without name and path, the weights' bytes, and the file that defines the factory."""
    facts = asdict(spec)
    del facts["name"], facts["weights"]
    facts["factory"] = bare(spec.factory)
    return digest_of({"extractor": facts, "weights": weights_digest(spec), "source": factory_digest(spec.factory)})


def weights_digest(spec: OwnSpec) -> str:
    if not spec.weights:
        return ""
    path = Path(spec.weights)
    if not path.is_file():
        raise BadInput("no-such-file", f"{path} does not exist, expected a file of weights for {spec.name}.")
    return digest_at(path)


# From a spec to an extractor

def make(spec: OwnSpec, device: str, trust_pickle: bool = False) -> NetworkExtractor:
    """Import the factory, load the weights, and look at what the network does before anything relies on it."""
    module = load(spec, trust_pickle)
    spec = replace(spec, input=input_of(spec, module))
    micro_batch = MICRO_BATCH if torch.device(device).type == "cpu" else GPU_MICRO_BATCH
    run, engine = start(Tapped(module, spec), (micro_batch, *spec.input), device, "torch", eager=True)
    d, n_logits = lengths(spec, run, device, micro_batch)
    only: Shape | None = spec.input if spec.resize == "none" else None          # type: ignore[assignment]
    network = Network(
        spec.name, partial(load, spec), partial(prepare, spec=spec), {}, spec.input,    # type: ignore[arg-type]
        d, n_logits, micro_batch, only, eager=True)
    extractor = NetworkExtractor(network, weights_digest(spec), identity(spec), engine, device, run)
    check(extractor)
    return extractor


def load(spec: OwnSpec, trust_pickle: bool = False) -> nn.Module | Callable[..., Any]:
    """The user's module with its weights, in eval mode and frozen, or the user's function."""
    with torch.random.fork_rng(devices=[]):
        made = call(spec.factory, spec.arguments)
    if isinstance(made, nn.Module):
        if spec.weights:
            load_into(made, load_state(Path(spec.weights), spec.weights_key, trust_pickle), spec.weights, spec.factory)
        return made.eval().requires_grad_(False)
    if spec.weights:
        raise BadInput("not-a-module",
                       f"{spec.factory} returned a {type(made).__name__}, into which {spec.weights} cannot be loaded: "
                       "expected a PyTorch module.")
    if not callable(made):
        raise BadInput("not-a-module",
                       f"{spec.factory} returned a {type(made).__name__}, expected a PyTorch module or a function "
                       "from images to features.")
    return made


def input_of(spec: OwnSpec, module: nn.Module | Callable[..., Any]) -> tuple[int, ...]:
    """The spec's; otherwise the module's own attribute `input_shape`."""
    shape = spec.input or getattr(module, "input_shape", ())
    if not is_input(list(shape) if isinstance(shape, tuple | list) else shape):
        raise BadInput("undeclared-shape",
                       f"{spec.name} does not say which images its network takes: give input = [3, 224, 224], for "
                       "example, in a TOML file, or let the module have an attribute input_shape.")
    channels, height, width = shape
    if height != width and spec.resize != "none":
        raise BadInput("conflicting-options",
                       f"{spec.name}: resize = {spec.resize!r} makes square images, but input is {times(shape)}.")
    if {len(spec.mean), len(spec.std)} - {1, channels}:
        raise BadInput("unfit-value",
                       f"{spec.name}: mean and std have {len(spec.mean)} and {len(spec.std)} numbers, expected 1 or "
                       f"{channels}, one for each channel of the input.")
    return tuple(shape)


class Tapped(nn.Module):
    """The user's module; what it gives, or one of its submodules, as (features,) or (features, logits)."""

    def __init__(self, module: nn.Module | Callable[..., Any], spec: OwnSpec):
        super().__init__()
        self.module, self.spec = module, spec
        self.places = [place for place in (spec.features, spec.logits) if place]
        self.caught = threading.local()                                         # threads share the module
        for place in self.places:
            if place.partition(".")[0] != "output":
                self.part(place).register_forward_hook(partial(self.catch, place))

    def part(self, place: str) -> nn.Module:
        parts = dict(self.module.named_modules()) if isinstance(self.module, nn.Module) else {}
        if place not in parts:
            some = ", ".join([name for name in parts if name][-8:]) or "no parts"
            raise BadInput("unknown-part",
                           f"{self.spec.name} has no part {place!r}, only {some}, among others; what the module "
                           "returns is called output, and what is in that output.KEY.")
        return parts[place]

    def catch(self, place: str, module: nn.Module, given: Any, output: Any) -> None:
        vars(self.caught)[place] = output

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        with contained():
            output = self.module(images)
        found = [entry(output, place) if place.partition(".")[0] == "output" else vars(self.caught).pop(place, None)
                 for place in self.places]
        return tuple(rows(value, place, self.spec) for value, place in zip(found, self.places, strict=True))


def entry(output: Any, place: str) -> Any:
    """`output.KEY`: an entry of a dictionary or tuple, or an attribute; None where there is none."""
    for key in place.split(".")[1:]:
        if isinstance(output, Mapping):
            output = output.get(key)
        elif key.isdigit():
            output = output[int(key)] if isinstance(output, Sequence) and int(key) < len(output) else None
        else:
            output = getattr(output, key, None)
    return output


def rows(value: Any, place: str, spec: OwnSpec) -> Tensor:
    """(n, d) float32, contiguous; maps (n, d, h, w) as `pool` says."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if not isinstance(value, Tensor):
        raise BadInput("not-features",
                       f"{spec.name}: {place} is {described(value)}, expected a tensor: what the module returns is "
                       "called output, and its parts output.0 or output.KEY.")
    if value.ndim > 2 and spec.pool == "mean":
        value = value.flatten(2).mean(2)
    elif value.ndim > 2 and (spec.pool == "flatten" or value[0].numel() == value.shape[1]):
        value = value.flatten(1)
    if value.ndim != 2:
        raise BadInput("not-features",
                       f"{spec.name}: {place} has the shape {tuple(value.shape)}, expected (images, features): choose "
                       'another part, or give pool = "mean" or "flatten".')
    return value.float().contiguous()


def described(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dictionary with {', '.join(map(str, value))}"
    return "not there" if value is None else f"a {type(value).__name__}"


def prepare(images: Tensor, spec: OwnSpec) -> Tensor:
    """NCHW uint8 -> (N, *input) float32."""
    rule = RULES[spec.resize]
    resized = rule(images, spec.input[1]) if rule else images.float()
    low, high = spec.value_range
    mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (spec.mean, spec.std))
    return (resized / 255 * (high - low) + low - mean) / std


# What it does

def lengths(spec: OwnSpec, run: Run, device: str, n: int) -> tuple[int, int]:
    """Of features and logits, from one run; 0: no logits."""
    images = prepare(torch.from_numpy(noise(n, spec.input)).to(device), spec)
    try:
        with torch.inference_mode():
            arrays = run(images)
    except BadInput:
        raise
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise BadInput("call-failed",
                       f"{spec.name} failed when called with images of shape {tuple(images.shape)}: "
                       f"{first_line(error)}.") from error
    for place, array in zip((spec.features, spec.logits), arrays, strict=False):
        if len(array) != n:
            raise BadInput("unequal-counts",
                           f"{spec.name}: {place} has {len(array)} rows for {n} images, expected one for each.")
    return arrays[0].shape[1], arrays[1].shape[1] if spec.logits else 0


def check(extractor: NetworkExtractor) -> None:
    """Refuse a network whose features are not finite, are the same for all images, or depend on other images."""
    shape = extractor.network.input
    images = noise(extractor.micro_batch, shape)
    first = extractor(images)
    for name, found in first.items():
        if not np.isfinite(found).all():
            raise BadInput("features-not-finite",
                           f"{extractor.name} gives {name} that are not finite numbers: check value_range, mean, std.")
    features = first["features"]
    if len(features) > 1 and (features == features[0]).all():
        raise BadInput("constant-features",
                       f"{extractor.name} gives all images the same features: check the weights, and the part.")
    for among, why in ((images, "chance: something in it is random"), (images[:1], (
            "its neighbours in the batch: something in it normalises by the batch"))):
        again = extractor(among)["features"]
        apart = np.linalg.norm(again - features[: len(again)]) / np.linalg.norm(features[: len(again)])
        if not apart <= CLOSE:
            raise BadInput("unsteady-features", f"{extractor.name} gives an image features that depend on {why}.")


def noise(n: int, shape: Sequence[int]) -> np.ndarray:
    """(n, *shape) uint8, the same for everyone."""
    return np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
