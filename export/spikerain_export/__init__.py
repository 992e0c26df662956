"""Unrolls SpikeRain networks into plain ONNX graphs and proves that they agree with PyTorch."""

from spikerain_export.exporter import Export, export_checkpoint, export_network

__all__ = ["Export", "export_checkpoint", "export_network"]
