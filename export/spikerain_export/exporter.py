"""Loads networks from checkpoints and unrolls them into graphs; needs torch."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from spikerain_edge.spec import ModelSpec
from spikerain_export.unroll import unroll
from spikerain_training.checkpoint import load_network
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain, start_near_identity


def open_checkpoint(checkpoint: Path) -> SpikeRain:
    """Loads the network of a checkpoint folder, in evaluation mode.

    Raises:
        InputError: the folder has no checkpoint.
        CheckpointError: the checkpoint is damaged; a kind of `ModelError`.
    """
    return load_network(checkpoint)


def untrained(variant: str) -> SpikeRain:
    """Creates a network with fixed random weights that hardly changes an image."""
    torch.manual_seed(0)
    network = SpikeRain(variants()[variant])
    start_near_identity(network)
    return network.eval()


def unrolled(
    network: SpikeRain, name: str = ""
) -> tuple[tuple[onnx.ModelProto, ModelSpec], tuple[onnx.ModelProto, ModelSpec]]:
    """Unrolls a network into its graph and its probe graph, each with its description."""
    weights = {key: value.cpu().numpy() for key, value in network.state_dict().items()}
    name = name or network.config.variant
    graph = unroll(network.config, weights, name=name)
    return graph, unroll(network.config, weights, name=name, probe=True)
