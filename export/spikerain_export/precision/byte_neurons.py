"""Emits LIF neurons of at most two timesteps in bytes, for ONNX Runtime.

A current is `scale * level`, and the threshold lies half-way between two levels, `k` and `k + 1`.
All that a neuron computes is then a whole number of half levels, and `QLinearAdd`, which computes
in float32 and limits its result to 0..255, is exact:

* The first current is stored so that every level above `k` becomes 255: the neuron fires there.
  `QLinearAdd` of 0 turns that into the spike, 1 or 0.
* The potential that is left is `level - (k + 1) * spike`: a neuron that fired stands at level
  `k + 1`, so that this is 0.
* The next potential in half levels is `left + 2 * level`. It fires from `2k + 1` on, which is
  stored as 255 again.

With float32, a neuron takes nine passes over four bytes per value for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikerain_edge.spec import ModelSpec
from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.graph import SourceGraph, unknown_operator
from spikerain_export.precision.scales import OutputScale

_FIRED = 255
_STEPS, _DECAY = 2, 0.5


@dataclass(frozen=True)
class ByteLayer:
    """A neuron layer that is computed in bytes.

    Attributes:
        name: its name.
        spikes: its spike tensors, one per timestep.
        currents: its input currents in the FP32 graph, one per timestep.
    """

    name: str
    spikes: tuple[str, ...]
    currents: tuple[str, ...]


def byte_layers(source: SourceGraph, spec: ModelSpec) -> list[ByteLayer]:
    """Returns the neuron layers that can be computed in bytes.

    These are all layers of a network of one or two timesteps whose potentials halve, and else
    none: the potentials of a third timestep have more levels than a byte.
    """
    if spec.timesteps > _STEPS or 1 - 1 / spec.tau != _DECAY:
        return []
    return [
        ByteLayer(
            layer.name, layer.spikes, tuple(_current(source, spikes) for spikes in layer.spikes)
        )
        for layer in spec.neurons
    ]


def _current(source: SourceGraph, spikes: str) -> str:
    """Returns the current of the timestep whose spikes these are: the last input of the potential.

    The potential is `Neg(current)` or `Sub(rest, current)`.

    Raises:
        ModelError: the neuron is not made of these operators.
    """
    fired = source.made_by[source.made_by[spikes].input[0]]
    potential = source.made_by.get(fired.input[0])
    if potential is None or potential.op_type not in ("Neg", "Sub"):
        raise unknown_operator(fired, "int8 for onnxruntime")
    return str(potential.input[-1])


def stored(scale: OutputScale, threshold: float, step: int, steps: int) -> OutputScale:
    """Returns how the current of a timestep is stored.

    Args:
        scale: the scale of the current; the threshold lies half-way between two of its levels.
        threshold: the threshold of the neurons.
        step: the timestep.
        steps: the number of timesteps.
    """
    if step and step == steps - 1:
        return scale
    return OutputScale(scale.scale, _FIRED - 1 - _below(scale, threshold))


def _below(scale: OutputScale, threshold: float) -> int:
    """Returns the last level below the threshold."""
    return round(threshold / scale.scale - 0.5)


class ByteNeuronWriter:
    """Emits neuron layers in bytes.

    Args:
        builder: builder that receives the nodes.
        threshold: the threshold of the neurons.
    """

    def __init__(self, builder: GraphBuilder, threshold: float) -> None:
        self._builder = builder
        self._threshold = threshold

    def write(self, layer: ByteLayer, levels: Sequence[str], scale: OutputScale) -> None:
        """Emits the spikes of a layer, uint8 0 or 1.

        Args:
            layer: the layer.
            levels: its currents as bytes, one tensor per timestep, see `stored`.
            scale: their scale.
        """
        below = _below(scale, self._threshold)
        zero = _FIRED - 1 - below
        fired = self._fire(levels[0], layer.spikes[0])
        if len(levels) == 1:
            return
        rest = self._add(
            (levels[0], 1, zero), (fired, -1 - below, 0), (1, zero), f"{layer.name}/rest/0"
        )
        potential = self._add(
            (levels[1], 1, scale.zero),
            (rest, _DECAY, zero),
            (_DECAY, _FIRED - 1 - 2 * below),
            f"{layer.name}/potential/1",
        )
        self._fire(potential, layer.spikes[1])

    def _fire(self, level: str, spikes: str) -> str:
        """Emits 1 where a level is 255, else 0."""
        nothing = self._builder.constant("level/nothing", np.uint8(0))
        return self._add((level, 1, _FIRED - 1), (nothing, 1, 0), (1, 0), spikes)

    def _add(
        self,
        first: tuple[str, float, int],
        second: tuple[str, float, int],
        made: tuple[float, int],
        name: str,
    ) -> str:
        """Emits a sum of two byte tensors, each with its scale and the byte that represents 0."""
        inputs: list[str] = []
        for tensor, scale, zero in (first, second):
            inputs += [tensor, self._builder.scalar(scale), self._zero(zero)]
        inputs += [self._builder.scalar(made[0]), self._zero(made[1])]
        return self._builder.node("QLinearAdd", inputs, name, domain="com.microsoft")

    def _zero(self, level: int) -> str:
        return self._builder.constant(f"level/{level}", np.uint8(level))
