"""Chooses the output scales of integer convolutions from the values of an FP32 graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.byte_neurons import ByteLayer
from spikerain_export.precision.dense import SpikingConvolution
from spikerain_export.precision.scales import (
    Floats,
    Neuron,
    OutputScale,
    scale_for_features,
    scale_for_neurons,
)
from spikerain_export.precision.taps import Tapped, tap_name
from spikerain_export.truth import Scene

# Every third pixel: an odd step samples all phases of features that were doubled or shuffled.
_EVERY = 3
_LARGEST_SIDE = 256
# Prefix of the name of a tensor of which only the least and the largest value are needed.
_EXTREMES = "extremes/"
_LARGEST_SAMPLE = 1 << 13


def calibrate(
    model: onnx.ModelProto,
    spec: ModelSpec,
    convolutions: Sequence[SpikingConvolution],
    layers: Sequence[ByteLayer],
    scenes: Sequence[Scene],
) -> dict[str, OutputScale]:
    """Chooses the scale of every output and current that is rounded, by layer.

    Scales of values that only neurons read minimise the number of flipped spikes; the range of all
    others holds every value seen. Only the central 256x256 pixels of larger images are used, rainy
    and as the graph restores them.

    Args:
        model: FP32 graph.
        spec: its description.
        convolutions: the convolutions whose outputs are rounded, one per timestep.
        layers: the neuron layers that are computed in bytes. Those that read features have a scale
            of their own.
        scenes: rainy scenes.

    Raises:
        InputError: there are no images, an image is too small, or the graph does not take one
            image of any size.
    """
    if not scenes:
        raise InputError(
            "INT8 for ONNX Runtime needs rainy images to choose its scales",
            "name a folder of rainy images with --data",
        )
    steps: dict[str, list[str]] = {}
    for convolution in convolutions:
        prefix = "" if convolution.only_neurons else _EXTREMES
        steps.setdefault(convolution.layer, []).append(prefix + convolution.output)
    direct = {found.output for found in convolutions if found.only_neurons}
    for layer in layers:
        if not direct.issuperset(layer.currents):
            steps[layer.name] = list(layer.currents)
    tapped = _tapped(model, {name for names in steps.values() for name in names}, spec.image_output)
    columns = max(1, _LARGEST_SAMPLE // (2 * len(scenes)))
    seen: dict[str, list[Floats]] = {owner: [] for owner in steps}
    for frames in middles(scenes, spec):
        rainy = tapped(*frames)
        # Features of a picture without rain may be larger.
        for found in (rainy, tapped(rainy[spec.image_output][0])):
            for owner, names in steps.items():
                values = np.stack([found[name].ravel() for name in names])
                seen[owner].append(_thinned(values, columns))
    neuron = Neuron(1 - 1 / spec.tau, spec.threshold)
    scales = {}
    for owner, parts in seen.items():
        values = np.concatenate(parts, axis=1)
        feature = steps[owner][0].startswith(_EXTREMES)
        scales[owner] = scale_for_features(values) if feature else scale_for_neurons(values, neuron)
    return scales


def _tapped(model: onnx.ModelProto, names: Collection[str], picture: str) -> Tapped:
    """Returns the graph with summaries of tensors (1, C, H, W), and its picture.

    The summary is every third pixel; if the name has the prefix, the least and largest value.
    """
    bounds = {"from": [0, 0], "to": [2**31] * 2, "axes": [2, 3], "every": [_EVERY] * 2}
    constants = [
        numpy_helper.from_array(np.array(value, np.int64), tap_name(name))
        for name, value in bounds.items()
    ]

    def summary(name: str, made: str) -> list[onnx.NodeProto]:
        if name == picture:
            return [helper.make_node("Identity", [name], [made])]
        if not name.startswith(_EXTREMES):
            return [helper.make_node("Slice", [name, *map(tap_name, bounds)], [made])]
        tensor, ends = name.removeprefix(_EXTREMES), [f"{made}/least", f"{made}/most"]
        return [
            helper.make_node("ReduceMin", [tensor], ends[:1]),
            helper.make_node("ReduceMax", [tensor], ends[1:]),
            helper.make_node("Concat", ends, [made], axis=0),
        ]

    return Tapped(model, [*sorted(names), picture], summary, constants)


def middles(scenes: Sequence[Scene], spec: ModelSpec) -> list[list[Image]]:
    """Cuts out the centre of all frames of scenes, at most 256x256.

    Args:
        scenes: rainy scenes.
        spec: description of the graph that will read them.

    Raises:
        InputError: an image is too small, or the graph does not take one image of any size.
    """
    if (spec.batch, spec.height, spec.width) != (1, 0, 0):
        raise InputError(
            "INT8 can only be made from a graph that takes one image of any size",
            "convert the graph to int8 first, then fix its size",
        )
    return [[_middle(frame, spec.stride) for frame in scene.frames] for scene in scenes]


def _middle(image: Image, stride: int) -> Image:
    """Cuts out the centre of an image, at most 256x256, with sides in multiples of the stride."""
    sides = [min(side, _LARGEST_SIDE) // stride * stride for side in image.shape[:2]]
    if 0 in sides:
        height, width = image.shape[:2]
        raise InputError(
            f"an image of {width}x{height} is too small to round INT8 on",
            f"use images of at least {stride}x{stride} with --data",
        )
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape, sides, strict=False))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])


def _thinned(values: Floats, columns: int) -> Floats:
    """Keeps about so many evenly spaced columns of (T, N): more would hardly change a scale."""
    return values[:, :: -(-values.shape[1] // columns)]
