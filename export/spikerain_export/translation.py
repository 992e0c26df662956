"""Proves in double precision that a graph is the network that it was unrolled from.

Graph and network are evaluated in float64, so that nothing is left between them but the rounding of
the graph's constants to float32. The graph is cut at its membrane potentials (see `cut_graph`) and
told those of the network. If every piece then agrees, the whole does, for any weights.

Two runs: the network as it is, and with random values added to the currents of its neurons and to
what its ReLUs and gates read. The second lets every channel fire, so that no weight goes unseen
because what it is multiplied by is silent on the picture.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from spikerain_edge.errors import ModelError
from spikerain_edge.parts import NeuronLayer
from spikerain_edge.spec import ModelSpec
from spikerain_export.artefact import unseal
from spikerain_export.cut_graph import Bytes, CutGraph, Cuts, Doubles, Evaluation
from spikerain_export.observation import Hidden, Neurons, Observation, in_double_precision, observe
from spikerain_training.network import SpikeRain

VALUE = 1e-6
"""How far a membrane potential may be off, in units of the largest of its layer, or of 1."""
PICTURE = 1e-4
"""How far a picture may be off before it is rounded, in levels, or of its largest level in 255."""
_COUNTS = 1e-9
# Pixels of the coarsest features: enough for all taps of a convolution to meet pixels.
_COARSE = (6, 8)
# Levels before rounding that reach beyond those of a picture on both sides.
_LEVELS = (-20.0, 275.0)
_SEED = 0


@dataclass(frozen=True)
class Translation:
    """How near the graphs of an export come to their network in double precision.

    Attributes:
        potential: largest difference of a membrane potential, in units of the largest of its
            layer, or of 1.
        picture: largest difference of a picture before rounding, in levels.
        spikes: how many were compared and are equal.
        near: how many potentials lay within 1e-6 of the threshold, where a spike may go either way.
        size: height and width of the picture in pixels.
        seconds: that the proof took.
    """

    potential: float
    picture: float
    spikes: int
    near: int
    size: tuple[int, int]
    seconds: float


def prove_translation(network: SpikeRain, files: Sequence[bytes]) -> Translation:
    """Compares the graphs that are about to be written with their network.

    Args:
        network: what was unrolled.
        files: FP32 ONNX file of free size, and its probe graph's.

    Raises:
        ModelError: a graph is not the network; names the first difference.
    """
    begin = time.perf_counter()
    comparisons = [_Comparison(*unseal(content, "the graph in memory")) for content in files]
    double, image = in_double_precision(network), _noise(network.config.stride)
    hidden = {name for comparison in comparisons for name in comparison.hidden}
    for excited in (False, True):
        seen = observe(double, image, sorted(hidden), excited=excited)
        for comparison in comparisons:
            comparison.require_equal(image, seen)
    return Translation(
        max(each.potential for each in comparisons),
        max(each.picture for each in comparisons),
        sum(each.spikes for each in comparisons),
        sum(each.near for each in comparisons),
        (image.shape[0], image.shape[1]),
        time.perf_counter() - begin,
    )


def _noise(stride: int) -> Bytes:
    """Random bytes: all levels and colours beside each other, nothing that repeats."""
    height, width = (side * stride for side in _COARSE)
    return np.random.default_rng(_SEED).integers(0, 256, (height, width, 3), np.uint8)


class _Comparison:
    """Compares one graph with what its network did, and keeps the largest differences.

    Attributes:
        hidden: modules of the network that run once, before a ReLU or a gate.
        potential: see `Translation`.
        picture: see `Translation`.
        spikes: see `Translation`.
        near: see `Translation`.
    """

    def __init__(self, model: onnx.ModelProto, spec: ModelSpec) -> None:
        self._graph = CutGraph(model, spec)
        self._spec = spec
        self.hidden = self._graph.hidden
        self.potential = self.picture = 0.0
        self.spikes = self.near = 0

    def require_equal(self, image: Bytes, seen: Observation) -> None:
        """Evaluates the graph on what the network was given.

        Raises:
            ModelError: it does something else.
        """
        neurons = {
            layer.name: part
            for name, whole in seen.neurons.items()
            for layer, part in _parts(name, whole, self._spec)
        }
        levels = np.random.default_rng(_SEED).uniform(*_LEVELS, seen.picture.shape)
        made = self._graph(image[None], self._told(neurons, seen, levels))
        for layer in self._spec.neurons:
            self._compare_neurons(layer, neurons[layer.name], made)
        for name in self.hidden:
            _compare_hidden(name, seen.hidden[name], made)
        self._compare_picture(made, seen.picture, levels)
        if self._spec.probe:
            _compare_counts(made, [neurons[layer.name].fired for layer in self._spec.neurons])

    def _told(self, neurons: dict[str, Neurons], seen: Observation, levels: Doubles) -> Cuts:
        """What the graph is told: the network's own values, and a picture beyond all levels."""
        potentials = {
            spikes: potential[None]
            for layer in self._spec.neurons
            for spikes, potential in zip(
                layer.spikes, _decided(neurons[layer.name], self._spec.threshold), strict=True
            )
        }
        hidden = {name: units.values for name, units in seen.hidden.items()}
        return Cuts(potentials, hidden, levels[None])

    def _compare_neurons(self, layer: NeuronLayer, neurons: Neurons, made: Evaluation) -> None:
        unit = _unit(neurons.potentials)
        self.near += int(_near(neurons, self._spec.threshold).sum())
        for step, spikes in enumerate(layer.spikes):
            # The graph knows nothing of the current that was added to the network's.
            expected = neurons.potentials[step] - neurons.added[step]
            off = _largest(made.cuts.potentials[spikes][0], expected) / unit
            place = f"{layer.name} at timestep {step}"
            _require(off <= VALUE, f"the membrane potential of {place} is off by {off:.1e}")
            flipped = int((made.spikes[spikes][0] != neurons.fired[step]).sum())
            _require(not flipped, f"{flipped} spikes of {place} differ")
            self.potential = max(self.potential, off)
            self.spikes += neurons.fired[step].size

    def _compare_picture(self, made: Evaluation, expected: Doubles, levels: Doubles) -> None:
        off = _largest(made.cuts.picture[0], expected) / _unit(expected / 255)
        _require(off <= PICTURE, f"the picture is off by {off:.1e} levels")
        rounded = np.clip(np.rint(levels), 0, 255)
        _require(np.array_equal(made.derained[0], rounded), "the picture is not rounded to bytes")
        self.picture = max(self.picture, off)


def _compare_hidden(name: str, units: Hidden, made: Evaluation) -> None:
    off = _largest(made.cuts.hidden[name], units.values - units.added) / _unit(units.values)
    _require(off <= VALUE, f"the output of {name} is off by {off:.1e}")


def _compare_counts(made: Evaluation, fired: Sequence[npt.NDArray[np.bool_]]) -> None:
    rates = np.stack([layer.mean(axis=(1, 2, 3)) for layer in fired])
    silent = np.array([1 - layer.any(axis=(0, 2, 3)).mean() for layer in fired])
    for found, expected, what in (
        (made.firing_rates, rates, "firing rates"),
        (made.silent_channels, silent, "silent channels"),
    ):
        off = np.inf if found is None else _largest(found, expected)
        _require(off <= _COUNTS, f"the {what} are off by {off:.1e}")


def _parts(module: str, neurons: Neurons, spec: ModelSpec) -> Iterator[tuple[NeuronLayer, Neurons]]:
    """The layers of a graph that stand for one of a network, which may be split by channels."""
    layers = [each for each in spec.neurons if f"{each.name}.".startswith(f"{module}.")]
    ends = np.cumsum([layer.channels for layer in layers]).tolist()
    whole = neurons.fired.shape[1]
    _require(bool(layers) and ends[-1] == whole, f"it has not the {whole} channels of {module}")
    for layer, end in zip(layers, ends, strict=True):
        part = slice(end - layer.channels, end)
        yield (
            layer,
            Neurons(neurons.added[:, part], neurons.potentials[:, part], neurons.fired[:, part]),
        )


def _near(neurons: Neurons, threshold: float) -> npt.NDArray[np.bool_]:
    """Where the rounding of the threshold itself to float32 may decide about a spike."""
    near: npt.NDArray[np.bool_] = np.abs(neurons.potentials - threshold) < VALUE
    return near


def _decided(neurons: Neurons, threshold: float) -> Doubles:
    """Potentials of which none is nearer to the threshold than 1e-6; the network's spikes stay."""
    decided = threshold + np.where(neurons.fired, VALUE, -VALUE)
    return np.where(_near(neurons, threshold), decided, neurons.potentials)


def _unit(values: Doubles) -> float:
    """What differences are measured by: rounding grows with the values it happens to."""
    return max(1.0, float(np.abs(values).max()))


def _largest(one: npt.NDArray[np.generic], two: npt.NDArray[np.generic]) -> float:
    """The largest difference of two arrays; infinite where they cannot be compared."""
    if one.shape != two.shape:
        return np.inf
    off = np.abs(one.astype(np.float64) - two.astype(np.float64)).max(initial=0.0)
    return float(off) if np.isfinite(off) else np.inf


def _require(holds: bool, difference: str) -> None:
    if not holds:
        raise ModelError(
            f"the graph is not the network in double precision: {difference}",
            "nothing was written; report this checkpoint, or add --no-verify to write it anyway",
        )
