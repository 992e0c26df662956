"""Removes rain from camera streams on edge devices with the SpikeRain spiking neural network.

Names that need NumPy and ONNX Runtime are imported on first use, so that `--help` stays fast.
"""

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# ONNX Runtime sends usage data to Microsoft unless this is set before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# A damaged file may claim to be huge; OpenCV then allocates memory for up to 2**30 pixels. This
# limits it to 16384x16384 pixels. OpenCV reads the variable on its first import.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))
logging.getLogger(__name__).addHandler(logging.NullHandler())

from spikerain_edge.errors import InputError, ModelError, SpikeRainError, StreamError

if TYPE_CHECKING:
    from spikerain_edge.inference import Derainer
    from spikerain_edge.spec import ModelSpec

__all__ = [
    "Derainer",
    "InputError",
    "ModelError",
    "ModelSpec",
    "SpikeRainError",
    "StreamError",
]


def __getattr__(name: str) -> Any:
    modules = {"Derainer": "spikerain_edge.inference", "ModelSpec": "spikerain_edge.spec"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(modules[name]), name)
