"""Checks that spiking convolutions are integer ones in the graph that ONNX Runtime really runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec

# Integer products, but slower than float32 by an order of magnitude, or weights and scales that
# are found anew for every frame.
_SLOW = {"ConvInteger", "DynamicQuantizeLinear", "MatMulInteger"}


def integer_convolutions(content: bytes, spec: ModelSpec) -> int:
    """The number of integer convolutions in a graph as ONNX Runtime's CPU provider optimises it.

    Args:
        content: the ONNX file, made for ONNX Runtime.
        spec: its description.

    Raises:
        ModelError: a spiking convolution is no `QLinearConv`, or any operator is `ConvInteger`.
    """
    optimised = _optimised(content)
    slow = sorted({node.op_type for node in optimised.graph.node} & _SLOW)
    if slow:
        raise _refused(f"it runs {', '.join(slow)}")
    integer = {node.name for node in optimised.graph.node if node.op_type == "QLinearConv"}
    for operation in spec.operations:
        wanted = [f"{operation.name}/{t}" for t in range(spec.timesteps)]
        missing = [name for name in wanted if f"{name}/bytes" not in integer]
        if operation.spiking and missing:
            raise _refused(f"it has no integer convolution for {missing[0]}")
    return len(integer)


def _optimised(content: bytes) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(path)
        # It warns that what it writes depends on the machine: that is what is asked for.
        options.log_severity_level = 4
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _refused(reason: str) -> ModelError:
    return ModelError(
        f"ONNX Runtime {onnxruntime.__version__} does not run this graph in integers: {reason}",
        "export it without --int8, or install another version: pip install -U onnxruntime",
    )
