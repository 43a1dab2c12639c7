"""A program of torch.export (.pt2) as a model.

torch.export.load is not called: it unpickles constants and example inputs, looks operators up in all of torch, and
hands the file's formulas of shapes to sympy, which evaluates them as Python.  Here the graph is walked, and aten's
operators on tensors are all that it can call.  Pickles in the archive are left alone.
"""

from __future__ import annotations

import json
import operator
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import check_size, read_head
from ganbench.gan.files import checked_digest
from ganbench.gan.generators.base import PlainLatent, Space, latents
from ganbench.gan.types import BadInput, BadOutput, ModelSpec
from ganbench.gan.usercode import first_line

# ScalarType and MemoryFormat as torch/_export/serde/schema.py numbers them.
DTYPES = {1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16,
          7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16}
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
STRIDED = 7                                                 # of Layout, the only one here
WHOLE_NUMBERS = {f"_operator.{name}": getattr(operator, name)
                 for name in ("add", "sub", "mul", "floordiv", "mod", "neg", "truediv", "eq", "ne", "lt", "le", "gt",
                              "ge")}
# What texts an operator's argument may be: options of GELU, division, padding and interpolation.  No file names.
TEXTS = {"none", "tanh", "floor", "trunc", "constant", "reflect", "replicate", "circular", "ij", "xy", "same", "valid",
         "left", "right"}
CODED: dict[str, Mapping[int, Any]] = {"as_scalar_type": DTYPES, "as_memory_format": FORMATS,
                                       "as_layout": {STRIDED: torch.strided}}
NUMBERS = {"as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_int_lists"}
NESTED = {"as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors"}
WRAPPED = {"as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor"}
PLACES = {"as_tensor", "as_tensors", "as_name", "as_device", "as_none", "as_string"}
KINDS = {*CODED, *NUMBERS, *NESTED, *WRAPPED, *PLACES}
DAMAGED = (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, OSError, EOFError,
           NotImplementedError, RecursionError, StopIteration, zipfile.BadZipFile)
Values = dict[str, Any]                                     # name in the graph -> tensor or number


@dataclass(frozen=True)
class Node:
    """One call of an operator."""

    target: str
    call: Callable[..., Any]
    inputs: tuple[tuple[str, bool, Any], ...]               # name, whether by keyword, argument as in the file
    outputs: tuple[Any, ...]                                # as in the file
    done: tuple[str, ...]                                   # values that nobody needs from here on


@dataclass(frozen=True)
class Input:
    """What the program is called with; a size is None where it is free."""

    name: str
    shape: tuple[int | None, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Program:
    """A graph and its weights, by the names that the graph uses."""

    inputs: tuple[Input, ...]
    weights: Mapping[str, Tensor]
    names: Mapping[str, str]                                # of the weights: in the graph -> in the model
    nodes: tuple[Node, ...]
    output: str
    output_shape: tuple[int | None, ...]


class Exported(nn.Module, PlainLatent):
    """z (n, ...) -> images, by the program's graph; with labels (n,) as the second input of a conditional one."""

    def __init__(self, program: Program, spec: ModelSpec):
        super().__init__()
        self.program, self.name, self.latent = program, spec.name, spec.latent
        self.n_classes, self.output_range = spec.n_classes, spec.output_range
        self.latent_shape = latent_shape_of(program, spec)
        self.spaces = {"z": Space(self.latent_shape, self.latent)}
        self.batch = program.inputs[0].shape[0]             # None: any
        for i, value in enumerate(program.weights.values()):
            self.register_buffer(f"weight_{i}", value)

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, *latent_shape), float32 or what the program wants."""
        return latents(indices, seed, self.latent_shape, self.latent).to(self.program.inputs[0].dtype)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        given = [draws] if labels is None or not self.n_classes else [draws, labels.to(self.program.inputs[1].dtype)]
        parts = [self.run(*part)[: len(part[0])] for part in zip(*(x.split(self.batch or len(x)) for x in given),
                                                                 strict=True)]
        return torch.cat(parts)

    def run(self, *given: Tensor) -> Tensor:
        """One pass of the graph; a batch below the exported size is filled up with its last row."""
        whole = [fill(x, self.batch) for x in given]
        values: Values = dict(zip(self.program.weights, self.buffers(), strict=True))
        values |= {slot.name: x for slot, x in zip(self.program.inputs, whole, strict=True)}
        try:
            for node in self.program.nodes:
                step(node, values, given[0].device)
            output = values[self.program.output]
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise BadOutput("call-failed",
                            f"{self.name} failed when called with latents of shape {tuple(whole[0].shape)}: "
                            f"{first_line(error)}.") from error
        if not isinstance(output, Tensor):
            raise BadOutput("not-images", f"{self.name} gave a {type(output).__name__}, expected a tensor of images.")
        return output


def fill(x: Tensor, n: int | None) -> Tensor:
    """A copy, since programs may work in place, of n rows."""
    return torch.cat([x, x[-1:].expand((n or len(x)) - len(x), *x.shape[1:])])


def latent_shape_of(program: Program, spec: ModelSpec) -> tuple[int, ...]:
    """Sizes of the first input without its batch."""
    wanted = 2 if spec.n_classes else 1
    if len(program.inputs) != wanted:
        called = "latents and labels" if spec.n_classes else "latents alone (n_classes = 0)"
        raise BadInput("unfit-signature",
                       f"{spec.name} takes {len(program.inputs)} tensors, expected {wanted}: {called}.")
    first = program.inputs[0]
    shape = tuple(side or 0 for side in first.shape[1:])
    lawful = spec.latent in ("normal", "uniform") and first.dtype.is_floating_point
    if not (first.shape and all(shape) and lawful):
        raise BadInput("unfit-signature",
                       f"{spec.name} takes {first.dtype} of shape {first.shape}, expected normal or uniform latents: "
                       "floats of shape (n, ...).")
    if spec.latent_shape and spec.latent_shape != shape:
        raise BadInput("latents-do-not-fit",
                       f"{spec.name} takes latents of shape {shape}, declared were {tuple(spec.latent_shape)}.")
    return shape


def step(node: Node, values: Values, device: torch.device) -> None:
    """Call one operator and keep what it gives."""
    positional = [argument(value, values, device) for _, by_name, value in node.inputs if not by_name]
    named = {name: argument(value, values, device) for name, by_name, value in node.inputs if by_name}
    made = node.call(*positional, **named)
    for output, value in zip(node.outputs, made if len(node.outputs) > 1 else [made], strict=True):
        keep(output, value, values)
    for name in node.done:
        values.pop(name, None)


def keep(output: Mapping[str, Any], value: Any, values: Values) -> None:
    for name, item in zip(names_in(output), value if "as_tensors" in output else [value], strict=False):
        values[name] = item


def argument(value: Mapping[str, Any], values: Values, device: torch.device) -> Any:
    """An argument as the file writes it, {"as_ints": [1, 2]}, -> what the operator takes."""
    kind, content = next(iter(value.items()))
    if kind == "as_tensor":
        return values[content["name"]]
    if kind == "as_tensors":
        return [values[one["name"]] for one in content]
    if kind == "as_name":
        return values[content]
    if kind in NESTED:
        return [argument(one, values, device) for one in content]
    if kind in WRAPPED:
        return argument(content, values, device)
    if kind in CODED:
        return CODED[kind][content]
    return {"as_device": device, "as_none": None}.get(kind, content)


def names_in(value: Mapping[str, Any]) -> list[str]:
    """The names of values that an argument or output speaks of."""
    kind, content = next(iter(value.items()))
    if kind == "as_tensor":
        return [content["name"]]
    if kind == "as_tensors":
        return [one["name"] for one in content]
    if kind == "as_name":
        return [content]
    if kind in NESTED:
        return [name for one in content for name in names_in(one)]
    return names_in(content) if kind in WRAPPED else []


# Reading

def is_program(names: Iterable[str]) -> bool:
    """Whether these are the names in an archive of torch.export."""
    return any(name.endswith("/archive_format") for name in names)


def read_program(path: Path) -> Program:
    """The graph and its weights, checked: nothing in the file is run."""
    read_head(path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(archive.infolist(), path)
            return program_in(archive, path)
    except BadInput:
        raise
    except DAMAGED as error:
        raise BadInput("unreadable-program",
                       f"{path} is not a readable program of torch.export, it may be truncated: "
                       f"{first_line(error)}.") from error


def program_in(archive: zipfile.ZipFile, path: Path) -> Program:
    models = [name for name in archive.namelist() if name.endswith(".json") and "models" in name.split("/")[:-1]]
    if len(models) != 1:
        raise BadInput("unreadable-program",
                       f"{path} holds {len(models)} models of torch.export, expected 1; files of torch before 2.9 have "
                       "to be exported again.")
    root, model = models[0].split("models/")[0], Path(models[0]).stem
    module = json.loads(archive.read(models[0]))["graph_module"]
    graph, signature = module["graph"], module["signature"]
    stored = {name: value for folder in ("weights", "constants")
              for name, value in tensors_in(archive, f"{root}data/{folder}/", f"{model}_{folder}_config.json", path)}
    weights, names, given = {}, {}, []
    for slot in signature["input_specs"]:
        kind, content = next(iter(slot.items()))
        if kind == "user_input":
            given.append(input_of(content["arg"], graph["tensor_values"], path))
        else:
            full = content[NAMED[kind]] if kind in NAMED else ""
            if full not in stored:
                raise BadInput("unreadable-program",
                               f"{path} is not loaded: its input {full or kind} is no tensor of the file.")
            weights[content["arg"]["name"]], names[content["arg"]["name"]] = stored[full], full
    output = names_in(graph["outputs"][0])[0]
    shape = sizes(graph["tensor_values"][output])
    nodes = tuple(nodes_of(graph["nodes"], output, {*weights}, path))
    return Program(tuple(given), weights, names, nodes, output, shape)


NAMED = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


def tensors_in(archive: zipfile.ZipFile, folder: str, config: str, path: Path) -> Iterator[tuple[str, Tensor]]:
    """Weights or constants by their names in the model; those that are pickled are refused."""
    for name, entry in json.loads(archive.read(folder + config))["config"].items():
        if entry["use_pickle"] or not entry["tensor_meta"]:
            raise BadInput("untrusted-code",
                           f"{path} is not loaded: {name} is pickled, and loading it would run code from the file.")
        meta = entry["tensor_meta"]
        dtype = DTYPES[meta["dtype"]]
        data = bytearray(archive.read(folder + entry["path_name"]))
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        shape, strides = ([size["as_int"] for size in meta[key]] for key in ("sizes", "strides"))
        yield name, flat.as_strided(shape, strides, meta["storage_offset"]["as_int"]).clone()


def input_of(value: Mapping[str, Any], facts: Mapping[str, Any], path: Path) -> Input:
    if "as_tensor" not in value:
        raise BadInput("unfit-signature",
                       f"{path} takes an input that is no tensor, expected latents, and labels if it is conditional.")
    name = names_in(value)[0]
    return Input(name, sizes(facts[name]), DTYPES[facts[name]["dtype"]])


def sizes(meta: Mapping[str, Any]) -> tuple[int | None, ...]:
    """A shape as far as it is fixed; formulas are not read."""
    return tuple(size.get("as_int") for size in meta["sizes"])


def nodes_of(listed: Sequence[Mapping[str, Any]], output: str, weights: set[str], path: Path) -> Iterator[Node]:
    """The calls in order, each with the values that can be forgotten after it."""
    last = {name: i for i, node in enumerate(listed) for name in used(node)}
    for i, node in enumerate(listed):
        if node["target"].startswith("torch.ops.aten._assert_"):
            continue
        slots = tuple((slot["name"], slot.get("kind") == 2, slot["arg"]) for slot in node["inputs"])
        call = operator_of(node["target"], {name: value for name, _, value in slots}, weights, path)
        done = tuple(name for name in used(node) if last[name] == i and name != output)
        yield Node(node["target"], call, slots, tuple(node["outputs"]), done)


def used(node: Mapping[str, Any]) -> set[str]:
    return {name for slot in node["inputs"] for name in names_in(slot["arg"])}


def operator_of(target: str, given: Mapping[str, Any], weights: set[str], path: Path) -> Callable[..., Any]:
    """The function that a name means, if it does nothing but compute from what it is given."""
    found = WHOLE_NUMBERS.get(target) or aten(target)
    unknown = [kind for value in given.values() if (kind := next(iter(value))) not in KINDS]
    if found is None or unknown:
        raise BadInput("untrusted-code",
                       f"{path} is not loaded: it calls {target}{f' with {unknown[0]}' if unknown else ''}, and only "
                       "operators of torch.ops.aten on tensors are run.")
    texts = [value["as_string"] for value in given.values() if "as_string" in value]
    if not TEXTS.issuperset(texts) and not target.startswith("torch.ops.aten.einsum."):
        raise BadInput("untrusted-code", f"{path} is not loaded: it calls {target} with the text {texts[0]!r}.")
    if isinstance(found, torch._ops.OpOverload):
        check_pure(found, given, weights, path)
    return found


def aten(target: str) -> torch._ops.OpOverload | None:
    """torch.ops.aten.<name>.<overload>, if it gives anything."""
    *root, name, overload = ["", *target.split(".")][-5:]
    found = getattr(getattr(torch.ops.aten, name, None), overload, None) if root == ["torch", "ops", "aten"] else None
    return found if isinstance(found, torch._ops.OpOverload) and found._schema.returns else None


def check_pure(found: torch._ops.OpOverload, given: Mapping[str, Any], weights: set[str], path: Path) -> None:
    """Refuse what makes an image depend on its neighbours in the batch, on those before it, or on chance."""
    training = [given[name].get("as_bool") for name in ("train", "training") if name in given]
    if any(training):
        raise BadInput("training-mode",
                       f"{path} was exported in training mode ({found}), where images depend on their neighbours or on "
                       "chance: call model.eval() before torch.export.")
    if torch.Tag.nondeterministic_seeded in found.tags and not training:
        raise BadInput("unseeded-randomness",
                       f"{path} draws random numbers of its own ({found}), so its images could not be drawn again: "
                       "make all that is random an input.")
    written = [slot.name for slot in found._schema.arguments if slot.alias_info and slot.alias_info.is_write]
    changed = [name for slot in written if slot in given for name in names_in(given[slot]) if name in weights]
    if changed:
        raise BadInput("training-mode",
                       f"{path} changes its own weights while it runs ({found} on {changed[0]}), so its images would "
                       "depend on those before them: call model.eval() before torch.export.")


# ModelSpec -> ModelSpec -> Generator

def look(spec: ModelSpec, path: Path) -> ModelSpec:
    """Read the program; note its sha256 and the channels of its images."""
    program = read_program(path)
    latent_shape_of(program, spec)
    return replace(spec, sha256=checked_digest(path, spec.sha256), channels=spec.channels or channels_of(program, spec))


def channels_of(program: Program, spec: ModelSpec) -> int | None:
    """1 or 3, where the layout that the spec declares says which size it is."""
    at = {"NCHW": 1, "NHWC": 3}.get(spec.layout, 0)
    found = program.output_shape[at] if at and len(program.output_shape) == 4 else None
    return found if found in (1, 3) else None


def open_program(spec: ModelSpec, path: Path, device: str) -> Exported:
    return Exported(read_program(path), spec).eval().to(device)
