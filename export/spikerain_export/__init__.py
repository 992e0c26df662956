"""Unrolls SpikeRain networks into plain ONNX graphs and proves that they agree with PyTorch.

What needs torch is loaded when it is first asked for: on a board without torch, a shipped ONNX file
is rewritten and built into an engine by `spikerain_export.precision` and `.tensorrt` alone.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikerain_export.exporter import Export, export_network

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = ["Export", "export_network"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("spikerain_export.exporter"), name)
