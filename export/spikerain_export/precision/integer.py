"""Checks that runtimes, after their optimisations, run spiking convolutions in integers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from spikerain_edge.errors import ModelError
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.spec import ModelSpec

# Integer operators that are ten times slower than float32, or that compute scales for every frame.
_SLOW = {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger"}


def integer_convolutions(content: bytes, spec: ModelSpec) -> int:
    """Counts the integer convolutions of a graph after ONNX Runtime's CPU optimisations.

    Args:
        content: the ONNX file, made for ONNX Runtime.
        spec: its description.

    Raises:
        ModelError: a spiking convolution is not a `QLinearConv`, or the graph has an operator
            that is slow in integers, such as `ConvInteger`.
    """
    optimised = _optimised(content)
    slow = sorted({node.op_type for node in optimised.graph.node} & _SLOW)
    if slow:
        raise _not_integer(f"it uses the slow operator {', '.join(slow)}")
    integer = {node.name for node in optimised.graph.node if node.op_type == "QLinearConv"}
    for operation in spec.operations:
        wanted = [f"{operation.name}/{t}" for t in range(spec.timesteps)]
        missing = [name for name in wanted if f"{name}/bytes" not in integer]
        if operation.spiking and missing:
            raise _not_integer(f"{missing[0]} is not an integer convolution")
    return len(integer)


def require_openvino_integers(content: bytes, spec: ModelSpec) -> None:
    """Checks that OpenVINO runs every spiking convolution of a graph in integers.

    Args:
        content: the ONNX file, made for OpenVINO.
        spec: its description.

    Raises:
        InputError: OpenVINO is not installed.
        ModelError: OpenVINO cannot run the graph, or runs a spiking convolution in float32.
    """
    height, width = spec.height or 2 * spec.stride, spec.width or 2 * spec.stride
    with tempfile.TemporaryDirectory() as folder:
        cache = CompiledCache(Path(folder))
        with OpenVinoEngine(content, "the graph in memory", cache=cache) as engine:
            engine.infer(np.zeros((spec.batch, height, width, 3), np.uint8))


def _optimised(content: bytes) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(path)
        # Hides the warning that the written graph only suits this machine, which is intended.
        options.log_severity_level = 4
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _not_integer(reason: str) -> ModelError:
    return ModelError(
        f"ONNX Runtime {onnxruntime.__version__} does not run this graph in integers: {reason}",
        "export it without --int8, or update ONNX Runtime: pip install -U onnxruntime",
    )
