"""MODEL -> `ModelSpec`, as far as possible from the name and the kind of file; no code is run."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ganbench.gan.checkpoints import LEGACY, is_torchscript, read_head
from ganbench.gan.datasets import DATASETS, dataset_names, is_images
from ganbench.gan.files import check_file
from ganbench.gan.generators import export, imagegpt
from ganbench.gan.models import hub
from ganbench.gan.models.identity import IMAGES
from ganbench.gan.models.toml_file import read_spec
from ganbench.gan.pictures import SUFFIXES
from ganbench.gan.types import BadInput, ModelSpec

ZOO = Path(__file__).parent.parent / "zoo"
MOST_BYTES = 255                                            # of a file's name, on Linux and macOS
MOST_NAMED = 200                                            # of a model's, which pictures of it are named after


def named(
    model: str,
    *,
    family: str = "",
    factory: str = "",
    arguments: Mapping[str, Any] | None = None,
    weights_key: str = "",
    zoo: Path = ZOO,
) -> ModelSpec:
    """What `ganbench.gan.models.loading.resolve` takes -> an incomplete spec."""
    check_text(model)
    path = Path(model)
    if model.startswith("zoo:"):
        spec = read_spec(zoo_file(model.removeprefix("zoo:"), zoo))
    elif path.suffix == ".toml" and path.is_file():
        spec = read_spec(path)
    elif is_images(model) and not (path.is_dir() and (family or factory)):
        return images_named(model, arguments or {})
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
    return spec


def images_named(data: str, arguments: Mapping[str, Any]) -> ModelSpec:
    """Of a named data set, or of a folder or file of images."""
    check_text(data)
    path = Path(data)
    known = data.partition(":")[0] in DATASETS or not path.exists()
    name = data if known else path.name or data
    return ModelSpec(name, IMAGES, weights=data if known else str(path.absolute()), arguments=arguments, latent="none")


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
        raise BadInput("missing-weights",
                       f"{model} holds no weights: expected {' or '.join(hub.WEIGHTS)}, or the folders of a diffusers "
                       "pipeline.")
    joined = f"{weights}:{file}" if hub.is_on_hub(weights) else str(Path(weights) / file)
    known = {} if with_factory else hub.published_in(folder)
    if known:
        return ModelSpec(name, weights=joined, **known)
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


def check_text(name: str) -> None:
    """Refuse names that are too long for a file, or cannot be written into reports and databases."""
    if not name.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in name):
        raise BadInput("malformed-name",
                       f"The name {name!a} is not valid UTF-8, so it can stand in no report: rename the file.")
    longest = max((len(os.fsencode(part)) for part in Path(name).parts), default=0)
    if longest > MOST_BYTES:
        raise BadInput("malformed-name",
                       f"The name {shortened(name)!r} has {len(name):,} characters, more than a file's name can have.")


def check_name(spec: ModelSpec) -> None:
    """Refuse a model's name that cannot stand in tables and in the names of files."""
    size = len(os.fsencode(spec.name))
    if size > MOST_NAMED:
        raise BadInput("malformed-name",
                       f"The model's name {shortened(spec.name)!r} has {size:,} bytes, expected at most {MOST_NAMED}: "
                       f"give a shorter name in a TOML model file.")
    if not spec.name.strip():
        raise BadInput("malformed-name", f"The model of {spec.weights or spec.factory} has an empty name: give it one.")


def shortened(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:30]}…"


def check_place(model: str, path: Path, zoo: Path) -> None:
    """Sentences for what is no weights file."""
    if path.suffix.lower() in SUFFIXES and path.exists():
        raise BadInput("single-image", f"{model} is a single image: give a folder or file of images as MODEL.")
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        check_file(path)
    if not path.exists():
        raise BadInput(
            "unknown-model",
            f"MODEL {model!r} does not exist{meant(model, zoo)}: expected a file or folder of weights or of images, a "
            "TOML model file, zoo:NAME (`ganbench models` lists them), hf:ORG/REPO@REVISION, or the name of a data set "
            "(`ganbench datasets`)."
        )


def meant(model: str, zoo: Path) -> str:
    """` (did you mean zoo:NAME?)`, where there is a name like it."""
    known = [*(f"zoo:{name}" for name in zoo_names(zoo)), *dataset_names()]
    near = get_close_matches(model, known, 1, 0.7)
    return f" (did you mean {near[0]}?)" if near else ""


# The zoo

def zoo_models(zoo: Path = ZOO) -> list[ModelSpec]:
    """The models that come with the project, by name."""
    return [read_spec(zoo / f"{name}.toml") for name in zoo_names(zoo)]


def zoo_names(zoo: Path) -> list[str]:
    return sorted(file.stem for file in zoo.glob("*.toml"))


def zoo_file(name: str, zoo: Path) -> Path:
    if name not in zoo_names(zoo):
        known = ", ".join(zoo_names(zoo)) or "none"
        raise BadInput("unknown-model", f"No zoo model {name!r}{meant(f'zoo:{name}', zoo)}. Known: {known}.")
    return zoo / f"{name}.toml"
