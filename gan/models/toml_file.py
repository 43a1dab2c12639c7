"""The TOML model file: the fields of `ModelSpec`, and a table [about] that may hold anything, for people."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from ganbench.gan.datasets import dataset_names
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.mixture import checked_shares
from ganbench.gan.generators.rejection import checked_settings
from ganbench.gan.models import hub
from ganbench.gan.models.identity import MIXTURE, PATHS, REJECTION
from ganbench.gan.preprocessing import resize_of
from ganbench.gan.types import BadInput, ModelSpec
from ganbench.gan.usercode import factory_beside, read_toml, unknown_field

LATENTS = ("normal", "uniform", "tokens", "none")
UNWRITTEN = {"preprocessing"}                                      # a protocol's, not the model's
LAYOUTS = ("NCHW", "NHWC", "NHW", "NC")


def read_spec(path: Path) -> ModelSpec:
    """What a model file says; a relative `weights`, and a factory's module that lies beside the file, count from there.
    """
    values = read_toml(path)
    for name, value in values.items():
        values[name] = checked_field(name, value, path)
    spec = ModelSpec(**{"name": path.stem, **values})
    if bool(spec.family) == bool(spec.factory):
        found = "both" if spec.family else "neither"
        raise BadInput("needs-family",
                       f"{path} gives {found} of family and factory, expected one: family = "
                       f'"{min(GENERATORS)}" or factory = "module:callable".')
    if spec.weights and spec.weights not in dataset_names() and not hub.is_on_hub(spec.weights):
        spec = replace(spec, weights=beside(spec.weights, path))
    spec = replace(spec, factory=factory_beside(spec.factory, path))
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


def about(path: Path) -> Mapping[str, Any]:
    """The table [about] of a model file; empty where it has none, or the path is no such file."""
    if path.suffix != ".toml" or not path.is_file():
        return {}
    found = tomllib.loads(path.read_text("utf-8")).get("about")
    return found if isinstance(found, dict) else {}


def from_file(model: str, path: Path) -> str:
    """A model that is named in a file: one that lies there is counted from it."""
    return beside(model, path) if Path(beside(model, path)).exists() else model


def beside(name: str, path: Path) -> str:
    """A file that is named in another one, counted from there."""
    return str((path.parent / Path(name).expanduser()).absolute())


def checked_field(name: str, value: Any, path: Path) -> Any:
    """One value of a TOML model file, as `ModelSpec` wants it."""
    known = [field.name for field in fields(ModelSpec) if field.name not in UNWRITTEN]
    if name not in known:
        raise unknown_field(name, known, path)
    expected, good = {
        "arguments": ("a table", isinstance(value, dict)),
        "latent_shape": ("a list of whole numbers above 0, such as [100]", is_shape(value)),
        "output_range": ("two numbers, low and high, such as [-1, 1]", is_range(value)),
        "n_classes": ("a whole number", is_count(value, 0)),
        "channels": ("1 or 3", is_count(value, 1) and value in (1, 3)),
        "resolution": ("a whole number above 0", is_count(value, 1)),
        "resize": ('a number of pixels, or with a method as in "64:lanczos"', is_count(value, 1) or is_text(value)),
        "pad": ("a whole number above 0", is_count(value, 1)),
        "crop": ("a whole number above 0", is_count(value, 1)),
        "class_shares": ("numbers above 0 whose sum is 1, one for each class", is_shares(value)),
        "latent": (f"one of {', '.join(LATENTS)}", value in LATENTS),
        "layout": (f"one of {', '.join(LAYOUTS)}", value in LAYOUTS),
        "sha256": ("64 hexadecimal digits in small letters", bool(re.fullmatch("[0-9a-f]{64}", str(value)))),
    }.get(name, ("a text in quotes", isinstance(value, str)))
    if not good:
        raise BadInput("unfit-value", f"{path}: {name} is {value!r}, expected {expected}.")
    if name == "output_range":
        return (float(value[0]), float(value[1]))
    if name == "resize":
        return resize_of(str(value), f"resize in {path}")
    return tuple(value) if isinstance(value, list) else value


def is_numbers(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(x, kind) and not isinstance(x, bool) for x in value)


def is_shape(value: Any) -> bool:
    return is_numbers(value, int) and all(side > 0 for side in value)


def is_range(value: Any) -> bool:
    if not is_numbers(value, (int, float)) or len(value) != 2:
        return False
    return all(map(math.isfinite, value)) and value[0] < value[1]


def is_shares(value: Any) -> bool:
    return is_numbers(value, (int, float)) and min(value, default=0) > 0 and math.isclose(sum(value), 1, abs_tol=1e-6)


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def write_spec(spec: ModelSpec) -> str:
    """The TOML text that `read_spec` takes; fields at their default are left out."""
    values = {}
    for field in fields(ModelSpec):
        value = getattr(spec, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value is not None and value != default and field.name not in UNWRITTEN:
            values[field.name] = plain(value)
    return tomli_w.dumps(values)


def plain(value: Any) -> Any:
    """Mappings as dictionaries, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value
