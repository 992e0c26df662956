"""From a checkpoint to the ONNX files that a device runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.inference import Derainer
from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import require_place, seal, write
from spikerain_export.parity import FP32_GATE, Parity, compare, require
from spikerain_export.unroll import unroll
from spikerain_training.checkpoint import load_network
from spikerain_training.network import SpikeRain

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Attributes:
        graph: the ONNX file.
        probe: the same network with firing rates as a second output.
        spec: description of `graph`.
        parity: its agreement with PyTorch, where that was measured.
    """

    graph: Path
    probe: Path
    spec: ModelSpec
    parity: Parity | None


def probe_path(graph: Path) -> Path:
    """Where the probe graph of an ONNX file lies."""
    return graph.with_suffix(".probe.onnx")


def export_checkpoint(
    checkpoint: Path, output: Path, *, images: Sequence[Image], name: str = "", opset: int = 17
) -> Export:
    """Unrolls a checkpoint, proves it on `images` and writes graph and probe graph.

    Args:
        checkpoint: folder with `config.json` and `weights.safetensors`.
        output: ONNX file to write; the probe graph comes to lie beside it.
        images: rainy images (H, W, 3 uint8 BGR) to compare on.
        name: what the model is called; the variant unless given.
        opset: ONNX operator set.

    Raises:
        InputError: there is no usable checkpoint, or the file cannot be written.
        ModelError: the graph agrees with PyTorch to less than 50 dB; nothing is written.
    """
    try:
        network = load_network(checkpoint)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{checkpoint} is no usable checkpoint ({error})",
            "give a folder written by: spikerain-train fit --output FOLDER",
        ) from error
    return export_network(network, output, images=images, name=name, opset=opset)


def export_network(
    network: SpikeRain,
    output: Path,
    *,
    images: Sequence[Image] = (),
    name: str = "",
    opset: int = 17,
) -> Export:
    """Like `export_checkpoint`, for a network in memory; without images nothing is compared."""
    require_place(output)
    weights = {key: value.numpy() for key, value in network.cpu().state_dict().items()}
    name = name or network.config.variant
    contents = []
    for probe in (False, True):
        model, spec = unroll(network.config, weights, name=name, probe=probe, opset=opset)
        contents.append(seal(model, spec))
    (graph, spec), (probed, _) = contents
    parity = None
    if images:
        with Derainer.from_bytes(graph, probe=probed) as derainer:
            parity = compare(network.eval(), derainer, images)
        require(parity, FP32_GATE)
    write(output, graph)
    write(probe_path(output), probed)
    return Export(output, probe_path(output), spec, parity)
