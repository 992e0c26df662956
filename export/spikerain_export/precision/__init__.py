"""Lower precision, written into the graph: FP16 and spike-exact INT8 made from FP32 graphs.

Nothing here needs torch: a board makes them from a shipped ONNX file.
"""

from spikerain_export.precision.half import to_half
from spikerain_export.precision.int8 import Int8Target, output_scales, to_int8
from spikerain_export.precision.integer import integer_convolutions
from spikerain_export.precision.overflow import require_half_range
from spikerain_export.precision.scales import OutputScale

__all__ = [
    "Int8Target",
    "OutputScale",
    "integer_convolutions",
    "output_scales",
    "require_half_range",
    "to_half",
    "to_int8",
]
