"""Builds TensorRT engines from exported ONNX files; needs neither torch nor onnx."""

from spikerain_export.tensorrt.builder import BuildSettings, build_engine
from spikerain_export.tensorrt.cache import EngineCache, build_cached

__all__ = ["BuildSettings", "EngineCache", "build_cached", "build_engine"]
