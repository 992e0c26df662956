"""Emits SpikeRain's layers, timestep by timestep.

What acts on one timestep alone is emitted T times with shared weights; only neurons and the
attention's means link timesteps. Names follow the PyTorch modules, so that a tensor of the graph
can be found in the network and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from onnx import TensorProto

from spikerain_edge.spec import NeuronLayer, Operation
from spikerain_export.builder import Array, GraphBuilder
from spikerain_export.fold import Weights, fold_batch_norm
from spikerain_training.config import NetworkConfig

_Source = TypeVar("_Source", str, tuple[str, str])


@dataclass(frozen=True)
class Feature:
    """Analogue feature map: one tensor name (1, C, H, W) per timestep, the same where equal.

    Attributes:
        steps: tensor names.
        channels: `C`.
        reduction: image pixels per feature pixel.
    """

    steps: tuple[str, ...]
    channels: int
    reduction: int


@dataclass(frozen=True)
class Spikes:
    """Spikes of the neuron layers that a convolution reads, in channel order."""

    steps: tuple[str, ...]
    layers: tuple[NeuronLayer, ...]

    @property
    def reduction(self) -> int:
        """Image pixels per spike pixel."""
        return self.layers[0].reduction


def each_step(emit: Callable[[int, _Source], str], sources: Sequence[_Source]) -> tuple[str, ...]:
    """Calls `emit(t, source)` for every timestep; a source that comes again is not emitted again.

    The image is the same at every timestep, and so is all that follows before the first neuron.
    """
    made: dict[_Source, str] = {}
    for t, source in enumerate(sources):
        if source not in made:
            made[source] = emit(t, source)
    return tuple(made[source] for source in sources)


class LayerEmitter:
    """Emits layers into a graph and keeps account of neurons and operations.

    Args:
        graph: where nodes go.
        config: shape of the network.
        weights: its tensors by `state_dict` name.
    """

    def __init__(self, graph: GraphBuilder, config: NetworkConfig, weights: Weights) -> None:
        self.graph = graph
        self.config = config
        self.weights = weights
        self.neurons: list[NeuronLayer] = []
        self.operations: list[Operation] = []

    def count(self, name: str, macs_per_pixel: float, spikes: Spikes | None = None) -> None:
        """Notes a convolution that runs once, or once per timestep when it reads spikes."""
        repeats = self.config.timesteps if spikes else 1
        neurons = tuple(layer.name for layer in spikes.layers) if spikes else ()
        self.operations.append(Operation(name, repeats * macs_per_pixel, 0, neurons))

    def count_global(self, name: str, macs: int) -> None:
        """Notes a product on global means, whose cost does not grow with the image."""
        self.operations.append(Operation(name, 0.0, macs))

    def array(self, name: str) -> Array:
        """A tensor of the network as float32."""
        return self.weights[name].astype(np.float32)

    def fire(self, name: str, currents: Feature) -> Spikes:
        """LIF neurons: `V = decay * R + I`, `S = V >= threshold`, `R = V - V * S`."""
        graph, threshold = self.graph, self.graph.scalar(self.config.threshold)
        spikes: list[str] = []
        rest = ""
        for t, current in enumerate(currents.steps):
            potential = current
            if rest:
                decay = graph.scalar(1 - 1 / self.config.tau)
                decayed = graph.node("Mul", [rest, decay], f"{name}/decayed/{t}")
                potential = graph.node("Add", [current, decayed], f"{name}/potential/{t}")
            fired = graph.node("GreaterOrEqual", [potential, threshold], f"{name}/fired/{t}")
            spike = graph.node("Cast", [fired], f"{name}/spikes/{t}", to=TensorProto.FLOAT)
            spikes.append(spike)
            if t + 1 < len(currents.steps):
                spent = graph.node("Mul", [potential, spike], f"{name}/spent/{t}")
                rest = graph.node("Sub", [potential, spent], f"{name}/rest/{t}")
        layer = NeuronLayer(name, currents.channels, currents.reduction, tuple(spikes))
        self.neurons.append(layer)
        return Spikes(layer.spikes, (layer,))

    def normed(self, name: str, spikes: Spikes, stride: int = 1) -> Feature:
        """Convolution on spikes with the batch norm after it folded in."""
        weight, bias = fold_batch_norm(self.weights, name)
        return self._convolve(name, spikes, weight, bias, stride)

    def join(self, name: str, first: Feature, second: Feature) -> Feature:
        """Concatenation over channels."""
        pairs = list(zip(first.steps, second.steps, strict=True))
        steps = each_step(
            lambda t, pair: self.graph.node("Concat", pair, f"{name}/{t}", axis=1), pairs
        )
        return Feature(steps, first.channels + second.channels, first.reduction)

    def dense_block(self, name: str, features: Feature) -> Feature:
        """DSRB: each feature is turned into spikes once and read by all later units."""
        spikes = self.fire(f"{name}.neurons.0", features)
        for unit in range(self.config.units):
            emitted = self.normed(f"{name}.units.{unit}", spikes)
            fresh = self.fire(f"{name}.neurons.{unit + 1}", emitted)
            spikes = self._gather(f"{name}.spikes.{unit + 1}", spikes, fresh)
        merged = self._convolve(f"{name}.merge", spikes, self.array(f"{name}.merge.weight"))
        attended = self._attend(f"{name}.attention", merged)
        pairs = list(zip(features.steps, attended.steps, strict=True))
        steps = each_step(lambda t, pair: self.graph.node("Add", pair, f"{name}/{t}"), pairs)
        return Feature(steps, features.channels, features.reduction)

    def up(self, name: str, features: Feature) -> Feature:
        """Bilinear doubling with half-pixel centres, neuron, convolution."""
        scales = self.graph.constant("doubling", np.array([1, 1, 2, 2], np.float32))
        doubled = each_step(
            lambda t, step: self.graph.node(
                "Resize",
                [step, "", scales],
                f"{name}.doubled/{t}",
                mode="linear",
                coordinate_transformation_mode="half_pixel",
            ),
            features.steps,
        )
        finer = Feature(doubled, features.channels, features.reduction // 4)
        return self.normed(f"{name}.convolve", self.fire(f"{name}.neuron", finer))

    def merge(self, name: str, decoded: Feature, skipped: Feature) -> Feature:
        """Joins decoder and skip connection and brings the width back down.

        Spikes of a concatenation are the concatenation of spikes: only spikes are joined.
        """
        joined = self._gather(
            f"{name}.spikes",
            self.fire(f"{name}.neuron.decoded", decoded),
            self.fire(f"{name}.neuron.skipped", skipped),
        )
        return self.normed(f"{name}.convolve", joined)

    def fuse(self, features: Feature) -> str:
        """Temporal fusion: after training, a sum with constant weights."""
        raw = self.weights["fuse.weights"].astype(np.float64)
        weights = np.exp(raw - raw.max())
        weights /= weights.sum()
        fused = ""
        for t, step in enumerate(features.steps):
            factor = self.graph.constant(f"fuse/weight/{t}", np.float32(weights[t]))
            term = self.graph.node("Mul", [step, factor], f"fuse/term/{t}")
            fused = self.graph.node("Add", [fused, term], f"fuse/sum/{t}") if fused else term
        return fused

    def enhance(self, source: str, reduction: int) -> str:
        """ARFE on fused features: `g * ca + (1 - g) * sa + x`."""
        graph = self.graph
        mean = graph.node("GlobalAveragePool", [source], "enhance/mean")
        channel = self._squeeze_excite(
            "enhance", mean, "enhance.channel_squeeze", "enhance.channel_excite"
        )
        squeezed = self._dense("enhance.spatial_squeeze", source, reduction)
        active = graph.node("Relu", [squeezed], "enhance/active")
        spatial = self._dense("enhance.spatial_excite", active, reduction)
        place = graph.node("Sigmoid", [spatial], "enhance/place")
        by_channel = graph.node("Mul", [source, channel], "enhance/by_channel")
        by_place = graph.node("Mul", [source, place], "enhance/by_place")
        everything = [source, by_channel, by_place]
        joined = graph.node("Concat", everything, "enhance/joined", axis=1)
        logits = self._dense("enhance.gate", joined, reduction)
        gate = graph.node("Sigmoid", [logits], "enhance/gate")
        # g * ca + (1 - g) * sa  =  sa + g * (ca - sa), one product less per pixel
        difference = graph.node("Sub", [by_channel, by_place], "enhance/difference")
        gated = graph.node("Mul", [gate, difference], "enhance/gated")
        mixed = graph.node("Add", [by_place, gated], "enhance/mixed")
        return graph.node("Add", [mixed, source], "enhance/sum")

    def _attend(self, name: str, features: Feature) -> Feature:
        """MDSA. Means of gated features follow from the means of the features: no extra pass."""
        graph = self.graph
        means = each_step(
            lambda t, step: graph.node("GlobalAveragePool", [step], f"{name}/mean/{t}"),
            features.steps,
        )
        gates = self._temporal_gates(name, means)
        gated_means = each_step(
            lambda t, pair: graph.node("Mul", pair, f"{name}/gated_mean/{t}"),
            list(zip(means, gates, strict=True)),
        )
        mean = graph.node("Mean", gated_means, f"{name}/channel_mean")
        channel = self._squeeze_excite(name, mean, f"{name}.squeeze", f"{name}.excite")
        steps = []
        for t, (step, gate) in enumerate(zip(features.steps, gates, strict=True)):
            both = graph.node("Mul", [gate, channel], f"{name}/gate/{t}")
            gated = graph.node("Mul", [step, both], f"{name}/gated/{t}")
            flat = graph.node(
                "ReduceMean", [gated], f"{name}/spatial_mean/{t}", axes=[1], keepdims=1
            )
            logits = self._apply(f"{name}.spatial", flat, f"{name}/spatial_logits/{t}")
            spatial = graph.node("Sigmoid", [logits], f"{name}/spatial_gate/{t}")
            steps.append(graph.node("Mul", [gated, spatial], f"{name}/{t}"))
        # The maps that the spatial convolution reads are analogue, one per timestep.
        taps = self.array(f"{name}.spatial.weight").size
        self.count(f"{name}.spatial", self.config.timesteps * taps / features.reduction)
        return Feature(tuple(steps), features.channels, features.reduction)

    def _temporal_gates(self, name: str, means: Sequence[str]) -> tuple[str, ...]:
        """Sigmoid of an affine of the mean, per timestep or pooled over all of them."""
        graph = self.graph
        slope = graph.constant(
            f"{name}.temporal/weight", self.array(f"{name}.temporal.weight").reshape(())
        )
        offset = graph.constant(
            f"{name}.temporal/bias", self.array(f"{name}.temporal.bias").reshape(())
        )

        def gate(mean: str, suffix: str) -> str:
            scaled = graph.node("Mul", [mean, slope], f"{name}/temporal_scaled{suffix}")
            shifted = graph.node("Add", [scaled, offset], f"{name}/temporal_logit{suffix}")
            return graph.node("Sigmoid", [shifted], f"{name}/temporal_gate{suffix}")

        pooled = each_step(
            lambda t, mean: graph.node(
                "ReduceMean", [mean], f"{name}/temporal_mean/{t}", axes=[1], keepdims=1
            ),
            means,
        )
        if self.config.temporal_gate == "per-timestep":
            return tuple(gate(mean, f"/{t}") for t, mean in enumerate(pooled))
        shared = gate(graph.node("Mean", pooled, f"{name}/temporal_mean"), "")
        return (shared,) * len(means)

    def _squeeze_excite(self, name: str, mean: str, squeeze: str, excite: str) -> str:
        """Sigmoid(excite(ReLU(squeeze(mean)))) on means (1, C, 1, 1)."""
        hidden = self._apply(squeeze, mean, f"{name}/squeezed")
        active = self.graph.node("Relu", [hidden], f"{name}/squeezed_active")
        logits = self._apply(excite, active, f"{name}/channel_logits")
        for layer in (squeeze, excite):
            self.count_global(layer, self.array(f"{layer}.weight").size)
        return self.graph.node("Sigmoid", [logits], f"{name}/channel_gate")

    def _dense(self, name: str, source: str, reduction: int) -> str:
        """Analogue convolution with bias, counted."""
        self.count(name, self.array(f"{name}.weight").size / reduction)
        return self._apply(name, source, f"{name}/out")

    def _apply(self, name: str, source: str, output: str) -> str:
        """Convolution (or linear layer, as a 1x1 convolution) with the weights called `name`."""
        weight = self.array(f"{name}.weight")
        kernel = weight.reshape(*weight.shape, *[1] * (4 - weight.ndim))
        return self.graph.convolution(source, output, name, kernel, self.array(f"{name}.bias"))

    def _convolve(
        self,
        name: str,
        spikes: Spikes,
        weight: Array,
        bias: Array | None = None,
        stride: int = 1,
    ) -> Feature:
        reduction = spikes.reduction * stride**2
        self.count(name, weight.size / reduction, spikes)
        steps = each_step(
            lambda t, spike: self.graph.convolution(
                spike, f"{name}/{t}", name, weight, bias, stride=stride
            ),
            spikes.steps,
        )
        return Feature(steps, weight.shape[0], reduction)

    def _gather(self, name: str, first: Spikes, second: Spikes) -> Spikes:
        pairs = list(zip(first.steps, second.steps, strict=True))
        steps = each_step(
            lambda t, pair: self.graph.node("Concat", pair, f"{name}/{t}", axis=1), pairs
        )
        return Spikes(steps, first.layers + second.layers)
