"""Spike-exact INT8: spikes are 0 or 1, so as bytes they lose nothing; only weights are rounded.

Both targets round weights per output channel to symmetric signed bytes and leave the analogue ends
(patch embedding, attention, enhancement, output) in float32. They differ in what their integer
convolutions return: TensorRT's give float32, so nothing else is rounded and no images are needed;
ONNX Runtime's fast one rounds its output to bytes too, with a scale chosen on images.

What that costs `nano` on real rainy photographs, by
`python benchmarks/precision_cost.py --images FOLDER` (the middle 256x256 pixels of ten, scales
chosen on four others, both run by ONNX Runtime):

| target      | PSNR to FP32 | worst image | spikes that differ |
|-------------|--------------|-------------|--------------------|
| tensorrt    | 45.18 dB     | 39.84 dB    | 2.48 %             |
| onnxruntime | 44.74 dB     | 39.60 dB    | 2.79 %             |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import onnx

from spikerain_edge.images import Image
from spikerain_edge.spec import ModelSpec
from spikerain_export.counting import counted
from spikerain_export.precision.calibrate import calibrate
from spikerain_export.precision.channels_last import ChannelsLastWriter
from spikerain_export.precision.dense import SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph, require_full_precision
from spikerain_export.precision.qdq import with_pairs
from spikerain_export.precision.scales import OutputScale

Int8Target = Literal["onnxruntime", "tensorrt"]


def to_int8(
    model: onnx.ModelProto,
    spec: ModelSpec,
    target: Int8Target,
    images: Sequence[Image] = (),
    *,
    source_sha256: str = "",
    scales: dict[str, OutputScale] | None = None,
) -> tuple[onnx.ModelProto, ModelSpec]:
    """A graph or probe graph whose spiking convolutions are integer ones.

    Args:
        model: FP32 graph.
        spec: its description.
        target: runtime to make it for.
        images: for `onnxruntime`: rainy images (H, W, 3) uint8 BGR to choose scales by.
        source_sha256: digest of the file it comes from.
        scales: for `onnxruntime`: what `output_scales` returned, in the place of images.

    Raises:
        InputError: scales are needed, and there are no images.
        ModelError: the graph is not FP32, or has an operator that no rule is known for.
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
    if target == "tensorrt":
        rewritten = with_pairs(source, spec)
        return rewritten, counted(rewritten, described)
    convolutions = SpikingConvolutions(source, spec)
    if scales is None:
        scales = calibrate(model, spec, convolutions.all, images)
    rewritten = ChannelsLastWriter(source, spec, convolutions, scales).write()
    return rewritten, counted(rewritten, described)


def output_scales(
    model: onnx.ModelProto, spec: ModelSpec, images: Sequence[Image]
) -> dict[str, OutputScale]:
    """How ONNX Runtime's integer convolutions are to round their outputs, by layer.

    Chosen once, it serves the graph and its probe graph alike.

    Raises:
        InputError: there are no images.
    """
    return calibrate(model, spec, SpikingConvolutions(SourceGraph(model), spec).all, images)
