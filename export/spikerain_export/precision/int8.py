"""INT8 with exact spikes: spikes are 0 or 1 and exact as bytes; weights are rounded.

All targets round weights per output channel to symmetric signed bytes and leave the analogue
layers (patch embedding, attention, enhancement, output) in float32. Integer convolutions of
TensorRT and OpenVINO return float32, so nothing else is rounded. Fast integer convolutions of ONNX
Runtime also round their output to bytes, with a scale chosen on images.

`to_int8` rounds weights to the nearest level. Give it a graph `with_constants` that
`rounded_weights` returned, and it keeps them: these are rounded so that the currents change least.

Cost for `nano` on real rainy photographs, measured with
`python benchmarks/precision_cost.py --images FOLDER` (the middle 256x256 pixels of ten, weights and
scales chosen on four others, all run by ONNX Runtime):

| target, weights      | PSNR to FP32 | worst image | spikes that differ |
|----------------------|--------------|-------------|--------------------|
| tensorrt, rounded    | 42.44 dB     | 36.37 dB    | 5.18 %             |
| tensorrt, nearest    | 41.70 dB     | 35.85 dB    | 5.97 %             |
| onnxruntime, rounded | 41.64 dB     | 35.84 dB    | 5.80 %             |
| onnxruntime, nearest | 41.63 dB     | 35.49 dB    | 6.20 %             |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import onnx

from spikerain_edge.spec import ModelSpec
from spikerain_export.counting import counted
from spikerain_export.precision.byte_neurons import byte_layers
from spikerain_export.precision.calibrate import calibrate
from spikerain_export.precision.channels_last import ChannelsLastWriter
from spikerain_export.precision.dense import SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph, require_full_precision
from spikerain_export.precision.openvino import OpenVinoWriter
from spikerain_export.precision.qdq import with_pairs
from spikerain_export.precision.scales import OutputScale
from spikerain_export.truth import Scene

Int8Target = Literal["onnxruntime", "openvino", "tensorrt"]


def to_int8(
    model: onnx.ModelProto,
    spec: ModelSpec,
    target: Int8Target,
    scenes: Sequence[Scene] = (),
    *,
    source_sha256: str = "",
    scales: dict[str, OutputScale] | None = None,
) -> tuple[onnx.ModelProto, ModelSpec]:
    """Converts the spiking convolutions of a graph or probe graph to integers.

    Args:
        model: FP32 graph.
        spec: its description.
        target: runtime that will run it.
        scenes: for `onnxruntime`: rainy scenes to choose scales on.
        source_sha256: SHA-256 of the file that it was read from.
        scales: for `onnxruntime`: the result of `output_scales`, instead of scenes.

    Raises:
        InputError: scales must be chosen, but there are no images.
        ModelError: the graph is not FP32, or has an operator that cannot be converted.
    """
    require_full_precision(spec.precision, "int8")
    source = SourceGraph(model)
    described = replace(
        spec,
        precision="int8",
        target=target,
        full_precision=tuple(
            operation.name for operation in spec.operations if not operation.spiking
        ),
        source_sha256=source_sha256,
    )
    if target == "openvino":
        rewritten = OpenVinoWriter(source, spec).write()
        return rewritten, counted(rewritten, described)
    if target == "tensorrt":
        rewritten = with_pairs(source, spec)
        return rewritten, counted(rewritten, described)
    if scales is None:
        scales = output_scales(model, spec, scenes)
    convolutions = SpikingConvolutions(source, spec)
    rewritten = ChannelsLastWriter(source, spec, convolutions, scales).write()
    return rewritten, _as_in_full_precision(counted(rewritten, described), spec)


def _as_in_full_precision(made: ModelSpec, spec: ModelSpec) -> ModelSpec:
    """Counts analogue layers as in FP32, also one that is written as several products."""
    known = {operation.name: operation for operation in spec.operations if not operation.spiking}
    operations = (known.get(operation.name, operation) for operation in made.operations)
    return replace(made, operations=tuple(operations))


def output_scales(
    model: onnx.ModelProto, spec: ModelSpec, scenes: Sequence[Scene]
) -> dict[str, OutputScale]:
    """Chooses the scales of what ONNX Runtime's integer convolutions and neurons round, by layer.

    The same scales serve the graph and its probe graph.

    Args:
        model: FP32 graph.
        spec: its description.
        scenes: rainy scenes.

    Raises:
        InputError: there are no images, or an image is too small.
    """
    source = SourceGraph(model)
    convolutions = SpikingConvolutions(source, spec).all
    return calibrate(model, spec, convolutions, byte_layers(source, spec), scenes)
