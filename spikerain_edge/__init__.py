"""Removes rain from camera streams on edge devices with the SpikeRain spiking neural network."""

import logging
import os

# ONNX Runtime sends usage data to its makers unless this is set before it is first imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
logging.getLogger(__name__).addHandler(logging.NullHandler())

from spikerain_edge.errors import InputError, ModelError, SpikeRainError, StreamError
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
