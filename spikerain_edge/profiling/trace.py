"""What tensors really are: a graph is run once while ONNX Runtime takes notes."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from spikerain_edge.errors import ModelError

_SUFFIX = "_kernel_time"

# By the names that ONNX Runtime gives types in its traces.
_BYTES = {
    **dict.fromkeys(("bool", "int8", "uint8"), 1),
    **dict.fromkeys(("bfloat16", "float16", "int16", "uint16"), 2),
    **dict.fromkeys(("float", "int32", "uint32"), 4),
    **dict.fromkeys(("double", "int64", "uint64"), 8),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor as one node met it.

    Attributes:
        shape: its sides.
        element_bytes: bytes that an element takes.
    """

    shape: tuple[int, ...]
    element_bytes: int

    @property
    def elements(self) -> int:
        """How many there are."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What all of them take."""
        return self.elements * self.element_bytes


@dataclass(frozen=True)
class Tensors:
    """Tensors that one node met.

    Attributes:
        inputs: one per input, weights included.
        outputs: one per output.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def trace_tensors(content: bytes, image_input: str, height: int, width: int) -> dict[str, Tensors]:
    """Runs a graph on a black image and returns the tensors by node name.

    Nothing is optimised, so that every node of the file is a node of the trace.

    Args:
        content: the ONNX file.
        image_input: name of its input, uint8 (1, height, width, 3).
        height: rows, a multiple of the model's stride.
        width: columns, likewise.

    Raises:
        ModelError: ONNX Runtime wrote no usable trace.
    """
    with tempfile.TemporaryDirectory(prefix="spikerain-trace-") as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        # Weights that were packed for a kernel would be missing among its inputs.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        session.run(None, {image_input: np.zeros((1, height, width, 3), np.uint8)})
        path = Path(session.end_profiling())
        events = json.loads(path.read_text())
    try:
        return {
            event["name"].removesuffix(_SUFFIX): _tensors(event["args"])
            for event in events
            if event["cat"] == "Node" and event["name"].endswith(_SUFFIX)
        }
    except KeyError as error:
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} writes traces without {error}",
            "install another version of onnxruntime",
        ) from error


def _tensors(arguments: Mapping[str, Any]) -> Tensors:
    return Tensors(_listed(arguments["input_type_shape"]), _listed(arguments["output_type_shape"]))


def _listed(entries: list[dict[str, list[int]]]) -> tuple[Tensor, ...]:
    """Reads `[{"float": [1, 24, 32, 32]}, ...]`."""
    return tuple(
        Tensor(tuple(shape), _BYTES[kind]) for entry in entries for kind, shape in entry.items()
    )
