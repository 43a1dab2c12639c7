"""From what a user calls MODEL to a `ModelSpec`, and from a spec to a `Generator`."""

from __future__ import annotations

import inspect
import json
import math
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import (
    LEGACY,
    is_torchscript,
    load_into,
    load_state,
    parts,
    read_checkpoint,
    read_head,
    select_state,
    without_norms,
)
from ganbench.gan.datasets import DATASETS, DataFolders, dataset_names, is_images
from ganbench.gan.datasets.folder import SUFFIXES
from ganbench.gan.features import base as feature_base
from ganbench.gan.features import efficientnet_lite, extract, inception, judge, network, own, pixels, resize, vit
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import checked_digest
from ganbench.gan.generators import (
    GENERATORS,
    export,
    hub,
    imagegpt,
    mixture,
    pickled,
    pipeline,
    rejection,
    transformer,
)
from ganbench.gan.generators import factory as factories
from ganbench.gan.generators import images as disk
from ganbench.gan.generators.base import Generator
from ganbench.gan.generators.images import ImagesOnDisk, open_set
from ganbench.gan.generators.mixture import Mixture, checked_shares
from ganbench.gan.generators.rejection import Rejection, checked_settings, load_ratio
from ganbench.gan.types import BadInput, ModelSpec, Workspace, digest_of
from ganbench.gan.usercode import first_line, read_toml, source_digest, unknown_field

ZOO = Path(__file__).parent.parent / "zoo"
IMAGES = "images"                                           # the family of images on disk
MIXTURE = "mixture"                                         # and of mixtures
REJECTION = "rejection"                                     # and of models whose images are chosen
LAWS = ("normal", "uniform", "tokens", "none")
LAYOUTS = ("NCHW", "NHWC", "NHW", "NC")
PARTS = {MIXTURE: ("models", "shares"), REJECTION: ("model", "ratio", "extractor", "attempts")}     # in the sha256
PATHS = {"prompts"}                                         # arguments that are files, whose content is in the sha256


# MODEL -> ModelSpec

def resolve(
    model: str,
    workspace: Workspace | None = None,
    *,
    data: bool = False,
    family: str = "",
    factory: str = "",
    arguments: Mapping[str, Any] | None = None,
    weights_key: str = "",
    trust_pickle: bool = False,
    zoo: Path = ZOO,
) -> ModelSpec:
    """`zoo:NAME`, a TOML model file, a weights file, a .pt2, a folder of diffusers or ImageGPT, `hf:ORG/REPO@REVISION`,
    or images (a folder, .npz, .parquet or named data set).

    What is found is looked at: weights must fit the family, images must be readable and of one size.  The
    spec that comes back holds the sha256 of the weights, or the digest of the images.  `data`: only images.
    No factory is imported, and nothing in a file is run.
    """
    workspace = workspace or Workspace()
    workspace = replace(workspace, trust_pickle=trust_pickle or workspace.trust_pickle)
    if data:
        return resolve_images(model, workspace, arguments or {})
    path = Path(model)
    if model.startswith("zoo:"):
        spec = read_spec(zoo_file(model.removeprefix("zoo:"), zoo))
    elif path.suffix == ".toml" and path.is_file():
        spec = read_spec(path)
    elif is_images(model) and not (path.is_dir() and (family or factory)):
        return resolve_images(model, workspace, arguments or {})
    else:
        spec = found_at(model, path, zoo, bool(factory))
    spec = replace(
        spec, family="" if factory else family or spec.family, factory="" if family else factory or spec.factory,
        weights_key=weights_key or spec.weights_key, arguments={**spec.arguments, **(arguments or {})},
    )
    if hub.is_on_hub(spec.weights):
        spec = replace(spec, weights=hub.pinned(spec.weights))
    if not (spec.family or spec.factory):
        spec = replace(spec, family=family_of(hub.place(spec.weights)))
    if spec.family in OPENERS:
        return OPENERS[spec.family].look(spec, workspace)
    return examine(spec, workspace.trust_pickle)[0]


def found_at(model: str, path: Path, zoo: Path, with_factory: bool) -> ModelSpec:
    """A weights file, or a folder with one: of diffusers, of ImageGPT, or as PyTorchModelHubMixin saves it, here or on
    the Hub."""
    if hub.is_on_hub(model):
        weights = hub.pinned(model)
        name = model.partition("@")[0].removeprefix("hf:") + "@" + weights.partition("@")[2][:12]
    else:
        check_place(model, path, zoo)
        name, weights = path.stem, str(path.absolute())
    folder = hub.place(weights)
    kind = family_of(folder)
    if not folder.is_dir() or (kind and not (with_factory and kind == "imagegpt")):
        return ModelSpec(name, weights=weights)
    file = hub.weights_in(folder)
    if not file:
        raise BadInput(f"{model} holds no weights: expected {' or '.join(hub.WEIGHTS)}, or the folders of a diffusers "
                       "pipeline.")
    joined = f"{weights}:{file}" if hub.is_on_hub(weights) else str(Path(weights) / file)
    return ModelSpec(name, weights=joined, arguments=hub.arguments_in(folder) if with_factory else {})


def family_of(path: Path) -> str:
    """What a file or folder is in itself; '' for weights, which may belong to anything."""
    if path.is_dir():
        is_pipeline = (path / "model_index.json").is_file()
        return "pipeline" if is_pipeline else "imagegpt" if imagegpt.is_imagegpt(path) else ""
    head = read_head(path)
    if head[:4] == b"PK\x03\x04" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return "export" if export.is_program(names) else "pickled" if is_torchscript(names) else ""
    is_pickle = head[:1] == b"\x80" and head[8:9] != b"{" and not head.startswith(LEGACY)
    return "pickled" if is_pickle and path.suffix != ".safetensors" else ""


def check_place(model: str, path: Path, zoo: Path) -> None:
    """Sentences for what is no weights file."""
    if path.suffix.lower() in SUFFIXES and path.exists():
        raise BadInput(f"{model} is a single image: give a folder or file of images as MODEL.")
    if not path.exists():
        raise BadInput(
            f"MODEL {model!r} does not exist: expected zoo:NAME ({', '.join(zoo_names(zoo)) or 'the zoo is empty'}), a "
            f"TOML model file, a weights file, a folder of diffusers or ImageGPT, hf:ORG/REPO@REVISION, a folder, "
            f".zip, .npz or .parquet of images, or {', '.join(dataset_names())}."
        )


def resolve_images(data: str, workspace: Workspace, arguments: Mapping[str, Any]) -> ModelSpec:
    path = Path(data)
    known = data.partition(":")[0] in DATASETS or not path.exists()
    name = data if known else path.name or data
    return completed_images(
        ModelSpec(name, IMAGES, weights=data if known else str(path.absolute()), arguments=arguments, latent="none"),
        workspace,
    )


def completed_images(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Look at the images; note their digest and shape."""
    images = open_images(spec, workspace).images
    height, width = images.shape[1:]
    resolution = height if height == width else None
    return replace(spec, sha256=images.digest, channels=images.shape[0], resolution=resolution, latent="none")


def examine(spec: ModelSpec, trust_pickle: bool) -> tuple[ModelSpec, dict[str, Tensor]]:
    """Read the weights; note their sha256, where they lie in the file, and the arguments that they imply."""
    if not (spec.family or spec.factory):
        raise BadInput(needs_family(spec, trust_pickle))
    if spec.family and spec.family not in GENERATORS:
        raise BadInput(f"No family {spec.family!r}. Known: {', '.join(sorted([*GENERATORS, *OPENERS]))}.")
    if not spec.weights:
        if spec.family:
            raise BadInput(f"{spec.name} has no weights: family {spec.family} needs a weights file.")
        return spec, {}
    path = hub.place(spec.weights)
    read_head(path)
    digest = checked_digest(path, spec.sha256)
    key, state = select_state(read_checkpoint(path, trust_pickle), path, spec.weights_key)
    spec_key, spec = spec.weights_key, replace(spec, sha256=digest, weights_key=key)
    if spec.factory:
        return spec, state
    state = without_norms(state)
    part = "" if spec_key else part_of_family(spec.family, state)
    if part:
        key, state = f"{key}.{part}".lstrip("."), dict(parts(state))[part]
        spec = replace(spec, weights_key=key)
    implied = {**GENERATORS[spec.family].arguments_of(state), **spec.arguments}
    check_fit(spec.family, implied, state, spec.weights, spec.latent)
    channels, resolution = (spec.channels or implied.get("channels"), spec.resolution or implied.get("resolution"))
    return replace(spec, arguments=implied, channels=channels, resolution=resolution), state


def needs_family(spec: ModelSpec, trust_pickle: bool) -> str:
    """What to do with a weights file that came alone."""
    state = without_norms(load_state(hub.place(spec.weights), spec.weights_key, trust_pickle))
    fitting = [name for name in GENERATORS if fits(name, state) or part_of_family(name, state)]
    if fitting:
        return f"{spec.weights} needs a family; its shapes fit {fitting[0]}: give --family {fitting[0]}."
    advice = f"give --family ({', '.join(sorted(GENERATORS))}) or --factory module:callable"
    if looks_like_classifier(state):
        return (f"{spec.weights} looks like a classifier: it takes pictures and ends in a linear layer, so it cannot "
                f"be evaluated as MODEL; if it is a generator all the same, {advice}.")
    return f"{spec.weights} holds weights, but not what they belong to: {advice}."


def fits(family: str, state: Mapping[str, Tensor]) -> bool:
    arguments = GENERATORS[family].arguments_of(state)
    if not arguments:
        return False
    try:
        check_fit(family, arguments, state, "")
    except BadInput:
        return False
    return True


def part_of_family(family: str, state: Mapping[str, Tensor]) -> str:
    """The first part of a state dict that has the family's shapes, such as `generator` beside `discriminator`; '' when
    the whole looks like the family, or no part does."""
    if GENERATORS[family].arguments_of(state):
        return ""
    return next((part for part, values in parts(state) if fits(family, values)), "")


def looks_like_classifier(state: Mapping[str, Tensor]) -> bool:
    """A convolution over 1 or 3 channels at the front, a linear layer at the end."""
    kernels = [value for value in state.values() if value.ndim in (2, 4)]
    return len(kernels) > 1 and kernels[0].ndim == 4 and kernels[0].shape[1] in (1, 3) and kernels[-1].ndim == 2


def check_fit(
    family: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor], source: str, latent: str = "normal"
) -> None:
    """Hold a state dict against the family's shapes, on the meta device: no memory is taken."""
    with torch.device("meta"):
        module = make_family(family, arguments, latent)
    if isinstance(module, nn.Module):
        load_into(module, {name: value.to("meta") for name, value in state.items()}, source, family)


def make_family(family: str, arguments: Mapping[str, Any], latent: str = "normal") -> Generator:
    """The family's generator, with fresh weights; the global random state stays as it was."""
    make = GENERATORS[family].make
    known = inspect.signature(make).parameters
    unknown = [name for name in arguments if name not in known]
    if unknown:
        raise BadInput(f"Family {family} has no argument {unknown[0]!r}, only {', '.join(known)}.")
    for name, value in arguments.items():
        default = known[name].default
        if isinstance(default, int | str) and (type(value) is not type(default) or (default and not value)):
            raise BadInput(f"Family {family}: {name} is {value!r}, expected something like {default!r}.")
    if latent != "normal":
        if "latent" not in known:
            raise BadInput(f"Family {family} knows its own latents: leave latent = {latent!r} out.")
        arguments = {"latent": latent, **arguments}
    try:
        with torch.random.fork_rng(devices=[]):
            return make(**arguments)
    except Exception as error:
        said = factories.arguments_text(arguments)
        raise BadInput(f"Family {family} cannot be made with {said}: {first_line(error)}.") from error


# ModelSpec -> Generator

def load(model: str | ModelSpec, workspace: Workspace | None = None, *, trust_pickle: bool = False) -> Generator:
    """The model on the workspace's device, in eval mode, its weights checked and frozen.

    `model`: a spec, or what `resolve` takes: zoo:NAME, a TOML model file, or images.  Families and
    `ganbench.gan.checkpoints` run nothing from a file; a factory runs the user's module.
    """
    workspace = workspace or Workspace()
    spec = resolve(model, workspace, trust_pickle=trust_pickle) if isinstance(model, str) else model
    workspace = replace(workspace, trust_pickle=trust_pickle or workspace.trust_pickle)
    if spec.family in OPENERS:
        return agreed(OPENERS[spec.family].open(spec, workspace), spec)
    spec, state = examine(spec, workspace.trust_pickle)
    made = factories.make(spec) if spec.factory else make_family(spec.family, spec.arguments, spec.latent)
    if isinstance(made, nn.Module):
        if spec.weights:
            load_into(made, state, spec.weights, spec.family or spec.factory)
        made = made.eval().requires_grad_(False).to(workspace.device)
    elif spec.weights:
        raise BadInput(f"{spec.factory} returned a {type(made).__name__}, into which {spec.weights} cannot be loaded: "
                       "expected a PyTorch module.")
    return agreed(factories.wrap(made, spec), spec)


def agreed(generator: Generator, spec: ModelSpec) -> Generator:
    """The generator, if it and the spec declare the same range."""
    if tuple(generator.output_range) != tuple(spec.output_range):
        raise BadInput(f"{spec.name}: output_range is {list(spec.output_range)}, but the model itself declares "
                       f"{list(generator.output_range)}.")
    return generator.eval() if isinstance(generator, nn.Module) else generator


def open_images(spec: ModelSpec, workspace: Workspace) -> ImagesOnDisk:
    """The finite model; its digest must still be the spec's, if that has one."""
    known = {"resize", "shuffled"}
    if unknown := spec.arguments.keys() - known:
        raise BadInput(f"Images on disk have no argument {min(unknown)!r}, only {', '.join(sorted(known))}.")
    folders = DataFolders(Path(workspace.data).expanduser() if workspace.data else None, workspace.root / "data")
    images = open_set(spec.weights, folders, spec.arguments.get("resize"))
    if spec.sha256 and images.digest != spec.sha256:
        raise BadInput(f"{spec.weights} has changed: its digest is {images.digest}, expected {spec.sha256}.")
    return ImagesOnDisk(images, bool(spec.arguments.get("shuffled", False)))


def look_at_mixture(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Resolve the models of a mixture; its sha256 stands for what they are and for their shares."""
    models, shares = checked_shares(spec.arguments)
    parts = [resolve(model, workspace) for model in models]
    for part in parts:
        if part.family == MIXTURE:
            raise BadInput(f"{spec.name} is a mixture of mixtures: name the models of {part.name} themselves.")
    total = sum(shares)
    digest = digest_of([[identity(part), share / total] for part, share in zip(parts, shares, strict=True)])
    if spec.sha256 not in ("", digest):
        raise BadInput(f"{spec.name}: the models of the mixture are others than they were, by their sha256.")
    return replace(
        spec, sha256=digest, channels=spec.channels or parts[0].channels, latent="none",
        resolution=spec.resolution or parts[0].resolution, output_range=parts[0].output_range,
    )


def open_mixture(spec: ModelSpec, workspace: Workspace) -> Mixture:
    models, shares = checked_shares(spec.arguments)
    return Mixture([load(model, workspace) for model in models], shares)


def look_at_rejection(spec: ModelSpec, workspace: Workspace) -> ModelSpec:
    """Resolve the model that is chosen from; its sha256 stands for that, for the file of the ratio and for attempts."""
    settings = checked_settings(spec.arguments)
    inner = resolve(settings.model, workspace)
    if inner.family in (IMAGES, REJECTION):
        what = "images on disk, which cannot be drawn again" if inner.family == IMAGES else "itself a rejection"
        raise BadInput(f"{spec.name} rejects images of {inner.name}, which is {what}.")
    load_ratio(Path(settings.ratio))
    digest = digest_of([identity(inner), checked_digest(Path(settings.ratio)), settings.attempts])
    if spec.sha256 not in ("", digest):
        raise BadInput(f"{spec.name}: the model, the ratio or the attempts are others than they were, by their sha256.")
    return replace(
        spec, sha256=digest, channels=inner.channels, resolution=inner.resolution, layout=inner.layout, latent="none",
        n_classes=inner.n_classes, output_range=inner.output_range,
    )


def open_rejection(spec: ModelSpec, workspace: Workspace) -> Rejection:
    settings = checked_settings(spec.arguments)
    inner = resolve(settings.model, workspace)
    extractor = extractor_of(settings.extractor, workspace)
    return Rejection(load(inner, workspace), inner, load_ratio(Path(settings.ratio)), extractor, settings.attempts)


@dataclass(frozen=True)
class Opener:
    """A family that is opened where it lies; all others are networks that get a state dict."""

    look: Callable[[ModelSpec, Workspace], ModelSpec]       # refuse the unusable; note digest and shape; run nothing
    open: Callable[[ModelSpec, Workspace], Generator]
    sources: tuple[ModuleType, ...]                         # what makes its images
    what: str                                               # what it opens, for people
    computes: bool = True                                   # False: the images are there already
    libraries: tuple[str, ...] = ()                         # beside torch, whose versions decide the pixels


NETWORKS = tuple(dict.fromkeys(sys.modules[family.make.__module__] for family in GENERATORS.values()))
EYES = (extract, feature_base, network, resize, own, efficientnet_lite, inception, judge, pixels, vit)

OPENERS = {
    IMAGES: Opener(
        completed_images, open_images, (disk,),
        "images on disk: a folder, .zip, .npz, .npy, .parquet or named data set", computes=False,
    ),
    "export": Opener(
        lambda spec, _: export.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: export.open_program(spec, hub.place(spec.weights), workspace.device), (export,),
        "a program of torch.export (.pt2)",
    ),
    "pipeline": Opener(
        lambda spec, _: pipeline.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: pipeline.open_pipeline(spec, hub.place(spec.weights), workspace.device), (pipeline,),
        "a pipeline of diffusers: a folder or hf:ORG/REPO@REVISION", libraries=("diffusers", "transformers"),
    ),
    "imagegpt": Opener(
        lambda spec, _: imagegpt.look(spec, hub.place(spec.weights)),
        lambda spec, workspace: imagegpt.open_imagegpt(spec, hub.place(spec.weights), workspace.device,
                                                       workspace.trust_pickle), (imagegpt, transformer),
        "ImageGPT of transformers: a folder or hf:ORG/REPO@REVISION", libraries=("transformers",),
    ),
    MIXTURE: Opener(
        look_at_mixture, open_mixture,
        (mixture, rejection, *NETWORKS, *EYES),
        "a mixture of models by shares, in a model file", libraries=("diffusers", "onnxruntime"),
    ),
    REJECTION: Opener(
        look_at_rejection, open_rejection, (rejection, mixture, *NETWORKS, *EYES),
        "a model of whose images the likelier real ones are kept, in a model file",
        libraries=("diffusers", "transformers", "onnxruntime"),
    ),
    "pickled": Opener(
        lambda spec, workspace: pickled.look(spec, hub.place(spec.weights), workspace.trust_pickle),
        lambda spec, workspace: pickled.open_pickled(spec, hub.place(spec.weights), workspace.device,
                                                     workspace.trust_pickle), (pickled,),
        "a pickled module or TorchScript, with --trust-pickle",
    ),
}


def identity(spec: ModelSpec) -> str:
    """The model's identity, for keys: digest over the spec without name and paths, the weights' bytes, and the
    file that defines a factory."""
    facts = asdict(spec)
    del facts["name"], facts["weights"]
    paths = {*PATHS, *PARTS.get(spec.family, ())}
    facts["arguments"] = {name: value for name, value in spec.arguments.items() if name not in paths}
    if spec.family in OPENERS and not spec.sha256:
        facts["sha256"] = OPENERS[spec.family].look(spec, Workspace(trust_pickle=True)).sha256
    elif spec.weights and not spec.sha256:
        facts["sha256"] = checked_digest(hub.place(spec.weights))
    if spec.factory:
        facts["source"] = source_digest(spec.factory)
    return digest_of(facts)


# The zoo, and TOML

def zoo_models(zoo: Path = ZOO) -> list[ModelSpec]:
    """The models that travel with the project, by name."""
    return [read_spec(zoo / f"{name}.toml") for name in zoo_names(zoo)]


def zoo_names(zoo: Path) -> list[str]:
    return sorted(file.stem for file in zoo.glob("*.toml"))


def zoo_file(name: str, zoo: Path) -> Path:
    if name not in zoo_names(zoo):
        raise BadInput(f"No zoo model {name!r}. Known: {', '.join(zoo_names(zoo)) or 'none'}.")
    return zoo / f"{name}.toml"


def read_spec(path: Path) -> ModelSpec:
    """A TOML model file: the fields of `ModelSpec`; a relative `weights` counts from the file.

    A table [about] may hold anything, for people.
    """
    values = read_toml(path)
    for name, value in values.items():
        values[name] = checked_field(name, value, path)
    spec = ModelSpec(**{"name": path.stem, **values})
    if bool(spec.family) == bool(spec.factory):
        found = "both" if spec.family else "neither"
        raise BadInput(f"{path} gives {found} of family and factory, expected one: family = "
                       f'"{min(GENERATORS)}" or factory = "module:callable".')
    if spec.weights and spec.weights not in dataset_names() and not hub.is_on_hub(spec.weights):
        spec = replace(spec, weights=beside(spec.weights, path))
    files = {name: beside(value, path) for name, value in spec.arguments.items()
             if spec.family == "pipeline" and name in PATHS}
    if spec.family == MIXTURE:
        models = [from_file(name, path) for name in checked_shares(spec.arguments)[0]]
        return replace(spec, arguments={**spec.arguments, "models": models})
    if spec.family == REJECTION:
        settings = checked_settings(spec.arguments)
        files = {"model": from_file(settings.model, path), "ratio": beside(settings.ratio, path),
                 "extractor": from_file(settings.extractor, path)}
    return replace(spec, arguments={**spec.arguments, **files})


def from_file(model: str, path: Path) -> str:
    """A model that is named in a file: one that lies there is counted from it."""
    return beside(model, path) if Path(beside(model, path)).exists() else model


def beside(name: str, path: Path) -> str:
    """A file that is named in another one, counted from there."""
    return str((path.parent / Path(name).expanduser()).absolute())


def checked_field(name: str, value: Any, path: Path) -> Any:
    """One value of a TOML model file, as `ModelSpec` wants it."""
    known = [field.name for field in fields(ModelSpec)]
    if name not in known:
        raise unknown_field(name, known, path)
    expected, good = {
        "arguments": ("a table", isinstance(value, dict)),
        "latent_shape": ("a list of whole numbers above 0, such as [100]", is_shape(value)),
        "output_range": ("two numbers, low and high, such as [-1, 1]", is_range(value)),
        "n_classes": ("a whole number", is_count(value, 0)),
        "channels": ("1 or 3", is_count(value, 1) and value in (1, 3)),
        "resolution": ("a whole number above 0", is_count(value, 1)),
        "latent": (f"one of {', '.join(LAWS)}", value in LAWS),
        "layout": (f"one of {', '.join(LAYOUTS)}", value in LAYOUTS),
        "sha256": ("64 hexadecimal digits in small letters", bool(re.fullmatch("[0-9a-f]{64}", str(value)))),
    }.get(name, ("a text in quotes", isinstance(value, str)))
    if not good:
        raise BadInput(f"{path}: {name} is {value!r}, expected {expected}.")
    if name == "output_range":
        return (float(value[0]), float(value[1]))
    return tuple(value) if isinstance(value, list) else value


def is_numbers(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(x, kind) and not isinstance(x, bool) for x in value)


def is_shape(value: Any) -> bool:
    return is_numbers(value, int) and all(side > 0 for side in value)


def is_range(value: Any) -> bool:
    if not is_numbers(value, (int, float)) or len(value) != 2:
        return False
    return all(map(math.isfinite, value)) and value[0] < value[1]


def is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def write_spec(spec: ModelSpec) -> str:
    """The TOML text that `read_spec` takes; fields at their default are left out."""
    lines, tables = [], []
    for field in fields(ModelSpec):
        value = getattr(spec, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value is None or value == default:
            continue
        if isinstance(value, Mapping):
            tables += ["", f"[{field.name}]"]
            tables += [f"{toml(name, key=True)} = {toml(item)}" for name, item in value.items()]
        else:
            lines.append(f"{field.name} = {toml(value)}")
    return "\n".join(lines + tables) + "\n"


def toml(value: Any, key: bool = False) -> str:
    """A value in TOML's notation; its basic strings are JSON's."""
    if key and str(value).replace("_", "").replace("-", "").isalnum() and str(value).isascii():
        return str(value)
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(name, key=True)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(toml, value)) + "]"
    raise BadInput(f"A {type(value).__name__} cannot stand in a TOML model file.")
