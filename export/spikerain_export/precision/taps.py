"""Runs a graph for what flows through it instead of for its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from spikerain_edge.images import Image

Floats = npt.NDArray[np.float32]
Summary = Callable[[str, str], list[onnx.NodeProto]]
"""The nodes that make of a tensor, by its name, what is looked at, under another name."""


class Tapped:
    """A graph whose outputs are summaries of its tensors.

    Args:
        model: a graph of one image.
        tensors: names of float32 tensors in it.
        summary: what to make of each.
        constants: initializers that the summaries read.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        tensors: Sequence[str],
        summary: Summary,
        constants: Sequence[onnx.TensorProto] = (),
    ) -> None:
        self._tensors = list(tensors)
        tapped = onnx.ModelProto()
        tapped.CopyFrom(model)
        del tapped.graph.output[:]
        tapped.graph.initializer.extend(constants)
        for name in self._tensors:
            tapped.graph.node.extend(summary(name, tap_name(name)))
            # Without a shape: ONNX Runtime knows it.
            tapped.graph.output.append(
                onnx.helper.make_tensor_value_info(tap_name(name), onnx.TensorProto.FLOAT, None)
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            tapped.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: Image) -> dict[str, Floats]:
        """The summary of each tensor for an image (H, W, 3) uint8 BGR, sides in strides."""
        (source,) = self._session.get_inputs()
        outputs = [tap_name(name) for name in self._tensors]
        values = self._session.run(outputs, {source.name: image[None]})
        return {name: np.asarray(value) for name, value in zip(self._tensors, values, strict=True)}


def tap_name(name: str) -> str:
    """What a tensor that is added to a graph for tapping is called."""
    return f"tap/{name}"
