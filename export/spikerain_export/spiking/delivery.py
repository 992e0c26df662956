"""Exports a model as a NIR file: translates, verifies, and writes it last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct
from spikerain_export.artefact import require_writable, write_artefacts
from spikerain_export.conversion import Request, require_convertible
from spikerain_export.origin import Graph, Origin
from spikerain_export.spiking.grid import on_grid, require_exact
from spikerain_export.spiking.network import SpikingNetwork
from spikerain_export.spiking.nir_file import SUFFIX, from_bytes, to_bytes
from spikerain_export.spiking.nir_graph import nir_graph
from spikerain_export.spiking.patch import middle
from spikerain_export.spiking.proof import Equality, Source, prove
from spikerain_export.spiking.trace import spiking_network
from spikerain_export.truth import Loss, Scene, psnr_lost

# Beyond it, a file has hundreds of megabytes of equal parameters.
_MOST_NEURONS = 10_000_000


@dataclass(frozen=True)
class NirDelivery:
    """A written NIR file and what was verified.

    Attributes:
        file: the file.
        neurons: number of its neurons.
        timesteps: number of timesteps to run.
        equality: spikes compared with the source; None without verification.
        loss: PSNR on luma against clean images that the grid costs; None without a grid,
            verification or clean images.
        document: the report as plain values, for JSON.
    """

    file: Path
    neurons: int
    timesteps: int
    equality: Equality | None
    loss: Loss | None
    document: dict[str, Any]


def deliver_nir(
    origin: Origin,
    size: tuple[int, int],
    output: Path,
    scenes: Callable[[], Sequence[Scene]],
    *,
    grid_bits: int | None = None,
    verify: bool = True,
) -> NirDelivery:
    """Exports a model as a NIR file. Writes nothing unless every step succeeds.

    Args:
        origin: the FP32 model.
        size: height and width of the images.
        output: file to write.
        scenes: returns rainy scenes that are not smaller. Spikes are compared in their middles;
            what the grid costs is measured on the whole of them.
        grid_bits: rounds weights to multiples of `2**-grid_bits`; None leaves them as they are.
        verify: whether to compare the spikes of the file with those of the model.

    Raises:
        InputError: the network has gates, the size is not valid or too large, the grid is too
            fine, or the file cannot be written.
        ModelError: the file does not compute the spikes of the model.
    """
    _require_output(output, origin)
    require_convertible(origin, Request(size=size))
    graph, network = origin.graph, spiking_network(origin.graph)
    neurons = _neurons(network, size)
    if grid_bits is not None:
        graph = on_grid(origin.graph, network, grid_bits)
        network = spiking_network(graph)
        require_exact(network, grid_bits)
    content = to_bytes(nir_graph(network, *size, grid_bits))
    equality = loss = None
    if verify:
        made = from_bytes(content, str(output))
        drawn = scenes()
        images = [middle(scene.rainy, size) for scene in drawn]
        equality = prove(network, graph, made, images, exact=grid_bits is not None)
        loss = None if grid_bits is None else _loss(network, origin.graph, graph, drawn)
    write_artefacts({output: content})
    document = {
        "format": "nir",
        "files": [str(output)],
        "model": network.name,
        "height": size[0],
        "width": size[1],
        "timesteps": network.timesteps,
        "neurons": neurons,
        "grid_bits": grid_bits,
        "spikes": equality and asdict(equality),
        "psnr_loss": loss and asdict(loss),
        "note": origin.note,
    }
    return NirDelivery(output, neurons, network.timesteps, equality, loss, document)


def _require_output(output: Path, origin: Origin) -> None:
    """Checks, before the work starts, that the file can be written and overwrites no input."""
    if output.suffix != SUFFIX:
        raise InputError(
            f"{output} is not a name for a NIR file: the name must end in {SUFFIX}",
            f"use --output {output.with_suffix(SUFFIX)}",
        )
    require_distinct([str(output)], origin.files)
    require_writable(output)


def _neurons(network: SpikingNetwork, size: tuple[int, int]) -> int:
    """Counts the neurons.

    Raises:
        InputError: there are too many for a file.
    """
    height, width = size
    count = sum(
        layer.channels * height * width // layer.scale**2 for layer in network.neurons.values()
    )
    if count > _MOST_NEURONS:
        raise InputError(
            f"{network.name} has {count / 1e6:.0f} million neurons at {width}x{height}; a NIR "
            f"file holds five numbers for each, so at most {_MOST_NEURONS / 1e6:.0f} million are "
            "written",
            "export a patch: --imgsz 32",
        )
    return count


def _loss(
    network: SpikingNetwork, before: Graph, after: Graph, scenes: Sequence[Scene]
) -> Loss | None:
    sources = [Source(network, graph) for graph in (before, after)]
    losses = []
    for scene in scenes:
        if scene.clean is not None:
            restored = [
                np.clip(np.round(scene.rainy + source(scene.rainy)[1]), 0, 255).astype(np.uint8)
                for source in sources
            ]
            losses.append(psnr_lost(scene.clean, *restored))
    return Loss.of(losses) if losses else None
