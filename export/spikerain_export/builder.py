"""Emits ONNX nodes and initializers under readable names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]


class GraphBuilder:
    """Collects the nodes of one graph; each tensor has the name of the node that produces it."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def node(self, operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Adds a node with one output, called `name`, and returns that name."""
        self._nodes.append(
            helper.make_node(operator, list(inputs), [name], name=name, **attributes)
        )
        return name

    def copy(self, node: onnx.NodeProto, inputs: Sequence[str], **changed: Any) -> str:
        """Adds a copy of `node` that reads `inputs`, with some attributes changed.

        Returns:
            The name of its first output.
        """
        twin = onnx.NodeProto()
        twin.CopyFrom(node)
        kept = [entry for entry in node.attribute if entry.name not in changed]
        del twin.input[:], twin.attribute[:]
        twin.input.extend(inputs)
        twin.attribute.extend(kept)
        twin.attribute.extend(helper.make_attribute(key, value) for key, value in changed.items())
        self._nodes.append(twin)
        return str(node.output[0])

    def split(
        self, source: str, names: Sequence[str], channels: Sequence[int] = ()
    ) -> tuple[str, ...]:
        """Splits a tensor (1, C, H, W) along its channels, into equal parts if not said otherwise.

        Args:
            source: the tensor.
            names: names of the parts.
            channels: channels of each part.
        """
        name, inputs = f"{source}/split", [source]
        if channels:
            inputs.append(self.constant(f"{name}/channels", np.array(channels, np.int64)))
        self._nodes.append(helper.make_node("Split", inputs, list(names), name=name, axis=1))
        return tuple(names)

    def constant(self, name: str, value: Array) -> str:
        """Adds an initializer; repeated calls with the same name and value add nothing.

        Raises:
            ValueError: another value already has this name.
        """
        tensor = numpy_helper.from_array(np.asarray(value, order="C"), name)
        known = self._initializers.setdefault(name, tensor)
        if known != tensor:
            raise ValueError(f"two different constants are named {name}")
        return name

    def scalar(self, value: float) -> str:
        """Adds a float32 scalar, shared by all nodes that read it."""
        return self.constant(f"scalar/{value:g}", np.float32(value))

    def convolution(
        self,
        source: str,
        name: str,
        layer: str,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        padding: int | None = None,
    ) -> str:
        """Adds a convolution; timesteps of one `layer` share its weights.

        Args:
            source: tensor (1, C, H, W) to read.
            name: name of the output.
            layer: prefix of the names of weight and bias.
            weight: (outputs, inputs, k, k).
            bias: (outputs,), or None.
            stride: stride in both directions.
            padding: zeros on each side; by default half the kernel.
        """
        kernel = weight.shape[-1]
        inputs = [source, self.constant(f"{layer}/weight", weight)]
        if bias is not None:
            inputs.append(self.constant(f"{layer}/bias", bias))
        pad = kernel // 2 if padding is None else padding
        return self.node(
            "Conv",
            inputs,
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[pad] * 4,
        )

    def model(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        opset: int,
        domains: Mapping[str, int] | None = None,
    ) -> onnx.ModelProto:
        """Returns the finished model after checking it with `onnx.checker`.

        Args:
            name: name of the graph.
            inputs: inputs of the graph.
            outputs: outputs of the graph.
            opset: version of ONNX's own operator set.
            domains: versions of the other operator sets that nodes use.
        """
        graph = helper.make_graph(
            self._nodes, name, list(inputs), list(outputs), list(self._initializers.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid(domain, version)
                for domain, version in {"": opset, **(domains or {})}.items()
            ],
            ir_version=8,
            producer_name="spikerain-edge",
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def image_value(name: str) -> onnx.ValueInfoProto:
    """Declares one BGR image of free height and width, uint8 (1, height, width, 3)."""
    return helper.make_tensor_value_info(name, TensorProto.UINT8, [1, "height", "width", 3])
