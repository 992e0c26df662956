"""Emits SpikeRain's layers, timestep by timestep.

Layers that act on one timestep are emitted T times with shared weights; only neurons and the means
of the attention link timesteps. Tensors are named after the PyTorch modules that they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from onnx import TensorProto

from spikerain_edge.parts import NeuronLayer
from spikerain_export.builder import Array, GraphBuilder
from spikerain_export.fold import Weights, fold_batch_norm
from spikerain_training.config import NetworkConfig

_Source = TypeVar("_Source", str, tuple[str, str])


@dataclass(frozen=True)
class Feature:
    """An analogue feature map, one tensor (1, C, H, W) per timestep.

    Attributes:
        steps: tensor names; timesteps with equal values share one tensor.
        channels: `C`.
        reduction: image pixels per feature pixel.
    """

    steps: tuple[str, ...]
    channels: int
    reduction: int


@dataclass(frozen=True)
class SpikeInput:
    """Spikes of one or more neuron layers that a convolution reads, in channel order.

    Attributes:
        steps: tensor names, one per timestep.
        layers: the neuron layers.
    """

    steps: tuple[str, ...]
    layers: tuple[NeuronLayer, ...]

    @property
    def reduction(self) -> int:
        """Image pixels per spike pixel."""
        return self.layers[0].reduction


def each_step(emit: Callable[[int, _Source], str], sources: Sequence[_Source]) -> tuple[str, ...]:
    """Calls `emit(t, source)` for every timestep, but only once for each different source.

    The image is the same at every timestep, and so is every feature before the first neuron.
    """
    made: dict[_Source, str] = {}
    for t, source in enumerate(sources):
        if source not in made:
            made[source] = emit(t, source)
    return tuple(made[source] for source in sources)


class LayerEmitter:
    """Emits layers into a graph and records their neurons.

    Args:
        graph: builder that receives the nodes.
        config: shape of the network.
        weights: its tensors by `state_dict` name.
    """

    def __init__(self, graph: GraphBuilder, config: NetworkConfig, weights: Weights) -> None:
        self.graph = graph
        self.config = config
        self.weights = weights
        self.neurons: list[NeuronLayer] = []

    def array(self, name: str) -> Array:
        """Returns a tensor of the network as float32."""
        return self.weights[name].astype(np.float32)

    def fire(self, name: str, currents: Feature) -> SpikeInput:
        """Emits LIF neurons that store their negated membrane potential `N = -V`.

        `N = decay * R - I` and `S = N <= -threshold`. Negated, the reset takes one pass over
        memory instead of two: `R = ThresholdedRelu(N, -threshold)` keeps potentials above
        `-threshold` and sets the others, those of neurons that fired, to 0.
        """
        graph, last = self.graph, len(currents.steps) - 1
        level = float(np.float32(self.config.threshold))
        spikes: list[str] = []
        rest = ""
        for t, current in enumerate(currents.steps):
            if rest:
                decay = graph.scalar(1 - 1 / self.config.tau)
                decayed = graph.node("Mul", [rest, decay], f"{name}/decayed/{t}")
                potential = graph.node("Sub", [decayed, current], f"{name}/potential/{t}")
            else:
                potential = graph.node("Neg", [current], f"{name}/potential/{t}")
            fired = graph.node(
                "LessOrEqual", [potential, graph.scalar(-level)], f"{name}/fired/{t}"
            )
            spike = graph.node("Cast", [fired], f"{name}/spikes/{t}", to=TensorProto.FLOAT)
            spikes.append(spike)
            if t < last:
                rest = graph.node("ThresholdedRelu", [potential], f"{name}/rest/{t}", alpha=-level)
        layer = NeuronLayer(name, currents.channels, currents.reduction, tuple(spikes))
        self.neurons.append(layer)
        return SpikeInput(layer.spikes, (layer,))

    def normed(self, name: str, spikes: SpikeInput, stride: int = 1) -> Feature:
        """Emits a convolution on spikes with the batch norm after it folded in."""
        weight, bias = fold_batch_norm(self.weights, name)
        return self.convolve(name, spikes, weight, bias, stride)

    def join(self, name: str, first: Feature, second: Feature) -> Feature:
        """Emits a concatenation over channels."""
        pairs = list(zip(first.steps, second.steps, strict=True))
        steps = each_step(
            lambda t, pair: self.graph.node("Concat", pair, f"{name}/{t}", axis=1), pairs
        )
        return Feature(steps, first.channels + second.channels, first.reduction)

    def add(self, name: str, first: Feature, second: Feature) -> Feature:
        """Emits a sum, timestep by timestep."""
        pairs = list(zip(first.steps, second.steps, strict=True))
        steps = each_step(lambda t, pair: self.graph.node("Add", pair, f"{name}/{t}"), pairs)
        return Feature(steps, first.channels, first.reduction)

    def apply(self, name: str, source: str, output: str) -> str:
        """Emits a convolution (or a linear layer as a 1x1 convolution) with the weights `name`."""
        weight = self.array(f"{name}.weight")
        kernel = weight.reshape(*weight.shape, *[1] * (4 - weight.ndim))
        return self.graph.convolution(source, output, name, kernel, self.array(f"{name}.bias"))

    def convolve(
        self,
        name: str,
        spikes: SpikeInput,
        weight: Array,
        bias: Array | None = None,
        stride: int = 1,
    ) -> Feature:
        """Emits a convolution on spikes; all timesteps share the weights `name`."""
        reduction = spikes.reduction * stride**2
        steps = each_step(
            lambda t, spike: self.graph.convolution(
                spike, f"{name}/{t}", name, weight, bias, stride=stride
            ),
            spikes.steps,
        )
        return Feature(steps, weight.shape[0], reduction)

    def gather(self, name: str, *groups: SpikeInput) -> SpikeInput:
        """Emits the concatenation, over channels, of the spikes of several groups of layers."""
        steps = [
            self.graph.node("Concat", parts, f"{name}/{t}", axis=1)
            for t, parts in enumerate(zip(*(group.steps for group in groups), strict=True))
        ]
        layers = tuple(layer for group in groups for layer in group.layers)
        return SpikeInput(tuple(steps), layers)

    def squeeze_excite(self, name: str, mean: str, squeeze: str, excite: str) -> str:
        """Emits `sigmoid(excite(ReLU(squeeze(mean))))` on means (1, C, 1, 1)."""
        hidden = self.apply(squeeze, mean, f"{name}/squeezed")
        active = self.graph.node("Relu", [hidden], f"{name}/squeezed_active")
        logits = self.apply(excite, active, f"{name}/channel_logits")
        return self.graph.node("Sigmoid", [logits], f"{name}/channel_gate")
