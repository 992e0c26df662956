"""Checks that a NIR graph computes the spikes and pictures of the graph that it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nir
import numpy as np
import onnx
import onnxruntime

from spikerain_edge.errors import ModelError
from spikerain_edge.images import Image
from spikerain_export.builder import Array
from spikerain_export.origin import Graph
from spikerain_export.spiking.currents import Currents
from spikerain_export.spiking.network import SpikingNetwork
from spikerain_export.spiking.nir_graph import DT, INPUT, OUTPUT, metadata_of
from spikerain_export.spiking.packing import pack, unpack

# A potential this close to the threshold may fire or not, according to the order of a sum.
_NEAR = 1e-4
# Levels of 255. The sum over time is rounded differently.
_PICTURE = 1e-2


@dataclass(frozen=True)
class Equality:
    """Spikes of a NIR graph compared with those of its source.

    Attributes:
        images: number of images.
        spikes: compared values of 0 or 1: neurons times timesteps times images.
        different: values that differ, each at a potential within 1e-4 of the threshold.
        picture: largest difference of residuals, in levels of 255.
    """

    images: int
    spikes: int
    different: int
    picture: float


def prove(
    network: SpikingNetwork, graph: Graph, made: nir.NIRGraph, images: Sequence[Image], exact: bool
) -> Equality:
    """Compares every neuron of a NIR graph with the graph that it was made from.

    Each neuron layer reads the source's own spikes, so a spike that rounding flips changes no
    other. If all layers agree, the whole network does.

    Args:
        network: neurons and convolutions of `graph`.
        graph: the unrolled FP32 graph.
        made: the NIR graph, as read back from its file.
        images: uint8 (H, W, 3) BGR of the size of the NIR graph.
        exact: whether all sums are exact, so that no spike may differ.

    Raises:
        ModelError: a spike or a picture differs.
    """
    source = Source(network, graph)
    currents = Currents(made, network.timesteps)
    spikes = different = 0
    worst = 0.0
    for image in images:
        fired, residual = source(image)
        planes = image.transpose(2, 0, 1)[None].astype(np.float32)
        fed = {
            name: pack(fired[node.metadata["layer"]], int(node.metadata["phases"]))
            for name, node in made.nodes.items()
            if isinstance(node, nir.LIF)
        }
        found = currents({INPUT: planes, **fed})
        for name, expected in fed.items():
            potentials = _potentials(made.nodes[name], found[name], expected)
            distance = potentials - made.nodes[name].v_threshold
            wrong = (distance >= 0) != (expected != 0)
            limit = 0.0 if exact else _NEAR
            if np.any(np.abs(distance[wrong]) > limit) or (exact and wrong.any()):
                raise _unequal(f"{int(wrong.sum())} spikes of {made.nodes[name].metadata['layer']}")
            spikes += wrong.size
            different += int(wrong.sum())
        difference = float(np.abs(picture(made, found[OUTPUT]) - residual).max())
        if difference > _PICTURE:
            raise _unequal(f"pictures by up to {difference:.2g} levels")
        worst = max(worst, difference)
    return Equality(len(images), spikes, different, worst)


def picture(graph: nir.NIRGraph, outputs: Array) -> Array:
    """Returns the residual (H, W, 3) BGR in 0..255 from the outputs (T, 3 * cell**2, h, w)."""
    found = metadata_of(graph)
    planes = unpack(outputs, found["cell"])
    return np.einsum("t,tchw->hwc", found["time_weights"], planes)


def _unequal(what: str) -> ModelError:
    return ModelError(
        f"the NIR graph differs from its network in {what}; nothing was written",
        "report this model as a bug, or add --no-verify to write the file anyway",
    )


def _potentials(node: nir.LIF, currents: Array, spikes: Array) -> Array:
    """Returns potentials (T, C, h, w) before the reset, which follows the given spikes."""
    share = DT / node.tau
    potentials, rest = [], np.zeros_like(currents[0])
    for current, fired in zip(currents, spikes, strict=True):
        potential = rest + share * (node.v_leak + node.r * current - rest)
        potentials.append(potential)
        rest = np.where(fired != 0, node.v_reset, potential)
    return np.stack(potentials)


class Source:
    """Runs an unrolled graph and returns the spikes of all neurons.

    Args:
        network: neurons and convolutions of the graph.
        graph: the graph.
    """

    def __init__(self, network: SpikingNetwork, graph: Graph) -> None:
        self._network = network
        self._input = graph.spec.image_input
        self._names = [
            *(name for layer in network.neurons.values() for name in layer.spikes),
            network.readout.residual,
        ]
        model = onnx.ModelProto()
        model.CopyFrom(graph.model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self._names)
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: Image) -> tuple[dict[str, Array], Array]:
        """Returns spikes (T, C, H, W) by layer, and the residual (H, W, 3) in 0..255.

        Args:
            image: uint8 (H, W, 3) BGR.
        """
        values = self._session.run(self._names, {self._input: image[None]})
        found = dict(zip(self._names, values, strict=True))
        fired = {
            layer.name: np.concatenate([found[name] for name in layer.spikes])
            for layer in self._network.neurons.values()
        }
        return fired, found[self._network.readout.residual][0]
