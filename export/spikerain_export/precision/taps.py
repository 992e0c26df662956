"""Runs a graph and returns summaries of inner tensors instead of the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from spikerain_edge.images import Image

Array = npt.NDArray[Any]
Summary = Callable[[str, str], list[onnx.NodeProto]]
"""Returns the nodes that compute a summary of a tensor, from its name and the summary's name."""


class Tapped:
    """A graph whose outputs are summaries of its tensors.

    Args:
        model: a graph that takes one image, and perhaps the frame before it.
        tensors: names of the tensors to summarise.
        summary: returns the nodes of one summary.
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
            # Without type and shape: ONNX Runtime infers them.
            tapped.graph.output.append(onnx.ValueInfoProto(name=tap_name(name)))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            tapped.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: Image, previous: Image | None = None) -> dict[str, Array]:
        """Returns the summary of each tensor by the tensor's name.

        Args:
            image: (H, W, 3) uint8 BGR, its sides multiples of the stride.
            previous: the frame before it, which graphs for video read; None if nothing changed.
        """
        frames = (image, image if previous is None else previous)
        sources = self._session.get_inputs()
        inputs = {each.name: frame[None] for each, frame in zip(sources, frames, strict=False)}
        outputs = [tap_name(name) for name in self._tensors]
        values = self._session.run(outputs, inputs)
        return {name: np.asarray(value) for name, value in zip(self._tensors, values, strict=True)}


def tap_name(name: str) -> str:
    """Returns the name of a tensor that is added to a graph for a summary."""
    return f"tap/{name}"
