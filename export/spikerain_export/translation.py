"""Checks in double precision that a graph equals the network that it was unrolled from.

Graph and network are evaluated in float64, so that they differ only by the rounding of the graph's
constants to float32. The graph is cut into pieces (see `cut_graph`), and each piece is given the
network's values as its inputs. If every piece agrees with the network, the whole graph does.

The comparison runs twice: with the network as it is, and with random values added to the currents
of its neurons and to the inputs of its ReLUs and gates. In the second run every channel fires, so
that a wrong weight is noticed even if its input is silent in the first run.
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
"""Largest allowed error of a membrane potential, relative to the largest of its layer or to 1."""
PICTURE = 1e-4
"""Largest allowed error of a picture before rounding, in levels 0..255.

If the picture exceeds 255 levels, the limit grows in proportion.
"""
_COUNTS = 1e-9
# Height and width of the coarsest features: large enough that every weight of a 3x3 kernel
# meets pixels.
_COARSE = (6, 8)
# Range of the levels given to the rounding: beyond 0..255 on both sides, to test the clipping.
_LEVELS = (-20.0, 275.0)
_SEED = 0


@dataclass(frozen=True)
class Translation:
    """Differences between the graphs of an export and their network in double precision.

    Attributes:
        potential: largest difference of a membrane potential, relative to the largest of its
            layer or to 1.
        picture: largest difference of a picture before rounding, in levels.
        spikes: number of compared spikes, all of them equal.
        near: number of potentials within 1e-6 of the threshold, where rounding decides the spike.
        size: height and width of the picture in pixels.
        seconds: duration of the comparison.
    """

    potential: float
    picture: float
    spikes: int
    near: int
    size: tuple[int, int]
    seconds: float


def prove_translation(network: SpikeRain, files: Sequence[bytes]) -> Translation:
    """Checks that the graphs of an export equal their network.

    Args:
        network: the network that was unrolled.
        files: the FP32 ONNX file of free size, and the file of its probe graph.

    Raises:
        ModelError: a graph differs from the network; the message names the first difference.
    """
    begin = time.perf_counter()
    comparisons = [_Comparison(*unseal(content, "the graph in memory")) for content in files]
    double = in_double_precision(network)
    frames = [_noise(network.config.stride, seed) for seed in range(network.config.frames)]
    hidden = {name for comparison in comparisons for name in comparison.hidden}
    for excited in (False, True):
        seen = observe(double, frames, sorted(hidden), excited=excited)
        for comparison in comparisons:
            comparison.require_equal(frames, seen)
    return Translation(
        max(each.potential for each in comparisons),
        max(each.picture for each in comparisons),
        sum(each.spikes for each in comparisons),
        sum(each.near for each in comparisons),
        (frames[0].shape[0], frames[0].shape[1]),
        time.perf_counter() - begin,
    )


def _noise(stride: int, seed: int) -> Bytes:
    """Generates an image (H, W, 3) uint8 of random levels in every channel."""
    height, width = (side * stride for side in _COARSE)
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class _Comparison:
    """Compares one graph with its network and keeps the largest differences.

    Attributes:
        hidden: modules of the network that run once and whose output a ReLU or a gate reads.
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

    def require_equal(self, frames: Sequence[Bytes], seen: Observation) -> None:
        """Evaluates the graph on what the network has read and compares all values.

        Raises:
            ModelError: the graph differs from the network.
        """
        neurons = {
            layer.name: part
            for name, whole in seen.neurons.items()
            for layer, part in _parts(name, whole, self._spec)
        }
        levels = np.random.default_rng(_SEED).uniform(*_LEVELS, seen.picture.shape)
        made = self._graph([frame[None] for frame in frames], self._given(neurons, seen, levels))
        for layer in self._spec.neurons:
            self._compare_neurons(layer, neurons[layer.name], made)
        for name in self.hidden:
            _compare_hidden(name, seen.hidden[name], made)
        self._compare_picture(made, seen.picture, levels)
        if self._spec.probe:
            _compare_counts(made, [neurons[layer.name].fired for layer in self._spec.neurons])

    def _given(self, neurons: dict[str, Neurons], seen: Observation, levels: Doubles) -> Cuts:
        """Returns the inputs of the pieces: the network's values, and levels beyond 0..255."""
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
            # Only the network received the added current.
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
    """Splits a module's neurons by channels into the layers of the graph that compute them."""
    layers = [each for each in spec.neurons if f"{each.name}.".startswith(f"{module}.")]
    ends = np.cumsum([layer.channels for layer in layers]).tolist()
    whole = neurons.fired.shape[1]
    complete = bool(layers) and ends[-1] == whole
    _require(complete, f"some of the {whole} channels of {module} are missing")
    for layer, end in zip(layers, ends, strict=True):
        part = slice(end - layer.channels, end)
        yield (
            layer,
            Neurons(neurons.added[:, part], neurons.potentials[:, part], neurons.fired[:, part]),
        )


def _near(neurons: Neurons, threshold: float) -> npt.NDArray[np.bool_]:
    """Whether potentials are so near the threshold that rounding it to float32 flips spikes."""
    near: npt.NDArray[np.bool_] = np.abs(neurons.potentials - threshold) < VALUE
    return near


def _decided(neurons: Neurons, threshold: float) -> Doubles:
    """Moves potentials at least 1e-6 away from the threshold, without changing any spike."""
    decided = threshold + np.where(neurons.fired, VALUE, -VALUE)
    return np.where(_near(neurons, threshold), decided, neurons.potentials)


def _unit(values: Doubles) -> float:
    """Returns the unit for differences, because rounding errors grow with the values."""
    return max(1.0, float(np.abs(values).max()))


def _largest(one: npt.NDArray[np.generic], two: npt.NDArray[np.generic]) -> float:
    """Returns the largest difference of two arrays; infinity if they cannot be compared."""
    if one.shape != two.shape:
        return np.inf
    off = np.abs(one.astype(np.float64) - two.astype(np.float64)).max(initial=0.0)
    return float(off) if np.isfinite(off) else np.inf


def _require(holds: bool, difference: str) -> None:
    if not holds:
        raise ModelError(
            f"the graph differs from its PyTorch network in double precision: {difference}",
            "nothing was written; report this checkpoint as a bug, or add --no-verify to write it "
            "anyway",
        )
