"""Rounds the weights of an FP32 graph to what INT8 represents, with the spikes of rainy scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.calibrate import middles
from spikerain_export.precision.dense import SpikingConvolution, SpikingConvolutions
from spikerain_export.precision.graph import Array, SourceGraph
from spikerain_export.precision.int8 import Int8Target
from spikerain_export.precision.rounding import round_to_inputs
from spikerain_export.precision.scales import Floats
from spikerain_export.precision.taps import Tapped
from spikerain_export.truth import Scene

# Patches of a layer, over all scenes and timesteps: several for each of its inputs.
_PATCHES = 1 << 13


def rounded_weights(
    model: onnx.ModelProto, spec: ModelSpec, scenes: Sequence[Scene], target: Int8Target
) -> dict[str, Array]:
    """Rounds the weights of all spiking convolutions so that their currents change least.

    The spikes are those of the FP32 graph on the central 256x256 pixels of the scenes.

    Args:
        model: FP32 graph for one image of any size.
        spec: its description.
        scenes: rainy scenes.
        target: runtime that will run the graph. For TensorRT, the unit of a dense block stays two
            convolutions, each with its own scales; for the others it becomes one.

    Returns:
        The rounded initializers by name, for the graph and its probe graph; none without scenes.

    Raises:
        InputError: an image is too small, or the graph does not take one image of any size.
    """
    if not scenes:
        return {}
    source = SourceGraph(model)
    layers: dict[str, list[SpikingConvolution]] = {}
    for found in SpikingConvolutions(source, spec).all:
        layers.setdefault(found.layer, []).append(found)
    moments = _moments(model, spec, layers, scenes)
    rounded: dict[str, Array] = {}
    for layer, (first, *_) in layers.items():
        sizes = [source.constants[part.name].shape[1] for part in first.parts]
        shared = sizes if target == "tensorrt" else [sum(sizes)]
        weight = round_to_inputs(first.weight, moments.pop(layer).astype(np.float64), shared)
        pieces = np.split(weight, np.cumsum(sizes)[:-1], axis=1)
        for part, piece in zip(first.parts, pieces, strict=True):
            whole = rounded.setdefault(part.name, source.constants[part.name].copy())
            whole[part.rows] = piece
    return rounded


def with_constants(model: onnx.ModelProto, constants: Mapping[str, Array]) -> onnx.ModelProto:
    """Returns a copy of a graph in which some initializers have other values."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.name in constants:
            tensor.CopyFrom(numpy_helper.from_array(constants[tensor.name], tensor.name))
    return changed


def _moments(
    model: onnx.ModelProto,
    spec: ModelSpec,
    layers: Mapping[str, Sequence[SpikingConvolution]],
    scenes: Sequence[Scene],
) -> dict[str, Floats]:
    """Returns the sum of `x x^T` over patches `x` of the spikes that each layer reads.

    These are counts below 2^24, which are exact in float32.
    """
    steps = [step for each in layers.values() for step in each]
    tapped = Tapped(model, sorted({name for step in steps for name in step.spikes}), _as_bytes)
    count = -(-_PATCHES // (len(scenes) * spec.timesteps))
    moments: dict[str, Floats] = {}
    for frames in middles(scenes, spec):
        patches = SpikePatches(tapped(*frames), count)
        for step in steps:
            rows = patches.read_by(step)
            moments[step.layer] = moments.get(step.layer, 0) + rows.T @ rows
    return moments


def _as_bytes(name: str, made: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Cast", [name], [made], to=TensorProto.UINT8)]


class SpikePatches:
    """Patches of spikes at `count` random places, or at all places of small maps.

    Args:
        spikes: uint8 (1, C, H, W) by name.
        count: how many patches to take of each map.
    """

    def __init__(self, spikes: Mapping[str, Array], count: int) -> None:
        self._spikes = spikes
        self._count = count
        self._taken: dict[tuple[object, ...], Array] = {}

    def read_by(self, step: SpikingConvolution) -> Floats:
        """Returns what a convolution multiplies with its weights: float32 (N, inputs k k)."""
        taken = [self._of(name, step) for name in step.spikes]
        return np.concatenate(taken, axis=1).reshape(len(taken[0]), -1).astype(np.float32)

    def _of(self, name: str, step: SpikingConvolution) -> Array:
        pads, strides = (tuple(step.settings[each]) for each in ("pads", "strides"))
        shape = step.weight.shape[2:], pads, strides
        if (name, shape) not in self._taken:
            self._taken[name, shape] = self._take(self._spikes[name][0], *shape)
        return self._taken[name, shape]

    def _take(
        self,
        spikes: Array,
        kernel: tuple[int, ...],
        pads: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> Array:
        """Returns patches (N, C, k, k) of spikes (C, H, W)."""
        top, left, bottom, right = pads
        padded = np.pad(spikes, ((0, 0), (top, bottom), (left, right)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
        windows = windows[:, :: strides[0], :: strides[1]]
        height, width = windows.shape[1:3]
        # The same places in all maps of one size, so that patches of several maps can be joined.
        rng, pixels = np.random.default_rng(0), height * width
        places = rng.choice(pixels, min(self._count, pixels), replace=False)
        rows, columns = np.divmod(places, width)
        return np.moveaxis(windows[:, rows, columns], 0, 1)
