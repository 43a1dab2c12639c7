"""A traced network as an ONNX model (opset 18): https://onnx.ai/onnx/operators.

Written node by node, since `torch.onnx.export` needs another package and seconds for each network.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

Operation = tuple[str, list[Any], dict[str, Any]]     # ONNX operator, constant inputs, attributes


def to_onnx(network: fx.GraphModule, examples: Sequence[Tensor]) -> bytes:
    """The network as an ONNX model for inputs of the examples' shapes and types; weights are constants."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, inputs, outputs = [], [], [], []
    modules, parameters = dict(network.named_modules()), dict(network.named_parameters())
    given = iter(examples)
    for node in network.graph.nodes:
        names = [argument.name for argument in node.all_input_nodes]
        if node.op == "placeholder":
            if node.users:
                example = next(given)
                kind = helper.np_dtype_to_tensor_dtype(example.numpy().dtype)
                inputs.append(helper.make_tensor_value_info(node.name, kind, example.shape))
        elif node.op == "get_attr":
            constants.append(numpy_helper.from_array(array(parameters[node.target]), node.name))
        elif node.op == "output":
            outputs = names
        else:
            name, extra, attributes = operation(node, modules.get(str(node.target)))
            added = [f"{node.name}.{i}" for i in range(len(extra))]
            constants += [numpy_helper.from_array(array(value), to) for to, value in zip(added, extra, strict=True)]
            nodes.append(helper.make_node(name, names + added, [node.name], **attributes))
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "network", inputs, results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def operation(node: fx.Node, module: nn.Module | None) -> Operation:
    """What one step of the traced network is called in ONNX."""
    if module is not None:
        return of_module(module)
    if node.target not in STEPS:
        raise NotImplementedError(f"No ONNX form is known for {node.target}.")
    return STEPS[node.target](node, *node.args, **node.kwargs)


def of_module(module: nn.Module) -> Operation:
    match module:
        case nn.Conv2d():
            return "Conv", *kernel(module)
        case nn.ConvTranspose2d():
            name, constants, attributes = "ConvTranspose", *kernel(module)
            return name, constants, attributes | {"output_padding": module.output_padding}
        case nn.MaxPool2d():
            return "MaxPool", [], window(module)
        case nn.AvgPool2d():
            return "AveragePool", [], window(module) | {"count_include_pad": int(module.count_include_pad)}
        case nn.AdaptiveAvgPool2d(output_size=1):
            return "GlobalAveragePool", [], {}
        case nn.BatchNorm2d(running_mean=Tensor() as mean, running_var=Tensor() as variance):
            return "BatchNormalization", [*affine(module, len(mean)), mean, variance], {"epsilon": module.eps}
        case nn.InstanceNorm2d(track_running_stats=False):
            return "InstanceNormalization", affine(module, module.num_features), {"epsilon": module.eps}
        case nn.Upsample(mode="nearest", scale_factor=float() as factor):
            return resize(factor)
        case nn.Flatten(start_dim=1, end_dim=-1):
            return "Flatten", [], {}
        case nn.Identity():
            return "Identity", [], {}
        case nn.ReLU():
            return "Relu", [], {}
        case nn.LeakyReLU():
            return "LeakyRelu", [], {"alpha": module.negative_slope}
        case nn.ReLU6():
            return "Clip", [np.float32(0), np.float32(6)], {}
        case nn.Tanh():
            return "Tanh", [], {}
        case nn.Sigmoid():
            return "Sigmoid", [], {}
        case nn.ZeroPad2d():
            left, right, top, bottom = module.padding
            return "Pad", [np.array([0, 0, top, left, 0, 0, bottom, right])], {}
        case nn.Linear():
            bias = torch.zeros(module.out_features) if module.bias is None else module.bias
            return "Gemm", [module.weight, bias], {"transB": 1}
    raise NotImplementedError(f"No ONNX form is known for {module}.")


def kernel(module: nn.Conv2d | nn.ConvTranspose2d) -> tuple[list[Any], dict[str, Any]]:
    """Weights and attributes of a convolution."""
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise NotImplementedError(f"No ONNX form is known for {module}.")
    bias = torch.zeros(module.out_channels) if module.bias is None else module.bias
    height, width = module.padding
    return [module.weight, bias], {
        "kernel_shape": module.kernel_size, "strides": module.stride, "dilations": module.dilation,
        "pads": [height, width, height, width], "group": module.groups}


def affine(module: nn.BatchNorm2d | nn.InstanceNorm2d, width: int) -> list[Tensor]:
    """Scale and shift of a normalisation."""
    return [torch.ones(width), torch.zeros(width)] if module.weight is None else [module.weight, module.bias]


def window(module: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    if module.ceil_mode:
        raise NotImplementedError(f"No ONNX form is known for {module}.")
    height, width = pair(module.padding)
    return {"kernel_shape": pair(module.kernel_size), "strides": pair(module.stride),
            "pads": [height, width, height, width]}


def resize(factor: float) -> Operation:
    """Every pixel becomes factor x factor of them."""
    scales = np.array([1, 1, factor, factor], np.float32)
    return "Resize", [np.zeros(0, np.float32), scales], {
        "mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}


def item(node: fx.Node, x: fx.Node, index: Any) -> Operation:
    """x[labels]."""
    if not isinstance(index, fx.Node):
        raise NotImplementedError(f"No ONNX form is known for x[{index}].")
    return "Gather", [], {"axis": 0}


def part(node: fx.Node, x: fx.Node, axis: int, first: int, length: int) -> Operation:
    return "Slice", [np.array([first]), np.array([first + length]), np.array([axis])], {}


def reshape(node: fx.Node, x: fx.Node, *shape: int) -> Operation:
    return "Reshape", [np.array(shape)], {}


def unflatten(node: fx.Node, x: fx.Node, axis: int, sizes: Sequence[int]) -> Operation:
    """Of (n, k): 0 stands for the size that is there."""
    if axis != 1:
        raise NotImplementedError(f"No ONNX form is known for unflatten at axis {axis}.")
    return "Reshape", [np.array([0, *sizes])], {}


def enlarge(node: fx.Node, x: fx.Node, scale_factor: float, mode: str = "nearest", **settings: Any) -> Operation:
    if mode != "nearest":
        raise NotImplementedError(f"No ONNX form is known for {mode} interpolation.")
    return resize(scale_factor)


def named(name: str) -> Callable[..., Operation]:
    """A step that has the same meaning, and no attributes, there."""
    return lambda node, *args, **settings: (name, [], {})


# What functions and methods (by name) are called in ONNX; each is told the step and its arguments.
STEPS: dict[Any, Callable[..., Operation]] = {
    operator.add: named("Add"), operator.mul: named("Mul"), torch.tanh: named("Tanh"), "relu": named("Relu"),
    "contiguous": named("Identity"), operator.getitem: item, torch.narrow: part,
    "reshape": reshape, "unflatten": unflatten,
    torch.cat: lambda node, tensors, dim=0: ("Concat", [], {"axis": dim}),
    torch.permute: lambda node, x, dims: ("Transpose", [], {"perm": dims}),
    F.linear: lambda node, x, weight, bias=None: ("Gemm", [], {"transB": 1}),
    F.interpolate: enlarge,
    F.pixel_shuffle: lambda node, x, size: ("DepthToSpace", [], {"blocksize": size, "mode": "CRD"}),
}


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def array(value: Any) -> np.ndarray:
    return value.detach().contiguous().numpy() if isinstance(value, Tensor) else np.asarray(value)
