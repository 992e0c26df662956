"""Executes SpikeRain graphs."""

from spikerain_edge.inference.derainer import MIN_SIDE, Derainer
from spikerain_edge.inference.engine import Activity, Engine
from spikerain_edge.inference.onnx_runtime import OnnxRuntimeEngine

__all__ = ["MIN_SIDE", "Activity", "Derainer", "Engine", "OnnxRuntimeEngine"]
