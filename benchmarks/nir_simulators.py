"""Runs a NIR file on other people's simulators, and compares every spike with ours.

    spikerain-edge export training/checkpoints/nano-spike --format nir --imgsz 32 --grid 8
    python benchmarks/nir_simulators.py training/checkpoints/nano-spike nano-spike-grid8-32x32.nir

snnTorch reads the file with its own importer. norse's own importer runs nodes in a wrong order, so
its neurons are put into `nirtorch.nir_to_torch`. `--spikingjelly2 FOLDER` adds SpikingJelly 2,
installed into a folder with `pip install --no-deps --target FOLDER spikingjelly==2.0.0 loguru`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import nirtorch
import numpy as np
import numpy.typing as npt
import torch

from spikerain_edge.images import Image
from spikerain_export.origin import open_origin
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.spiking.grid import on_grid
from spikerain_export.spiking.nir_file import read_nir
from spikerain_export.spiking.nir_graph import DT, OUTPUT, metadata_of
from spikerain_export.spiking.packing import pack
from spikerain_export.spiking.patch import middle
from spikerain_export.spiking.proof import Source, picture
from spikerain_export.spiking.trace import spiking_network

Array = npt.NDArray[Any]
_PICTURE = 192


def snntorch_network(graph: nir.NIRGraph) -> torch.nn.Module:
    """Imports a graph with snnTorch, as it ships."""
    from snntorch.import_nir import import_from_nir

    # It prints its parameters.
    with contextlib.redirect_stdout(io.StringIO()):
        return import_from_nir(graph)


def norse_network(graph: nir.NIRGraph) -> torch.nn.Module:
    """Imports a graph with the neurons of norse."""
    from norse.torch.utils.import_nir import _import_norse_module

    made = partial(_import_norse_module, dt=DT)
    return nirtorch.nir_to_torch(graph, {nir.Conv2d: made, nir.LIF: made})


def spikingjelly_network(graph: nir.NIRGraph) -> torch.nn.Module:
    """Imports a graph with SpikingJelly 2, as it ships."""
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    return import_from_nir(graph, dt=DT)


def simulators() -> dict[str, Callable[[nir.NIRGraph], torch.nn.Module]]:
    """Returns the importers that are always compared, by the name of their package."""
    return {"snntorch": snntorch_network, "norse": norse_network}


class Simulation:
    """A network in a simulator, whose spikes are recorded.

    Args:
        graph: the graph.
        network: the graph as the simulator imported it.
    """

    def __init__(self, graph: nir.NIRGraph, network: torch.nn.Module) -> None:
        self._graph = graph
        self._network = network.eval()
        self._fired: dict[str, list[Array]] = {}
        for name, module in network.named_modules():
            if isinstance(graph.nodes.get(name), nir.LIF):
                module.register_forward_hook(partial(self._record, name))

    def __call__(self, image: Image) -> dict[str, Array]:
        """Returns the spikes of each LIF node, and the output, all (T, C, h, w).

        Args:
            image: uint8 (H, W, 3) BGR.
        """
        self._fired.clear()
        for module in self._network.modules():
            if hasattr(module, "reset_mem"):
                module.reset_mem()
        planes = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
        state, outputs = None, []
        with torch.no_grad():
            for _ in range(metadata_of(self._graph)["timesteps"]):
                output, state = self._network(planes, state)
                outputs.append(output.numpy())
        spikes = {name: np.concatenate(steps) for name, steps in self._fired.items()}
        return {**spikes, OUTPUT: np.concatenate(outputs)}

    def _record(self, name: str, _: torch.nn.Module, __: Any, output: Any) -> None:
        spikes = output[0] if isinstance(output, tuple) else output
        self._fired.setdefault(name, []).append(spikes.detach().numpy())


@dataclass
class Count:
    """Spikes of a simulator compared with ours.

    Attributes:
        neurons: number of neurons.
        spikes: compared values of 0 or 1.
        different: values that differ.
        picture: largest difference of the residuals, in levels of 255.
    """

    neurons: int = 0
    spikes: int = 0
    different: int = 0
    picture: float = field(default=0.0)

    def add(self, graph: nir.NIRGraph, ours: tuple[Mapping[str, Array], Array], found: Any) -> None:
        """Adds what a simulator computed for one image.

        Args:
            graph: the graph.
            ours: our spikes (T, C, H, W) by layer, and the residual (H, W, 3).
            found: the simulator's spikes by node, and the output.
        """
        fired, residual = ours
        self.neurons = 0
        for name, node in graph.nodes.items():
            if isinstance(node, nir.LIF):
                expected = pack(fired[node.metadata["layer"]], int(node.metadata["phases"]))
                self.neurons += expected[0].size
                self.spikes += expected.size
                self.different += int((found[name] != expected).sum())
        difference = float(np.abs(picture(graph, found[OUTPUT]) - residual).max())
        self.picture = max(self.picture, difference)


def count(
    graph: nir.NIRGraph, source: Source, network: torch.nn.Module, images: Sequence[Image]
) -> Count:
    """Compares a simulator with the graph that the NIR file was made from."""
    simulation, counted = Simulation(graph, network), Count()
    for image in images:
        counted.add(graph, source(image), simulation(image))
    return counted


def patches(number: int, height: int, width: int) -> Iterator[Image]:
    """Cuts rainy patches out of the middles of rainy scenes."""
    whole = (max(height, _PICTURE), max(width, _PICTURE))
    for scene in draw_scenes(number, whole):
        yield middle(scene.rainy, (height, width))


def source_of(model: str, graph: nir.NIRGraph) -> Source:
    """Opens the model that a NIR file was made from, with weights on the file's grid."""
    origin = open_origin(model).graph
    network, bits = spiking_network(origin), metadata_of(graph)["grid_bits"]
    return Source(network, origin if bits < 0 else on_grid(origin, network, bits))


def main() -> None:
    """Compares the spikes and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("file", type=Path)
    parser.add_argument("--patches", type=int, default=20)
    parser.add_argument("--spikingjelly2", metavar="FOLDER", default="")
    options = parser.parse_args()
    importers = simulators()
    versions = {name: version(name) for name in importers}
    if options.spikingjelly2:
        sys.path.insert(0, options.spikingjelly2)
        importers["spikingjelly"] = spikingjelly_network
        versions["spikingjelly"] = "2.0.0"
    graph = read_nir(options.file)
    source = source_of(options.model, graph)
    _, height, width = graph.nodes["input"].output_type["output"].tolist()
    images = list(patches(options.patches, height, width))
    print("| simulator | version | neurons | spikes compared | different | picture differs by |")
    print("|---|---|---|---|---|---|")
    for name, importer in importers.items():
        found = count(graph, source, importer(graph), images)
        print(
            f"| {name} | {versions[name]} | {found.neurons:,} | {found.spikes:,} | "
            f"{found.different} | {found.picture:.1e} levels |"
        )


if __name__ == "__main__":
    main()
