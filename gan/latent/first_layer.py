"""The layers of a network that read its latent, found in its traced graph, and what they give.

Works for any network that can be traced, whatever its modules are called: the layers are those linear operations whose
input is the latent itself, reshaped, cut or beside other inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ganbench.gan.onnx_graph import to_onnx
from ganbench.gan.types import BadInput, BadOutput

MOVING = {"Reshape", "Gather", "Slice", "Split", "Transpose", "Concat", "Expand", "Identity"}
LINEAR = {"Gemm", "MatMul", "Conv", "ConvTranspose"}
ACTIVATIONS = {"Relu", "LeakyRelu", "Elu", "Tanh", "Sigmoid", "Gelu", "Softplus"}


class FirstLayers:
    """`function(latents, *more)` for n latents at a time (the examples' batch): its first layers and activations.

    BadInput: the function cannot be traced, or nothing in it is linear in the latent.
    """

    def __init__(self, function: Callable[..., Tensor], examples: Sequence[Tensor]):
        import onnx

        try:
            self.model = onnx.load_from_string(to_onnx(function, examples))
        except (NotImplementedError, BadOutput) as error:
            raise BadInput("no-directions", f"The layers that read the latent are not found: {error}") from error
        graph = self.model.graph
        self.batch = len(examples[0])
        self.names = [one.name for one in graph.input]
        self.linear = linear_in(graph, self.names[0])
        self.active = active_in(graph, self.names[0])
        if not self.linear:
            raise BadInput("no-directions", "No layer of this network reads the latent alone.")

    def weights(self, latent: np.ndarray, *more: np.ndarray) -> list[np.ndarray]:
        """Of each of the layers that read the latent: (m, d), the change of its output with each number of the latent.

        `latent`: one, of any shape with d numbers; `more`: the other inputs for it.
        """
        d = latent.size
        moved = latent.reshape(1, -1) + np.concatenate([np.zeros((1, d)), np.eye(d)])
        rows = moved.reshape(-1, *latent.shape).astype(np.float32)
        given = [np.broadcast_to(one, (len(rows), *np.shape(one))) for one in more]
        found = self.run(self.linear, rows, *given)
        return [(values[1:] - values[:1]).reshape(d, -1).T for values in found]

    def activations(self, latents: np.ndarray, *more: np.ndarray) -> np.ndarray:
        """(n, ...): the first nonlinear function of the latents, or of what is linear in them where there is none."""
        return self.run([self.active or self.linear[0]], latents, *more)[0]

    def run(self, outputs: Sequence[str], latents: np.ndarray, *more: np.ndarray) -> list[np.ndarray]:
        """Values of the graph for n latents, in batches."""
        session = session_of(self.model, outputs)
        wanted = {one.name for one in session.get_inputs()}
        parts = []
        for first in range(0, len(latents), self.batch):
            rows = [np.asarray(one[first : first + self.batch]) for one in (latents, *more)]
            filled = [np.concatenate([one, np.repeat(one[-1:], self.batch - len(one), axis=0)]) for one in rows]
            given = {name: one for name, one in zip(self.names, filled, strict=True) if name in wanted}
            parts.append([np.asarray(one)[: len(rows[0])] for one in session.run(list(outputs), given)])
        return [np.concatenate(values) for values in zip(*parts, strict=True)]


def linear_in(graph: Any, latent: str) -> list[str]:
    """Outputs of the linear operations that read the latent, as it is or moved about."""
    moved, found = {latent}, []
    for node in graph.node:
        if node.input[0] in moved or (node.op_type == "Concat" and moved.intersection(node.input)):
            if node.op_type in MOVING:
                moved.update(node.output)
            elif node.op_type in LINEAR:
                found.append(node.output[0])
    return found


def active_in(graph: Any, latent: str) -> str:
    """The output of the first nonlinear function of the latent; '' if there is none."""
    depends = {latent}
    for node in graph.node:
        if depends.intersection(node.input):
            depends.update(node.output)
            if node.op_type in ACTIVATIONS:
                return str(node.output[0])
    return ""


def session_of(model: Any, outputs: Sequence[str]) -> Any:
    """ONNX Runtime for the part of a graph that the outputs need, with one thread."""
    import onnx
    import onnxruntime

    needed, kept = set(outputs), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for whole, part in (
        (made.graph.node, kept[::-1]),
        (made.graph.input, [one for one in model.graph.input if one.name in needed]),
        (made.graph.initializer, [one for one in model.graph.initializer if one.name in needed]),
        (made.graph.output, [onnx.helper.make_empty_tensor_value_info(name) for name in outputs]),
    ):
        del whole[:]
        whole.extend(part)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
