"""Exports of small pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from precision_parts import photograph

from spikerain_edge.errors import SpikeRainError
from spikerain_export.conversion import Request
from spikerain_export.delivery import Delivery, deliver
from spikerain_export.origin import Graph, Origin
from spikerain_export.truth import Scene

# Without clean images: with so few small pictures, a loss against them would be a matter of chance.
PICTURES = [
    [Scene(photograph(*size)), Scene(np.ascontiguousarray(photograph(*size)[::-1]))]
    for size in ((64, 72), (48, 64))
]
OTHERS = [
    Scene(np.ascontiguousarray(photograph(96, 96)[:, ::-1])),
    Scene(photograph(96, 80)),
]


def delivered(origin: Origin, output: Path, **options: Any) -> Delivery:
    request = Request(**options.pop("request", {}))
    options = {"calibration": OTHERS, **options}
    return deliver(origin, request, output, options.pop("scenes", PICTURES), **options)


def refused(origin: Origin, output: Path, **options: Any) -> SpikeRainError:
    with pytest.raises(SpikeRainError) as raised:
        delivered(origin, output, **options)
    assert "\n" not in str(raised.value)
    return raised.value


class Recorder:
    """Records the phases of an export; cancels in the phase of this name."""

    def __init__(self, cancels: str = "") -> None:
        self.phases: list[str] = []
        self._cancels = cancels

    def __call__(self, phase: str, done: int, steps: int) -> bool:
        self.phases.append(phase)
        return phase != self._cancels


def weakened(graph: Graph, factor: float = 3) -> Graph:
    """The graph with its output weights multiplied by a factor."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    weight = next(each for each in model.graph.initializer if each.name == "output/weight")
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * np.float32(factor)).tobytes()
    return Graph(model, graph.spec)
