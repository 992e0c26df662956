"""Converts FP32 graphs to FP16 and to INT8 with exact spikes.

Needs no torch, so that boards can convert shipped ONNX files.
"""

from spikerain_export.precision.half import to_half
from spikerain_export.precision.int8 import Int8Target, output_scales, to_int8
from spikerain_export.precision.integer import integer_convolutions, require_openvino_integers
from spikerain_export.precision.overflow import require_half_range
from spikerain_export.precision.scales import OutputScale
from spikerain_export.precision.weights import rounded_weights, with_constants

__all__ = [
    "Int8Target",
    "OutputScale",
    "integer_convolutions",
    "output_scales",
    "require_half_range",
    "require_openvino_integers",
    "rounded_weights",
    "to_half",
    "to_int8",
    "with_constants",
]
