"""What needs torch: networks from checkpoints, unrolled into graphs and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import probe_path, require_place, seal, write_artefacts
from spikerain_export.opset import OPSET, at_opset
from spikerain_export.unroll import unroll
from spikerain_training.checkpoint import load_network
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain, start_near_identity


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Attributes:
        graph: the ONNX file.
        probe: the same network with firing rates as a second output.
        spec: description of `graph`.
    """

    graph: Path
    probe: Path
    spec: ModelSpec


def open_checkpoint(checkpoint: Path) -> SpikeRain:
    """The network of a checkpoint folder, in evaluation mode.

    Raises:
        InputError: there is no checkpoint.
        CheckpointError: it is damaged; a `ModelError`.
    """
    return load_network(checkpoint)


def untrained(variant: str) -> SpikeRain:
    """A network of random weights, always the same, that hardly changes an image."""
    torch.manual_seed(0)
    network = SpikeRain(variants()[variant])
    start_near_identity(network)
    return network.eval()


def unrolled(
    network: SpikeRain, name: str = ""
) -> tuple[tuple[onnx.ModelProto, ModelSpec], tuple[onnx.ModelProto, ModelSpec]]:
    """The graph of a network and its probe graph, with their descriptions."""
    weights = {key: value.cpu().numpy() for key, value in network.state_dict().items()}
    name = name or network.config.variant
    graph = unroll(network.config, weights, name=name)
    return graph, unroll(network.config, weights, name=name, probe=True)


def export_network(
    network: SpikeRain, output: Path, *, name: str = "", opset: int = OPSET
) -> Export:
    """Unrolls a network in memory and writes graph and probe graph, without proving them.

    Args:
        network: what to export.
        output: ONNX file to write; the probe graph comes to lie beside it.
        name: what the model is called; the variant unless given.
        opset: ONNX operator set, 17 to 21.

    Raises:
        InputError: the file cannot be written.
    """
    require_place(output)
    (graph, spec), (probed, _) = (
        seal(at_opset(model, opset), spec) for model, spec in unrolled(network, name)
    )
    write_artefacts({output: graph, probe_path(output): probed})
    return Export(output, probe_path(output), spec)
