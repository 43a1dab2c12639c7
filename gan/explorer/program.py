"""A network as a program for `engine.js`: a list of operations, and its weights in one array of float32.

The network is traced for one image (`ganbench.gan.onnx_graph`), and ONNX's operators become the few that the engine
knows.  What it does not know is refused with a sentence that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ganbench.gan.onnx_graph import to_onnx
from ganbench.gan.types import BadInput, BadOutput

UNARY = {"Relu", "LeakyRelu", "Elu", "Tanh", "Sigmoid", "Softplus", "Gelu", "Erf", "Sqrt", "Reciprocal", "Exp", "Log",
         "Sin", "Cos", "Abs", "Neg", "Floor"}
BINARY = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"}
Settings = dict[str, Any]
Step = tuple[str, list[str], str, list[int], Settings]      # operation, inputs, output, its shape, settings


@dataclass(frozen=True)
class Program:
    """What `Engine.network` takes: `facts` as JSON, and the weights that its constants lie in."""

    facts: Mapping[str, Any]
    weights: np.ndarray                                     # (n,) float32


class Lowering:
    """The graph that is being rewritten: constants, shapes, and the steps so far."""

    def __init__(self, graph: Any):
        from onnx import helper, numpy_helper, shape_inference

        graph = shape_inference.infer_shapes(graph, data_prop=True).graph
        self.known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        values = [*graph.input, *graph.value_info, *graph.output]
        self.shapes = {one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in values}
        self.shapes |= {name: list(array.shape) for name, array in self.known.items()}
        self.inputs = [one.name for one in graph.input]
        self.output = graph.output[0].name
        self.steps: list[Step] = []
        for node in graph.node:
            self.settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            if node.op_type not in FORMS:
                raise BadInput("no-page-engine",
                               f"The page's engine has no {node.op_type}, which this network needs: open it with "
                               "ganbench explore, which starts a local server.")
            FORMS[node.op_type](self, node)

    def add(
        self, operation: str, inputs: Sequence[str], node: Any, settings: Settings | None = None, output: int = 0
    ) -> None:
        name = node.output[output]
        self.steps.append((operation, list(inputs), name, self.shapes[name], settings or {}))

    def constant(self, name: str) -> np.ndarray:
        if name not in self.known:
            raise BadInput("no-page-engine", "The page's engine has no shapes that are computed, which this network "
                                             "needs: open it with ganbench explore, which starts a local server.")
        return self.known[name]

    def new(self, name: str, array: np.ndarray) -> str:
        self.known[name], self.shapes[name] = array, list(array.shape)
        return name

    def program(self, first: int) -> Program:
        """`first`: where its weights begin in the array of several programs."""
        used = {name for _, inputs, *_ in self.steps for name in inputs if name in self.known}
        constants, arrays = [], []
        for name in sorted(used):
            array = np.ascontiguousarray(self.known[name], np.float32).reshape(-1)
            constants.append({"name": name, "first": first, "shape": self.shapes[name]})
            arrays.append(array)
            first += len(array)
        inputs = [{"name": name, "shape": self.shapes[name]} for name in self.inputs]
        facts = {"inputs": inputs, "output": self.output, "constants": constants, "nodes": self.steps}
        return Program(facts, np.concatenate([np.empty(0, np.float32), *arrays]))


def program_of(function: Callable[..., Tensor], examples: Sequence[Tensor], first: int = 0) -> Program:
    """A pure function of tensors (1, ...), traced.  BadInput: an operation that the engine does not know."""
    import onnx

    try:
        traced = to_onnx(function, examples)
    except (NotImplementedError, BadOutput) as error:
        raise BadInput("no-page-engine", f"This network cannot be written into a page: {error} Open it with ganbench "
                                         "explore, which starts a local server.") from error
    return Lowering(onnx.load_from_string(traced)).program(first)


# What ONNX's operators are in the engine


def unary(graph: Lowering, node: Any) -> None:
    alpha, settings = {"LeakyRelu": 0.01, "Elu": 1.0}, {"name": node.op_type}
    if node.op_type in alpha:
        settings["alpha"] = float(graph.settings.get("alpha", alpha[node.op_type]))
    if node.op_type == "Gelu":
        settings["approximate"] = graph.settings.get("approximate", b"none").decode()
    graph.add("unary", node.input, node, settings)


def clip(graph: Lowering, node: Any) -> None:
    least, most = (float(graph.constant(name)) for name in node.input[1:3])
    graph.add("unary", node.input[:1], node, {"name": "Clip", "least": least, "most": most})


def binary(graph: Lowering, node: Any) -> None:
    graph.add("binary", node.input, node, {"name": node.op_type})


def layout(graph: Lowering) -> Settings:
    """Strides, margins and groups, for two axes."""
    found = graph.settings
    before, after = list(found.get("pads", [0, 0, 0, 0]))[:2], list(found.get("pads", [0, 0, 0, 0]))[2:]
    if before != after:
        raise BadInput("no-page-engine", "The page's engine has no convolution with unequal margins.")
    return {"strides": list(found.get("strides", [1, 1])), "dilations": list(found.get("dilations", [1, 1])),
            "pads": before, "groups": found.get("group", 1)}


def convolution(graph: Lowering, node: Any) -> None:
    graph.constant(node.input[1])
    if len(graph.shapes[node.input[0]]) != 4:
        raise BadInput("no-page-engine", "The page's engine has convolutions of two axes only.")
    graph.add("conv" if node.op_type == "Conv" else "deconv", node.input, node, layout(graph))


def gemm(graph: Lowering, node: Any) -> None:
    graph.constant(node.input[1])
    graph.add("dense", node.input, node, {"transposed": bool(graph.settings.get("transB", 0))})


def matmul(graph: Lowering, node: Any) -> None:
    known = node.input[1] in graph.known and len(graph.shapes[node.input[1]]) == 2
    graph.add("dense" if known else "matmul", node.input, node, {"transposed": False})


def batch_norm(graph: Lowering, node: Any) -> None:
    """(x - mean) / sqrt(variance + epsilon) * scale + shift, as one scale and one shift."""
    scale, shift, mean, variance = (graph.constant(name).astype(np.float64) for name in node.input[1:])
    gain = scale / np.sqrt(variance + graph.settings.get("epsilon", 1e-5))
    names = [graph.new(f"{node.output[0]}.{part}", array) for part, array in
             (("scale", gain), ("shift", shift - mean * gain))]
    graph.add("affine", [node.input[0], *names], node)


def normalisation(graph: Lowering, node: Any) -> None:
    shape, instance = graph.shapes[node.input[0]], node.op_type == "InstanceNormalization"
    axes = len(shape) - (2 if instance else graph.settings.get("axis", -1) % len(shape))
    graph.add("norm", node.input, node, {"axes": axes, "each": "row" if instance else "last",
                                         "epsilon": float(graph.settings.get("epsilon", 1e-5))})


def softmax(graph: Lowering, node: Any) -> None:
    if graph.settings.get("axis", -1) % len(graph.shapes[node.input[0]]) != len(graph.shapes[node.input[0]]) - 1:
        raise BadInput("no-page-engine", "The page's engine has no softmax along other axes than the last one.")
    graph.add("softmax", node.input, node)


def same(graph: Lowering, node: Any) -> None:
    """Another shape of the same numbers."""
    graph.add("same", node.input[:1], node)


def transpose(graph: Lowering, node: Any) -> None:
    graph.add("move", node.input, node, {"name": "Transpose", "perm": list(graph.settings["perm"])})


def expand(graph: Lowering, node: Any) -> None:
    graph.add("move", node.input[:1], node, {"name": "Expand"})


def part(graph: Lowering, node: Any) -> None:
    shape = graph.shapes[node.input[0]]
    starts, _, axes, steps = (graph.constant(name).tolist() for name in node.input[1:5])
    starts = [start + shape[axis] if start < 0 else start for start, axis in zip(starts, axes, strict=True)]
    graph.add("move", node.input[:1], node, {"name": "Slice", "starts": starts, "axes": axes, "steps": steps})


def split(graph: Lowering, node: Any) -> None:
    axis, first = graph.settings.get("axis", 0), 0
    for k, name in enumerate(node.output):
        graph.add("move", node.input[:1], node, {"name": "Slice", "starts": [first], "axes": [axis], "steps": [1]}, k)
        first += graph.shapes[name][axis]


def gather(graph: Lowering, node: Any) -> None:
    axis = graph.settings.get("axis", 0)
    if node.input[1] in graph.known:
        indices = np.atleast_1d(graph.known[node.input[1]]).reshape(-1).tolist()
        graph.add("move", node.input[:1], node, {"name": "Gather", "axis": axis, "indices": indices})
    else:
        graph.add("rows", node.input, node)


def depth_to_space(graph: Lowering, node: Any) -> None:
    graph.add("move", node.input, node, {"name": "DepthToSpace", "blocksize": graph.settings["blocksize"]})


def pad(graph: Lowering, node: Any) -> None:
    widths = graph.constant(node.input[1]).tolist()
    value = float(graph.constant(node.input[2])) if len(node.input) > 2 else 0.0
    settings = {"name": "Pad", "before": widths[: len(widths) // 2], "value": value,
                "mode": graph.settings.get("mode", b"constant").decode()}
    graph.add("move", node.input[:1], node, settings)


def resize(graph: Lowering, node: Any) -> None:
    if graph.settings["mode"] == b"nearest":
        graph.add("move", node.input[:1], node, {"name": "Nearest"})
    else:
        graph.add("bilinear", node.input[:1], node)


def concat(graph: Lowering, node: Any) -> None:
    graph.add("concat", node.input, node, {"axis": graph.settings["axis"] % len(graph.shapes[node.output[0]])})


def reduced(graph: Lowering, node: Any) -> None:
    ndim = len(graph.shapes[node.input[0]])
    axes = [2, 3] if node.op_type == "GlobalAveragePool" else graph.constant(node.input[1]).tolist()
    settings = {"axes": [axis % ndim for axis in axes], "mean": node.op_type != "ReduceSum"}
    graph.add("reduce", node.input[:1], node, settings)


FORMS: dict[str, Callable[[Lowering, Any], None]] = {
    **dict.fromkeys(UNARY, unary), **dict.fromkeys(BINARY, binary), "Clip": clip,
    "Conv": convolution, "ConvTranspose": convolution, "Gemm": gemm, "MatMul": matmul,
    "BatchNormalization": batch_norm, "InstanceNormalization": normalisation, "LayerNormalization": normalisation,
    "Softmax": softmax, "Reshape": same, "Identity": same, "Transpose": transpose, "Expand": expand, "Slice": part,
    "Split": split, "Gather": gather, "DepthToSpace": depth_to_space, "Pad": pad, "Resize": resize, "Concat": concat,
    "ReduceMean": reduced, "ReduceSum": reduced, "GlobalAveragePool": reduced,
}
