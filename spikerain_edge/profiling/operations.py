"""Operations of a frame of a size, from the counts in the model's description."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.parts import Operation
from spikerain_edge.spec import ModelSpec


@dataclass(frozen=True)
class LayerCount:
    """One convolution, summed over all timesteps.

    Attributes:
        name: the operation's name in the ModelSpec.
        neurons: neuron layers whose spikes it reads; empty for an analogue convolution.
        macs: multiply-accumulates as if its input were dense.
        weights: weights and biases.
        inputs: elements it reads.
        outputs: elements it writes.
        biased: whether it has a bias. A spiking one has if a batch norm was folded into it.
        weight_bytes: bytes of weights and biases, as the graph holds them.
        moved_bytes: bytes of weights, input and output, each once, as the graph holds them.
    """

    name: str
    neurons: tuple[str, ...]
    macs: int
    weights: int
    inputs: int
    outputs: int
    biased: bool
    weight_bytes: int
    moved_bytes: int

    @property
    def spiking(self) -> bool:
        """Whether it reads spikes."""
        return bool(self.neurons)


@dataclass(frozen=True)
class PoolCount:
    """One global average pooling.

    Attributes:
        name: where in the network it stands.
        inputs: elements it reads over all timesteps.
        channels: elements it writes per timestep.
    """

    name: str
    inputs: int
    channels: int


@dataclass(frozen=True)
class GraphCount:
    """Cost of one frame of one size.

    Attributes:
        height: rows, a multiple of the stride.
        width: columns, likewise.
        layers: every convolution, in the order of the ModelSpec.
        pools: every global average pooling.
    """

    height: int
    width: int
    layers: tuple[LayerCount, ...]
    pools: tuple[PoolCount, ...]

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of everything as if every input were dense."""
        return sum(layer.macs for layer in self.layers)

    @property
    def analog_macs(self) -> int:
        """The part that reads no spikes."""
        return sum(layer.macs for layer in self.layers if not layer.spiking)

    @property
    def spiking_macs(self) -> int:
        """The part that reads spikes."""
        return self.dense_macs - self.analog_macs

    @property
    def weights(self) -> int:
        """Weights and biases of all convolutions."""
        return sum(layer.weights for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights and biases."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def moved_bytes(self) -> int:
        """Bytes that must be moved when convolutions run one at a time."""
        return sum(layer.moved_bytes for layer in self.layers)


def count_operations(spec: ModelSpec, height: int, width: int) -> GraphCount:
    """Returns what one frame of a size costs by the model's description.

    Args:
        spec: the description; it was counted from the graph when the graph was made.
        height: rows, a multiple of the stride.
        width: columns, likewise.
    """
    return GraphCount(
        height,
        width,
        tuple(_layer(operation, height, width) for operation in spec.operations),
        tuple(
            PoolCount(pool.name, round(pool.reads_per_pixel * height * width), pool.channels)
            for pool in spec.pools
        ),
    )


def _layer(operation: Operation, height: int, width: int) -> LayerCount:
    reads, writes = operation.reads, operation.writes
    inputs, outputs = (each.count(height, width) for each in (reads, writes))
    return LayerCount(
        name=operation.name,
        neurons=operation.neurons,
        macs=round(operation.macs(height, width)),
        weights=operation.weights,
        inputs=inputs,
        outputs=outputs,
        biased=operation.biased,
        weight_bytes=operation.weight_bytes,
        moved_bytes=operation.weight_bytes
        + inputs * reads.element_bytes
        + outputs * writes.element_bytes,
    )
