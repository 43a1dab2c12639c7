"""What the shapes and names of a state dict suggest about the network: its kind, latents, classes and pictures.

Nothing here is certain: every guess has a reason, and what else it may be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor

TABLE = re.compile(r"emb|wte|wpe|lookup|codebook|table|label|class|shared", re.I)
STEPS = re.compile(r"time|temb|(^|[._])t_?(emb|proj|mlp|block|[._]|$)|(^|[._])steps?|noise_?(emb|level)"
                   r"|map_(noise|layer)|alphas?_(cum|bar|hat)|betas|(^|[._])sigmas$|Dense_0", re.I)
PLACES = re.compile(r"pos|wpe", re.I)
TOKENS = re.compile(r"wte|tok|vocab|codebook|quanti|(^|[._])vq|pixel", re.I)
CLASSES = re.compile(r"label|class|cls|cond|(^|[._])[yc]_?(emb|[._])", re.I)
ONE_HOT = re.compile(r"label|class|context|gain|gamma|beta", re.I)
ENCODER, DECODER = re.compile(r"(^|[._])enc(oder)?[._]", re.I), re.compile(r"(^|[._])dec(oder)?(_input)?[._]", re.I)
MEAN = re.compile(r"(^|[._])(fc|linear|conv|to|z|q|encoder|enc)?_?(mu|mean|loc)\d*$", re.I)
SPREAD = re.compile(r"(log_?var|log_?sigma|log_?std|(^|[._]|fc_?|z_|to_)(var|sigma|std|scale))\d*$", re.I)
ENDS = re.compile(r"out|final|last|to_?rgb|tail|head|end", re.I)
MAPPING = re.compile(r"(^|[.])(mapping|style)\.", re.I)
ASIDE = re.compile(r"(bias|mask|tril|kernel|token|freqs|(?<!weight)_[uv])$|^(input|const)|pos_?emb|rel_pos", re.I)
NOISES = re.compile(r"noises?[._](noise_)?\w+$|noise_const$")
ROUND = {*range(10, 1_001, 10), 47, 43, 37, 102}             # numbers of classes that data sets have
BESIDE = {100, 128, 256, 512}                               # lengths of z to which classes are often appended
PALETTES = (2, 4, 8, 16, 32, 64, 128, 256)                  # levels of a pixel; beside them a start, or classes
SIZES = {1: 28, 3: 32}                                      # of MNIST and CIFAR-10, by channels
RANGES = "or [0, 1] (a sigmoid at the end, pictures that were not normalised), [-0.5, 0.5], [0, 255]"
KINDS = {
    "pixels": "a transformer that writes tokens one after the other, such as the pixels of a picture",
    "transformer": "a diffusion or flow transformer over patches",
    "unet": "a network of a diffusion or flow model, such as a U-Net: it takes noisy pictures and a time",
    "vae": "an autoencoder: pictures come from its decoder",
    "style": "a StyleGAN: a mapping network and a synthesis network",
    "translation": "a network from pictures to pictures, such as an image translation or an autoencoder",
    "classifier": "a classifier or discriminator: it takes pictures and gives none",
    "discriminator": "a discriminator: it takes pictures and gives one number",
    "generator": "",
}


@dataclass(frozen=True)
class Guess:
    """A field of ModelSpec, its value, the evidence for it, and what it may be instead."""

    field: str
    value: Any
    why: str
    instead: str = ""


@dataclass(frozen=True)
class Layer:
    """A linear layer or convolution: how many numbers or channels it takes and gives."""

    name: str
    shape: tuple[int, ...]
    takes: int
    gives: int
    transposed: bool = False

    @property
    def linear(self) -> bool:
        return len(self.shape) == 2

    @property
    def said(self) -> str:
        return f"{self.name} {self.shape}"


@dataclass(frozen=True)
class Look:
    """A state dict at a glance."""

    state: Mapping[str, Tensor]
    layers: tuple[Layer, ...]                               # in order
    tables: Mapping[str, tuple[int, ...]]                   # embeddings, (rows, columns)

    @property
    def takes_pictures(self) -> int:
        """Channels of the pictures that it takes; 0: none."""
        first = next((layer for layer in self.layers if not layer.linear), None)
        return first.takes if first and not first.transposed and first.takes in (1, 3) else 0

    @property
    def latent_channels(self) -> int:
        """Channels of the latents that a U-Net takes and gives in the place of pictures; 0: none."""
        first = next((layer for layer in self.layers if not layer.linear), None)
        back = [layer for layer in self.layers if first and not layer.linear and layer.gives == first.takes]
        return first.takes if first and back and 3 < first.takes <= 32 else 0

    @property
    def last(self) -> Layer | None:
        """The layer that gives pictures: named so, or the last one."""
        found = [layer for layer in self.layers if not layer.linear and layer.gives in (1, 3)]
        named = [layer for layer in found if ENDS.search(layer.name)]
        return next(reversed(named or found), None)

    @property
    def has_time(self) -> bool:
        return any(STEPS.search(name) for name, value in self.state.items() if value.ndim)

    def rows(self, role: re.Pattern[str]) -> tuple[str, int]:
        """The name and the rows of a table of a role; ('', 0) without one."""
        return next(((name, shape[0]) for name, shape in self.tables.items() if self.role(name) is role), ("", 0))

    def role(self, name: str) -> re.Pattern[str]:
        """What the rows of a table are: time steps, places, tokens or classes."""
        for role in (STEPS, PLACES, TOKENS, CLASSES):
            if role.search(name):
                return role
        many = self.tables[name][0] >= 500 and bool(self.takes_pictures)
        return STEPS if many else CLASSES


def look(state: Mapping[str, Tensor]) -> Look:
    tables = {name: tuple(value.shape) for name, value in state.items() if is_table(name, value, state)}
    kernels = [name for name, value in state.items() if value.ndim in (2, 4) and name not in tables
               and min(value.shape) and (name.endswith("weight") or not (ASIDE.search(name) or value.shape[0] == 1))]
    return Look(state, tuple(layer_of(name, state, kernels) for name in kernels), tables)


def is_table(name: str, value: Tensor, state: Mapping[str, Tensor]) -> bool:
    """An embedding: a matrix called one, without the bias that a linear layer has."""
    layer = name.removesuffix(".weight")
    return value.ndim == 2 and bool(TABLE.search(layer)) and f"{layer}.bias" not in state and layer != name


def layer_of(name: str, state: Mapping[str, Tensor], kernels: Sequence[str]) -> Layer:
    value = state[name]
    turned = is_transposed(name, value, state, kernels)
    outgoing, incoming = (value.shape[1], value.shape[0]) if turned else (value.shape[0], value.shape[1])
    return Layer(name, tuple(value.shape), incoming, outgoing, turned)


def is_transposed(name: str, value: Tensor, state: Mapping[str, Tensor], kernels: Sequence[str]) -> bool:
    """Whether a kernel is of a transposed convolution, (in, out, k, k): its bias, or the layer after it, has `out`
    numbers; without a sign of that, by its name, and whether it stands at the end and gives 1 or 3 channels."""
    if value.ndim != 4:
        return False
    names = list(state)
    after = (state[following] for following in names[names.index(name) + 1 :])
    length = next((len(vector) for vector in after if vector.ndim == 1), 0)
    if length in value.shape[:2] and value.shape[0] != value.shape[1]:
        return length == value.shape[1]
    if re.search("deconv|transpose|convt", name, re.I):
        return True
    return value.shape[1] in (1, 3) and name != kernels[0]


# Kinds

def kind_of(found: Look) -> str:
    """A row of KINDS."""
    convolutions = [layer for layer in found.layers if not layer.linear]
    if found.tables and found.rows(TOKENS)[1] and not convolutions:
        return "pixels"
    if any(value.ndim == 5 or NOISES.search(name) for name, value in found.state.items()) and any(
            MAPPING.search(layer.name) for layer in found.layers):
        return "style"
    if (found.takes_pictures or found.latent_channels) and found.has_time:
        return "transformer" if is_patches(convolutions) else "unet"
    if heads(found) or (some(ENCODER, found.state) and some(DECODER, found.state)):
        return "vae"
    if not found.takes_pictures:
        return judge_of_rows(found) if not convolutions else "generator"
    if found.rows(STEPS)[1]:
        return "unet"
    if found.last is None:
        return "classifier"
    if is_discriminator(found, convolutions):
        return "discriminator"
    return "translation"


def judge_of_rows(found: Look) -> str:
    """A network of linear layers alone: what takes many numbers and gives few takes flat pictures."""
    if not found.layers or not square(found.layers[0].takes) or found.layers[-1].gives * 8 > found.layers[0].takes:
        return "generator"
    return "discriminator" if found.layers[-1].gives == 1 else "classifier"


def square(length: int) -> tuple[int, int]:
    """Channels and side of the square pictures of so many numbers, or (0, 0), which is no picture."""
    for channels in (1, 3):
        side = math.isqrt(length // channels)
        if side >= 8 and channels * side**2 == length and length not in (256, 1_024):
            return channels, side
    return (0, 0)


def some(pattern: re.Pattern[str], names: Mapping[str, Any]) -> bool:
    return any(map(pattern.search, names))


def is_patches(convolutions: Sequence[Layer]) -> bool:
    first = convolutions[0]
    return len(convolutions) == 1 and first.shape[2] == first.shape[3] > 1


def is_discriminator(found: Look, convolutions: Sequence[Layer]) -> bool:
    """Ever more channels, and one in the end, which is not what pictures of 3 channels end in."""
    gives = [layer.gives for layer in convolutions]
    grows = len(gives) > 2 and all(before <= after for before, after in pairwise(gives[:-1]))
    return grows and gives[-1] == 1 and not any(layer.transposed for layer in convolutions) and gives[-2] > gives[0]


def heads(found: Look) -> tuple[Layer, Layer] | None:
    """The layers of an encoder that give mean and variance: named so, or two of one shape whose output the next takes.
    """
    for first, second in pairwise(found.layers):
        same = first.shape == second.shape
        if same and MEAN.search(plain(first.name)) and SPREAD.search(plain(second.name)):
            return first, second
    for first, second, third in zip(found.layers, found.layers[1:], found.layers[2:], strict=False):
        narrow = first.linear and first.shape == second.shape and first.gives < first.takes
        if narrow and third.linear and third.takes == first.gives and third.gives > third.takes:
            return first, second
    return None


def plain(name: str) -> str:
    return name.removesuffix(".weight")


# Guesses

def guesses_of(state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> tuple[str, list[Guess], list[str]]:
    """The kind, the fields of a model file, and notes.  `settings`: what training code stored beside the weights."""
    found = look(state)
    kind = kind_of(found)
    guesses = {"pixels": of_pixels, "vae": of_vae, "unet": of_unet, "transformer": of_unet, "style": of_style,
               "translation": of_unet}.get(kind, of_generator)(found)
    by_field = {guess.field: guess for guess in (*general(kind), *guesses)}
    by_field |= {guess.field: guess for guess in from_settings(settings, by_field, kind)}
    return kind, list(by_field.values()), notes_of(kind, found)


def general(kind: str = "generator") -> Iterator[Guess]:
    """What weights do not say."""
    yield Guess("latent", "normal", "weights do not say it", '"uniform" (in [-1, 1])')
    if kind == "vae":
        yield Guess("output_range", (0.0, 1.0), "usual for autoencoders, with a sigmoid at the end",
                    "[-1, 1] (tanh, normalised pictures)")
    else:
        yield Guess("output_range", (-1.0, 1.0), "usual; weights do not say it", RANGES.removeprefix("or "))


def notes_of(kind: str, found: Look) -> list[str]:
    notes = [f"it looks like {KINDS[kind]}"] if KINDS[kind] else []
    if kind in ("unet", "transformer") and not found.takes_pictures:
        notes.append(f"it works on latents of {found.latent_channels} channels: the sampler also decodes them")
    if kind in ("unet", "transformer"):
        notes.append("your factory returns the whole sampler: noise of latent_shape in, pictures out (DDIM, an ODE); "
                     'for one that draws noise at every step put latent = "none": it gets one seed per image')
    if kind == "vae":
        notes.append("your factory returns what takes z: the decoder, or a module that calls it; forward of the whole "
                     "takes pictures")
    if kind == "pixels":
        notes.append("your factory returns a function from seeds, (n,) int64, to pictures, which draws each from its "
                     "own seed")
    if kind == "translation":
        notes.append("it needs pictures to begin with: latent_shape is noise of their shape")
    if kind == "style":
        notes.append("if your module takes a list of latents, as some do, let the factory return a function of one")
    norms = unkept(found) if kind in ("generator", "vae", "translation") else ""
    if norms:
        notes.append(f"{norms} and others have no running statistics: if they are BatchNorm, build them with "
                     "track_running_stats=False; their images depend on the batch, so scores need statistics that "
                     "are averaged over many batches and saved with the weights")
    return notes


def unkept(found: Look) -> str:
    """A layer after a convolution with weight and bias of one axis and no running means, where no layer has any."""
    if any(name.endswith("running_mean") or "attn" in name for name in found.state):
        return ""
    return next((plain(name) for name, value in found.state.items()
                 if name.endswith(".weight") and value.ndim == 1 and len(value) > 1), "")


def of_generator(found: Look) -> Iterator[Guess]:
    """z, beside it classes, and pictures."""
    yield from latents(found)
    last = found.last or (found.layers[-1] if found.layers and found.layers[-1].linear else None)
    yield from pictures(last)
    yield from layout(found) if last and last.linear else ()
    yield from size_of(found)


def latents(found: Look) -> Iterator[Guess]:
    """The length of z: what the first layer takes, less classes that lie beside it."""
    classes = [(name, shape) for name, shape in found.tables.items() if found.role(name) is CLASSES]
    yield from classes_of(found, "generator")
    if not found.layers:
        return
    first = found.layers[0]
    z, why, instead = first.takes, f"what {first.said} takes", ""
    beside = classes[0][1][1] if len(classes) == 1 else 0
    hot = one_hot(found.layers) if not classes else 0
    if 0 < beside < z:
        z, why = z - beside, f"{why} less the columns of {classes[0][0]}"
        instead = f"{z + beside} if classes enter elsewhere"
    elif hot and z - hot in BESIDE:
        z, why, instead = z - hot, f"{why} less {hot} classes, one-hot", f"{z} without classes"
        yield Guess("n_classes", hot, f"{first.name} takes {z} + {hot} numbers, as z beside a one-hot class",
                    "0 (without classes)")
    elif hot:
        yield Guess("n_classes", hot, f"{found.layers[1].name} takes {hot} numbers beside z", "0 (without classes)")
    shape = (z,) if first.linear else (z, 1, 1)
    other = f"[{z}] if the code adds two axes" if len(shape) == 3 else f"[{z}, 1, 1] if the code wants two axes"
    yield Guess("latent_shape", shape, why, ", ".join(filter(None, (instead, other))))


def one_hot(layers: Sequence[Layer]) -> int:
    """How many classes seem to be appended to z, or to enter by a layer of their own beside that of z; 0: none."""
    first = layers[0]
    if len(layers) > 1 and layers[1].gives == first.gives and layers[1].takes in (2, 10, 100) and (
            layers[1].shape[2:] == first.shape[2:] and first.takes != layers[1].takes != first.gives):
        return layers[1].takes
    return 10 if first.takes - 10 in BESIDE else 0


def classes_of(found: Look, kind: str) -> Iterator[Guess]:
    """The number of classes: rows of a table, or what layers named after classes take."""
    name, rows = found.rows(CLASSES)
    if rows:
        yield classes_guess(name, rows, kind)
        return
    hot = [layer for layer in found.layers[1:] if layer.linear and ONE_HOT.search(layer.name) and layer.takes in ROUND]
    if len(hot) > 1 and len({layer.takes for layer in hot}) == 1:
        yield Guess("n_classes", hot[0].takes, f"{hot[0].name} and others take {hot[0].takes} numbers, as a one-hot "
                    "class", "0 (without classes)")


def classes_guess(name: str, rows: int, kind: str) -> Guess:
    """Rows of a table, less one that looks like the class `none` of classifier-free guidance."""
    if rows - 1 in ROUND and rows not in ROUND:
        return Guess("n_classes", rows - 1, f"rows of {name}, less one for no class (classifier-free guidance)",
                     f"{rows} if all are classes")
    instead = f"{rows - 1} if one stands for no class" if kind != "generator" else ""
    return Guess("n_classes", rows, f"rows of {name}", instead)


def pictures(last: Layer | None) -> Iterator[Guess]:
    """Channels and size of what the last layer gives."""
    if last is None:
        return
    if not last.linear:
        yield Guess("channels", last.gives, f"what {last.said} gives")
    for channels in (1, 3) if last.linear else ():
        side = math.isqrt(last.gives // channels)
        if side >= 8 and channels * side**2 == last.gives:
            yield Guess("channels", channels, f"what {last.said} gives: {channels} x {side} x {side}")
            yield Guess("resolution", side, f"what {last.said} gives")
            return


def layout(found: Look) -> Iterator[Guess]:
    """Of a network that ends in a linear layer: rows, but code with BatchNorm mostly is that which reshapes them."""
    if any(name.endswith("running_mean") for name in found.state):
        yield Guess("layout", "NCHW", "usual for linear layers with BatchNorm, whose rows the code reshapes",
                    '"NC" (rows as the last layer gives them), "NHW"')
    else:
        yield Guess("layout", "NC", "a linear layer at the end gives rows", '"NCHW" or "NHW" if the code reshapes')


def size_of(found: Look) -> Iterator[Guess]:
    """Pictures that begin with 7 x 7 places are 28 x 28."""
    for layer, following in pairwise(found.layers[:5]):
        if layer.linear and not following.linear and layer.gives == 49 * following.takes:
            yield Guess("resolution", 28, f"{layer.said} gives {following.takes} x 7 x 7", "14, 56")
            return


def of_unet(found: Look) -> Iterator[Guess]:
    """Noise of the shape of pictures; classes are a table that is neither of steps nor of places."""
    yield from classes_of(found, "unet")
    channels = found.takes_pictures or found.latent_channels
    side, why = placed(found)
    if not side:
        side, why = SIZES.get(channels, 32), "the size is not in the weights"
    others = ", ".join(f"[{channels}, {size}, {size}]" for size in (28, 32, 64) if size != side)
    if found.last and not found.has_time:
        yield from pictures(found.last)
    elif found.takes_pictures:
        first = next(layer for layer in found.layers if not layer.linear)
        yield Guess("channels", channels, f"what {first.said} takes")
    yield Guess("latent_shape", (channels, side, side), f"noise of the pictures' shape; {why}", others)


def placed(found: Look) -> tuple[int, str]:
    """The side of pictures that are cut into patches, from the number of places."""
    first = next((layer for layer in found.layers if not layer.linear), None)
    for name, value in found.state.items():
        if PLACES.search(name) and value.ndim in (2, 3) and first and is_patches([first]):
            places = value.shape[-2]
            root = math.isqrt(places)
            if root > 1 and root**2 in (places, places - 1):
                return root * first.shape[2], f"{root} x {root} patches of {first.shape[2]} pixels in {name}"
    return 0, ""


def of_vae(found: Look) -> Iterator[Guess]:
    """What the decoder takes and gives."""
    pair = heads(found)
    start = found.layers.index(pair[1]) + 1 if pair else 0
    named = [layer for layer in found.layers if DECODER.search(layer.name)]
    decoder = found.layers[start:] if pair else named or found.layers
    if not decoder:
        return
    first = decoder[0]
    z = pair[0].gives if pair else first.takes
    if z < first.takes <= z + 1_000 and pair:
        yield Guess("n_classes", first.takes - z, f"{first.name} takes {first.takes} numbers, z has {z}",
                    "0 (without classes)")
    why = f"what {pair[0].said} gives" if pair else f"what {first.said} takes"
    flat = pair[0].linear if pair else first.linear
    side = 1 if first.transposed and first.shape[2] > 3 else 8
    yield Guess("latent_shape", (z,) if flat else (z, side, side), why,
                f"[{z}, 1, 1] if the code wants two axes" if flat else f"[{z}, 4, 4], [{z}, 7, 7], [{z}, 16, 16]")
    inner = Look(found.state, tuple(decoder), {})
    last = decoder[-1] if decoder[-1].linear else inner.last
    yield from pictures(last)
    yield from layout(found) if last and last.linear else ()
    yield from size_of(inner)


def of_pixels(found: Look) -> Iterator[Guess]:
    """Seeds in, pixels out: as many as there are places, less a start token or a class."""
    yield Guess("latent", "none", "every pixel is drawn from the ones before: your code gets a seed per image",
                '"tokens" if the factory returns an object with its own draws and sample')
    name, colours = found.rows(TOKENS)
    palette = max((count for count in PALETTES if count <= colours), default=256)
    yield Guess("output_range", (0.0, palette - 1.0), f"{name} has {colours} rows, so {palette} levels of a pixel",
                "[0, 1], [-1, 1]")
    yield from classes_of(found, "pixels")
    places = next((value.shape[-2] for key, value in found.state.items()
                   if PLACES.search(key) and value.ndim in (2, 3)), 0)
    for channels in (1, 3):
        for count in (places, places - 1, places + 1):
            side = math.isqrt(max(count, 0) // channels)
            if side >= 4 and channels * side**2 == count:
                yield Guess("channels", channels, f"{places} places")
                yield Guess("resolution", side, f"{places} places: {channels} x {side} x {side}")
                return


def of_style(found: Look) -> Iterator[Guess]:
    """z is what the mapping network takes; noise buffers have the size of pictures."""
    first = next(layer for layer in found.layers if MAPPING.search(layer.name))
    yield Guess("latent_shape", (first.takes,), f"what {first.said} takes")
    sides = [value.shape[-1] for name, value in found.state.items() if NOISES.search(name) and value.ndim in (2, 4)]
    sizes = [int(size) for name in found.state for size in re.findall(r"(?:^|\.)b(\d+)\.", name)]
    if sides or sizes:
        yield Guess("resolution", max([*sides, *sizes]), "the largest noise of its layers")
    rgb = [value for name, value in found.state.items() if re.search("to_?rgb", name, re.I) and value.ndim in (4, 5)
           and not re.search("modulation|affine|upsample|skip", name)]
    colours = [side for value in rgb for side in value.shape[:2] if side in (1, 3) and value.ndim == 4]
    colours += [value.shape[1] for value in rgb if value.ndim == 5 and value.shape[1] in (1, 3)]
    if colours:
        yield Guess("channels", colours[-1], "what its to-RGB layers give")


# Settings that training code stores beside weights

NAMES = {
    "latent_shape": ("latent_dim", "z_dim", "zdim", "nz", "noise_dim", "latent_size", "dim_z", "z_size", "noise_size"),
    "n_classes": ("n_classes", "num_classes", "n_class", "num_class", "class_num"),
    "resolution": ("img_size", "image_size", "imsize", "img_resolution", "resolution", "input_size", "imageSize"),
    "channels": ("channels", "nc", "img_channels", "image_channels", "n_channels", "in_channels", "num_channels"),
}


def from_settings(settings: Mapping[str, Any], known: Mapping[str, Guess], kind: str) -> Iterator[Guess]:
    """Fields that settings name outright, where shapes leave them open."""
    found = {field: (name, settings[name]) for field, names in NAMES.items() for name in reversed(names)
             if isinstance(settings.get(name), int) and not isinstance(settings[name], bool) and settings[name] > 0}
    shape = known["latent_shape"].value if "latent_shape" in known else (0,)
    z, said = found.get("latent_shape", ("", 0))[1], "{} = {} in the settings beside the weights"
    n, side = (found.get(field, ("", 0))[1] for field in ("n_classes", "resolution"))
    if kind in ("unet", "transformer", "translation") and side:
        yield Guess("latent_shape", (shape[0], side, side), said.format(*found["resolution"]))
    if kind in ("generator", "vae", "style") and 0 < z < shape[0]:
        yield Guess("latent_shape", (z, *shape[1:]), said.format(*found["latent_shape"]), f"{[*shape]} by the shapes")
    if n and ("n_classes" in known or z + n == shape[0]):
        yield Guess("n_classes", n, said.format(*found["n_classes"]))
    for field in ("resolution", "channels"):
        if field in found and field not in known and (field == "resolution" or found[field][1] in (1, 3)):
            yield Guess(field, found[field][1], said.format(*found[field]))


def settings_in(content: Any) -> dict[str, Any]:
    """Settings that training code stored beside weights: `hyper_parameters` of Lightning, `args`, `config` and others,
    one table in the other."""
    found: dict[str, Any] = {}
    for name in ("hyper_parameters", "hparams", "args", "opt", "options", "config", "cfg", "params", "settings"):
        part = content.get(name) if isinstance(content, Mapping) else None
        part = vars(part) if hasattr(part, "__dict__") and not isinstance(part, Mapping) else part
        for key, value in part.items() if isinstance(part, Mapping) else ():
            inner = value if isinstance(value, Mapping) else {key: value}
            found |= {str(one): more for one, more in inner.items()}
    return found
