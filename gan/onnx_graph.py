"""A function of tensors as an ONNX model (opset 20): https://onnx.ai/onnx/operators.

The function is run once.  Every ATen operation that depends on its inputs is written down; whatever else is computed
becomes a constant.  So loops, shapes and conditions are those of this run.  (`torch.onnx.export` needs another package,
and seconds for each network.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

MICROSOFT = "com.microsoft"                           # ONNX Runtime's own operators
FEW = 8                                               # channels that ONNX Runtime's convolution would pad to 16
BILINEAR = {"coordinate_transformation_mode": "half_pixel"}
NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
aten = torch.ops.aten
FILLED = {aten.zeros_like, aten.ones_like, aten.full_like, aten.new_zeros, aten.new_ones, aten.new_full}    # constants


@dataclass(frozen=True)
class Value:
    """What depends on the inputs: its name in the graph."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


def to_onnx(function: Callable[..., Any], examples: Sequence[Tensor]) -> bytes:
    """The function as an ONNX model for inputs of the examples' shapes and types; weights are constants."""
    with torch.inference_mode(False), torch.no_grad():
        given = [example.clone() for example in examples]   # with what inference mode leaves out
        graph = Graph(given)
        with graph:
            found = function(*given)
    return graph.model(found if isinstance(found, tuple) else (found,))


class Graph(TorchDispatchMode):
    """The nodes of what runs inside it."""

    def __init__(self, inputs: Sequence[Tensor]):
        super().__init__()
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.values = WeakTensorKeyDictionary()             # of tensors that are alive; None: unknown
        self.inputs = [Value(f"input{k}", tuple(given.shape), given.dtype) for k, given in enumerate(inputs)]
        for given, value in zip(inputs, self.inputs, strict=True):
            self.values[given] = value

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would load its compiler, for seconds, to keep it from compiling this."""
        return False

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        if operation.overloadpacket not in FILLED and any(given in self.values for given in tensors_in(args)):
            if operation.overloadpacket not in OPERATIONS:
                raise NotImplementedError(f"No ONNX form is known for {operation}.")
            write = OPERATIONS[operation.overloadpacket]
            written = write(self, result, *self.valued(args), **(kwargs or {}))
            if operation._schema.is_mutable:
                self.forget(result)
            several = isinstance(result, tuple | list)
            for part, value in zip(result if several else [result], written if several else [written], strict=True):
                self.values[part] = value
        return result

    def valued(self, given: Any) -> Any:
        """Arguments with tensors that depend on the inputs replaced by their `Value`s."""
        if isinstance(given, tuple | list):
            return [self.valued(one) for one in given]
        if not isinstance(given, Tensor) or given not in self.values:
            return given
        if self.values[given] is None:
            raise NotImplementedError("No ONNX form is known for a second result, or a view of what was changed.")
        return self.values[given]

    def forget(self, changed: Tensor) -> None:
        """What shares the memory of a tensor that was changed in place is no longer what was written down."""
        memory = changed.untyped_storage().data_ptr()
        for other in [other for other in self.values if other.untyped_storage().data_ptr() == memory]:
            self.values[other] = None

    def add(self, operator: str, *inputs: Any, like: Any, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """A node; its output has the shape and type of `like`."""
        from onnx import helper

        names = [f"{operator}{len(self.nodes)}.{k}" for k in range(outputs)]
        given = [self.name(one) for one in inputs]
        while not given[-1]:                                # ONNX Runtime 1.32 crashes on some that are left out
            given.pop()
        self.nodes.append(helper.make_node(operator, given, names, domain=domain, **attributes))
        values = [Value(name, tuple(one.shape), one.dtype)
                  for name, one in zip(names, like if outputs > 1 else [like], strict=True)]
        return values if outputs > 1 else values[0]

    def name(self, given: Any) -> str:
        """Of a value, or of a new constant; an input that is left out has none."""
        if given is None or isinstance(given, Value):
            return "" if given is None else given.name
        name = f"constant{len(self.constants)}"
        self.constants[name] = given.contiguous().numpy() if isinstance(given, Tensor) else np.asarray(given)
        return name

    def model(self, outputs: Sequence[Tensor]) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        def kind(dtype: torch.dtype) -> int:
            return int(helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=dtype).numpy().dtype))

        given = [helper.make_tensor_value_info(one.name, kind(one.dtype), one.shape) for one in self.inputs]
        found = [helper.make_tensor_value_info(self.values[one].name, TensorProto.FLOAT, one.shape) for one in outputs]
        fold(self.nodes, self.constants)
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "function", given, found, constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def tensors_in(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, tuple | list):
        for one in given:
            yield from tensors_in(one)


def fold(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
    """Batch normalisation goes into the transposed convolution before it; ONNX Runtime does so for others only."""
    made = {name: node for node in nodes for name in node.output}
    used = [name for node in nodes for name in node.input]
    for norm in [node for node in nodes if node.op_type == "BatchNormalization"]:
        conv = made.get(norm.input[0])
        if conv is None or conv.op_type != "ConvTranspose" or used.count(norm.input[0]) > 1:
            continue
        scale, shift, mean, variance = (constants[name] for name in norm.input[1:])
        gain = scale / np.sqrt(variance + norm.attribute[0].f)
        weight, bias = conv.input[1:]
        if constants[weight].shape[1] != len(gain):             # groups
            continue
        constants[weight] = constants[weight] * gain.reshape(1, -1, 1, 1)      # (in, out, h, w)
        constants[bias] = (constants[bias] - mean) * gain + shift
        conv.output[0] = norm.output[0]
        nodes.remove(norm)


# What ATen's operations are in ONNX: each is told the graph, torch's result and the arguments.


def same(graph: Graph, result: Tensor, x: Value, *_: Any, **settings: Any) -> Value:
    """Another place in memory, or another shape in torch alone."""
    if result.dtype != x.dtype:
        raise NotImplementedError(f"No ONNX form is known for a change of {x.dtype} to {result.dtype}.")
    return x


def named(operator: str) -> Callable[..., Value]:
    """A function of each number."""
    return lambda graph, result, x: graph.add(operator, x, like=result)


def binary(operator: str) -> Callable[..., Value]:
    """A function of two numbers, of which one may be a constant."""
    def write(graph: Graph, result: Tensor, x: Any, y: Any, alpha: float = 1) -> Value:
        if alpha != 1:
            raise NotImplementedError(f"No ONNX form is known for {operator} with alpha = {alpha}.")
        sides = [one if isinstance(one, Value) else torch.as_tensor(one, dtype=result.dtype) for one in (x, y)]
        return graph.add(operator, *sides, like=result)
    return write


def reverse_sub(graph: Graph, result: Tensor, x: Value, y: Any, alpha: float = 1) -> Value:
    return binary("Sub")(graph, result, y, x, alpha)


def power(graph: Graph, result: Tensor, x: Value, exponent: float) -> Value:
    if exponent != 2:
        raise NotImplementedError(f"No ONNX form is known for the power {exponent}.")
    return graph.add("Mul", x, x, like=result)


def rsqrt(graph: Graph, result: Tensor, x: Value) -> Value:
    return graph.add("Reciprocal", graph.add("Sqrt", x, like=result), like=result)


def silu(graph: Graph, result: Tensor, x: Value) -> Value:
    return graph.add("Mul", x, graph.add("Sigmoid", x, like=result), like=result)


def gelu(graph: Graph, result: Tensor, x: Value, approximate: str = "none") -> Value:
    return graph.add("Gelu", x, like=result, approximate=approximate)


def elu(graph: Graph, result: Tensor, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    """Also SELU, and CELU by its scale of the input."""
    inner = x if input_scale == 1 else graph.add("Mul", x, np.float32(input_scale), like=result)
    found = graph.add("Elu", inner, like=result, alpha=float(alpha))
    if input_scale != 1:                                    # which positive numbers do not have
        positive = graph.add("Sub", graph.add("Relu", x, like=result), graph.add("Relu", inner, like=result),
                             like=result)
        found = graph.add("Add", found, positive, like=result)
    return found if scale == 1 else graph.add("Mul", found, np.float32(scale), like=result)


def celu(graph: Graph, result: Tensor, x: Value, alpha: float = 1) -> Value:
    return elu(graph, result, x, alpha, 1, 1 / alpha)


def softplus(graph: Graph, result: Tensor, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    if beta != 1:
        raise NotImplementedError(f"No ONNX form is known for softplus with beta = {beta}.")
    return graph.add("Softplus", x, like=result)


def mish(graph: Graph, result: Tensor, x: Value) -> Value:
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x, like=result), like=result), like=result)


def prelu(graph: Graph, result: Tensor, x: Value, slope: Tensor) -> Value:
    """x where it is positive, otherwise slope * x; a slope for all, or for each channel."""
    below = graph.add("Sub", x, graph.add("Relu", x, like=result), like=result)
    return graph.add("Add", graph.add("Relu", x, like=result), graph.add("Mul", below, slope, like=result), like=result)


def hardswish(graph: Graph, result: Tensor, x: Value) -> Value:
    return graph.add("Mul", x, hardsigmoid(graph, result, x), like=result)


def hardsigmoid(graph: Graph, result: Tensor, x: Value) -> Value:
    third = graph.add("Add", graph.add("Mul", x, np.float32(1 / 6), like=result), np.float32(0.5), like=result)
    return clip(graph, result, third, 0, 1)


def leaky_relu(graph: Graph, result: Tensor, x: Value, slope: float = 0.01) -> Value:
    return graph.add("LeakyRelu", x, like=result, alpha=float(slope))


def clip(graph: Graph, result: Tensor, x: Value, least: float = -1, most: float = 1) -> Value:
    return graph.add("Clip", x, np.float32(least), np.float32(most), like=result)


def lerp(graph: Graph, result: Tensor, start: Any, end: Any, weight: float) -> Value:
    way = graph.add("Mul", graph.add("Sub", end, start, like=result), np.float32(1 - weight), like=result)
    return graph.add("Sub", end, way, like=result)


def reduced(operator: str) -> Callable[..., Value]:
    def write(graph: Graph, result: Tensor, x: Value, axes: Sequence[int] = (), keep: bool = False) -> Value:
        axes = axes or range(x.ndim)
        if operator == "ReduceMean" and keep and x.ndim == 4 and {axis % 4 for axis in axes} == {2, 3}:
            return graph.add("GlobalAveragePool", x, like=result)
        return graph.add(operator, x, np.array(axes, np.int64), like=result, keepdims=int(keep))
    return write


def softmax(graph: Graph, result: Tensor, x: Value, axis: int, half: Any = None) -> Value:
    return graph.add("Softmax", x, like=result, axis=axis)


# Shapes


def reshape(graph: Graph, result: Tensor, x: Value, *_: Any) -> Value:
    return graph.add("Reshape", x, np.array(result.shape, np.int64), like=result)


def expand(graph: Graph, result: Tensor, x: Value, *_: Any, **settings: Any) -> Value:
    return graph.add("Expand", x, np.array(result.shape, np.int64), like=result)


def permute(graph: Graph, result: Tensor, x: Value, axes: Sequence[int]) -> Value:
    return graph.add("Transpose", x, like=result, perm=[axis % x.ndim for axis in axes])


def transpose(graph: Graph, result: Tensor, x: Value, a: int = 0, b: int = 1) -> Value:
    axes = list(range(x.ndim))
    axes[a], axes[b] = axes[b], axes[a]
    return permute(graph, result, x, axes)


def cat(graph: Graph, result: Tensor, parts: Sequence[Any], axis: int = 0) -> Value:
    return graph.add("Concat", *parts, like=result, axis=axis)


def split(graph: Graph, result: Sequence[Tensor], x: Value, size: Any, axis: int = 0) -> list[Value]:
    axis %= x.ndim
    sizes = np.array([part.shape[axis] for part in result], np.int64)
    return graph.add("Split", x, sizes, like=result, outputs=len(result), axis=axis) if len(result) > 1 else [x]


def part(
    graph: Graph, result: Tensor, x: Value, axis: int = 0, first: int | None = None, end: int | None = None,
    step: int = 1,
) -> Value:
    if result.shape == x.shape and step == 1:
        return x
    limits = [np.array([limit], np.int64) for limit in (first or 0, x.shape[axis] if end is None else end, axis, step)]
    return graph.add("Slice", x, *limits, like=result)


def select(graph: Graph, result: Tensor, x: Value, axis: int, index: int) -> Value:
    return graph.add("Gather", x, np.int64(index), like=result, axis=axis)


def rows(graph: Graph, result: Tensor, table: Any, index: Any, *_: Any) -> Value:
    """table[index], and an embedding."""
    chosen = index if isinstance(index, list) else [index]
    if len(chosen) != 1 or chosen[0] is None:
        raise NotImplementedError("No ONNX form is known for indices of several axes.")
    return graph.add("Gather", table, chosen[0], like=result, axis=0)


def pad(graph: Graph, result: Tensor, x: Value, widths: Sequence[int], value: float = 0) -> Value:
    """`widths`: before and after, from the last axis on."""
    return graph.add("Pad", x, margins(x, widths), np.float32(value), like=result)


def margins(x: Value, widths: Sequence[int]) -> np.ndarray:
    none = [0] * (x.ndim - len(widths) // 2)
    return np.array([*none, *widths[0::2][::-1], *none, *widths[1::2][::-1]], np.int64)


def padded(mode: str) -> Callable[..., Value]:
    """With the image's own pixels."""
    return lambda graph, result, x, widths: graph.add("Pad", x, margins(x, widths), like=result, mode=mode)


def pixel_shuffle(graph: Graph, result: Tensor, x: Value, size: int) -> Value:
    return graph.add("DepthToSpace", x, like=result, blocksize=size, mode="CRD")


def pixel_unshuffle(graph: Graph, result: Tensor, x: Value, size: int) -> Value:
    apart = graph.add("SpaceToDepth", x, like=result, blocksize=size)   # the channels of each place first
    order = torch.arange(result.shape[1]).reshape(size**2, -1).T.reshape(-1)
    return apart if x.shape[1] == 1 else graph.add("Gather", apart, order, like=result, axis=1)


def resized(mode: str) -> Callable[..., Value]:
    """To a multiple of the size: every pixel several times, or bilinear."""
    def write(graph: Graph, result: Tensor, x: Value, *settings: Any) -> Value:
        if mode == "linear" and settings[1]:
            raise NotImplementedError("No ONNX form is known for interpolation with aligned corners.")
        scales = np.array([now / before for now, before in zip(result.shape, x.shape, strict=True)], np.float32)
        how: dict[str, Any] = BILINEAR if mode == "linear" else NEAREST
        return graph.add("Resize", x, None, scales, like=result, mode=mode, **how)
    return write


# Layers


def gemm(graph: Graph, result: Tensor, bias: Any, x: Any, weight: Any) -> Value:
    return graph.add("Gemm", x, weight, bias, like=result)


def matmul(graph: Graph, result: Tensor, x: Any, y: Any) -> Value:
    if isinstance(y, Tensor) and y.ndim == 3 and y.stride(0) == 0:     # a linear layer's weights, as often as images
        y = y[0]
    return graph.add("MatMul", x, y, like=result)


def convolution(
    graph: Graph, result: Tensor, x: Value, weight: Tensor, bias: Tensor | None, strides: Sequence[int],
    padding: Sequence[int], dilations: Sequence[int], transposed: bool, output_padding: Sequence[int], group: int,
) -> Value:
    few = isinstance(weight, Tensor) and len(weight) < FEW and weight.shape[2] > 1
    if few and not transposed and group == 1 and strides == dilations == [1, 1]:
        weight, transposed = weight.flip(2, 3).transpose(0, 1), True
        padding = [side - 1 - width for side, width in zip(weight.shape[2:], padding, strict=True)]
    more: dict[str, Any] = {"output_padding": output_padding} if transposed else {}
    return graph.add(
        "ConvTranspose" if transposed else "Conv", x, weight, torch.zeros(result.shape[1]) if bias is None else bias,
        like=result, strides=strides, pads=[*padding, *padding], dilations=dilations, group=group, **more)


def max_pool(
    graph: Graph, result: tuple[Tensor, Tensor], x: Value, kernel: Sequence[int], strides: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), dilations: Sequence[int] = (1, 1), ceil: bool = False,
) -> list[Value | None]:
    return [graph.add("MaxPool", x, like=result[0], kernel_shape=kernel, strides=strides or kernel,
                      pads=[*padding, *padding], dilations=dilations, ceil_mode=int(ceil)), None]


def average_pool(
    graph: Graph, result: Tensor, x: Value, kernel: Sequence[int], strides: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), ceil: bool = False, count: bool = True, divisor: int | None = None,
) -> Value:
    if divisor is not None:
        raise NotImplementedError("No ONNX form is known for an average with its own divisor.")
    return graph.add("AveragePool", x, like=result, kernel_shape=kernel, strides=strides or kernel,
                     pads=[*padding, *padding], ceil_mode=int(ceil), count_include_pad=int(count))


def batch_norm(
    graph: Graph, result: Sequence[Tensor], x: Value, scale: Tensor | None, shift: Tensor | None, mean: Tensor | None,
    variance: Tensor | None, training: bool, momentum: float, epsilon: float,
) -> list[Value | None]:
    """Instance normalisation comes as that of one image, by its own statistics."""
    scale = torch.ones(x.shape[1]) if scale is None else scale
    shift = torch.zeros(x.shape[1]) if shift is None else shift
    if training and x.shape[0] > 1:
        raise NotImplementedError("No ONNX form is known for batch normalisation in training mode.")
    norm, statistics = ("InstanceNormalization", ()) if training else ("BatchNormalization", (mean, variance))
    return [graph.add(norm, x, scale, shift, *statistics, like=result[0], epsilon=epsilon), None, None]


def group_norm(
    graph: Graph, result: Sequence[Tensor], x: Value, scale: Tensor | None, shift: Tensor | None, n: int,
    channels: int, pixels: int, groups: int, epsilon: float,
) -> list[Value | None]:
    grouped = torch.empty(n, groups, channels // groups * pixels, device="meta")
    normal = graph.add("InstanceNormalization", reshape(graph, grouped, x), torch.ones(groups), torch.zeros(groups),
                       like=grouped, epsilon=epsilon)
    found = reshape(graph, result[0], normal)
    for operator, number in (("Mul", scale), ("Add", shift)):
        if number is not None:
            found = graph.add(operator, found, number.reshape(-1, *[1] * (x.ndim - 2)), like=result[0])
    return [found, None, None]


def layer_norm(
    graph: Graph, result: Sequence[Tensor], x: Value, shape: Sequence[int], scale: Tensor | None,
    shift: Tensor | None, epsilon: float,
) -> list[Value | None]:
    scale = torch.ones(*shape) if scale is None else scale
    return [graph.add("LayerNormalization", x, scale, shift, like=result[0], axis=-len(shape), epsilon=epsilon),
            None, None]


def attention(
    graph: Graph, result: Sequence[Tensor], q: Value, k: Value, v: Value, dropout: float = 0.0, causal: bool = False,
    **settings: Any,
) -> list[Value | None]:
    """(n, heads, t, width) each."""
    if causal or settings.get("attn_mask") is not None:
        raise NotImplementedError("No ONNX form is known for attention with a mask.")
    n, heads, length, width = q.shape

    def side_by_side(x: Value) -> Value:
        """(n, t, heads * width)."""
        apart = torch.empty(n, x.shape[2], heads, width, device="meta")
        return reshape(graph, apart.flatten(2), transpose(graph, apart, x, 1, 2))

    apart = torch.empty(n, length, heads, width, device="meta")
    found = graph.add("MultiHeadAttention", *map(side_by_side, (q, k, v)), like=apart.flatten(2), domain=MICROSOFT,
                      num_heads=heads, scale=settings.get("scale") or width**-0.5)
    return [transpose(graph, result[0], reshape(graph, apart, found), 1, 2), None]


OPERATIONS: dict[Any, Callable[..., Any]] = {
    aten.clone: same, aten.detach: same, aten.alias: same, aten._to_copy: same,
    aten.add: binary("Add"), aten.add_: binary("Add"), aten.sub: binary("Sub"), aten.rsub: reverse_sub,
    aten.mul: binary("Mul"), aten.div: binary("Div"), aten.pow: power, aten.rsqrt: rsqrt, aten.lerp: lerp,
    aten.reciprocal: named("Reciprocal"), aten.exp: named("Exp"), aten.sin: named("Sin"), aten.cos: named("Cos"),
    aten.tanh: named("Tanh"), aten.sigmoid: named("Sigmoid"), aten.relu: named("Relu"), aten.relu_: named("Relu"),
    aten.leaky_relu: leaky_relu, aten.leaky_relu_: leaky_relu, aten.hardtanh: clip, aten.hardtanh_: clip,
    aten.silu: silu, aten.silu_: silu, aten.gelu: gelu, aten._softmax: softmax, aten._safe_softmax: softmax,
    aten.elu: elu, aten.elu_: elu, aten.celu: celu, aten.softplus: softplus, aten.mish: mish, aten.mish_: mish,
    aten._prelu_kernel: prelu, aten.hardswish: hardswish, aten.hardswish_: hardswish, aten.hardsigmoid: hardsigmoid,
    aten.hardsigmoid_: hardsigmoid, aten.neg: named("Neg"), aten.abs: named("Abs"), aten.sqrt: named("Sqrt"),
    aten.log: named("Log"), aten.reflection_pad2d: padded("reflect"), aten.replication_pad2d: padded("edge"),
    aten.mean: reduced("ReduceMean"), aten.sum: reduced("ReduceSum"),
    aten.view: reshape, aten._unsafe_view: reshape, aten.unsqueeze: reshape, aten.squeeze: reshape,
    aten.expand: expand, aten.permute: permute, aten.transpose: transpose, aten.t: transpose, aten.cat: cat,
    aten.split: split, aten.split_with_sizes: split, aten.slice: part, aten.select: select, aten.index: rows,
    aten.embedding: rows, aten.constant_pad_nd: pad, aten.pixel_shuffle: pixel_shuffle,
    aten.pixel_unshuffle: pixel_unshuffle, aten.upsample_nearest2d: resized("nearest"),
    aten.upsample_bilinear2d: resized("linear"), aten.addmm: gemm, aten.mm: matmul, aten.bmm: matmul,
    aten.convolution: convolution, aten.max_pool2d_with_indices: max_pool, aten.avg_pool2d: average_pool,
    aten.native_batch_norm: batch_norm, aten.native_group_norm: group_norm, aten.native_layer_norm: layer_norm,
    aten._scaled_dot_product_flash_attention_for_cpu: attention,
}
