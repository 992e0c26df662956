"""Runs SpikeRain models: the `Derainer` and the engines that execute graphs."""

from spikerain_edge.inference.derainer import Derainer
from spikerain_edge.inference.engine import Activity, Engine
from spikerain_edge.inference.onnx_runtime import OnnxRuntimeEngine

__all__ = ["Activity", "Derainer", "Engine", "OnnxRuntimeEngine"]
