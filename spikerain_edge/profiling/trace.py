"""The shapes that tensors really have: a graph is run once while ONNX Runtime takes notes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from spikerain_edge.errors import ModelError

_SUFFIX = "_kernel_time"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Shapes:
    """Shapes that one node met.

    Attributes:
        inputs: one per input, weights included.
        outputs: one per output.
    """

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


def trace_shapes(content: bytes, image_input: str, height: int, width: int) -> dict[str, Shapes]:
    """Runs a graph on a black image and returns the shapes by node name.

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
            event["name"].removesuffix(_SUFFIX): _shapes(event["args"])
            for event in events
            if event["cat"] == "Node" and event["name"].endswith(_SUFFIX)
        }
    except KeyError as error:
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} writes traces without {error}",
            "install another version of onnxruntime",
        ) from error


def _shapes(arguments: Mapping[str, Any]) -> Shapes:
    return Shapes(_listed(arguments["input_type_shape"]), _listed(arguments["output_type_shape"]))


def _listed(entries: list[dict[str, list[int]]]) -> tuple[Shape, ...]:
    """`[{"float": [1, 24, 32, 32]}, ...]` without the types."""
    return tuple(tuple(shape) for entry in entries for shape in entry.values())
