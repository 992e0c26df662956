"""Networks as ONNX files, written without a proof for tests of what runs and reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.spec import ModelSpec
from spikerain_export.candidate import make
from spikerain_export.conversion import Request
from spikerain_export.delivery import write
from spikerain_export.origin import origin_of
from spikerain_training.network import SpikeRain


@dataclass(frozen=True)
class Written:
    graph: Path
    probe: Path
    spec: ModelSpec


def write_network(network: SpikeRain, output: Path, *, name: str = "", opset: int = 17) -> Written:
    """Graph and probe graph of a network."""
    candidate = make(origin_of(network, name, opset), Request())
    graph, probe = write(candidate, output).files
    return Written(graph, probe, candidate.artefact.graph.spec)
