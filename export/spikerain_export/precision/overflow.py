"""Checks that the values of a graph fit into half precision.

Running the FP16 graph on a CPU does not show an overflow: ONNX Runtime's CPU provider computes
operators without a half kernel in float32 and drops casts between them, so that larger values
survive. On a GPU they become infinite. So the values of the FP32 graph are checked.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.graph import SourceGraph
from spikerain_export.precision.half import HalfWriter
from spikerain_export.precision.taps import Tapped
from spikerain_export.truth import Scene

# Outputs of these are not larger than their inputs, which are checked, or than 255.
_BOUNDED = {
    "Cast", "Clip", "Concat", "DepthToSpace", "Neg", "Relu", "Reshape", "Resize", "Sigmoid",
    "Split", "ThresholdedRelu", "Transpose", "Unsqueeze",
}  # fmt: skip
LARGEST = float(np.finfo(np.float16).max)
"""Largest finite number in half precision, 65504."""


def require_half_range(
    model: onnx.ModelProto, spec: ModelSpec, scenes: Iterable[Scene]
) -> dict[str, float]:
    """Checks that all constants, and all tensors on these scenes, fit into half precision.

    Args:
        model: FP32 graph of free size that `to_half` can convert.
        spec: its description.
        scenes: rainy scenes, cropped to multiples of the stride.

    Returns:
        The largest absolute value of every constant and tensor that becomes half precision.

    Raises:
        ModelError: a value does not fit; the message names the tensor with the largest value.
    """
    source = SourceGraph(model)
    writer = HalfWriter(source, spec)
    writer.write()
    peaks = {
        name: float(np.abs(value).max(initial=0)) for name, value in writer.half_constants.items()
    }
    growing = [name for name in writer.half_tensors if source.made_by[name].op_type not in _BOUNDED]
    tapped = Tapped(model, growing, _peak)
    for scene in scenes:
        height, width = (side // spec.stride * spec.stride for side in scene.rainy.shape[:2])
        frames = [np.ascontiguousarray(frame[:height, :width]) for frame in scene.frames]
        for name, value in tapped(*frames).items():
            peaks[name] = max(peaks.get(name, 0.0), _finite(float(value)))
    worst = max(peaks, key=peaks.__getitem__)
    if peaks[worst] >= LARGEST:
        raise ModelError(
            f"{worst} of {spec.name} reaches {peaks[worst]:.6g}, but the largest number in half "
            f"precision is {LARGEST:.0f}",
            "nothing was written; export it without --fp16, or add --no-verify to write it anyway",
        )
    return peaks


def _finite(value: float) -> float:
    """Replaces NaN by infinity, so that it counts as an overflow."""
    return value if np.isfinite(value) else float("inf")


def _peak(name: str, made: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceMax", [name], [f"{made}/most"], keepdims=0),
        helper.make_node("ReduceMin", [name], [f"{made}/least"], keepdims=0),
        helper.make_node("Neg", [f"{made}/least"], [f"{made}/deepest"]),
        helper.make_node("Max", [f"{made}/most", f"{made}/deepest"], [made]),
    ]
