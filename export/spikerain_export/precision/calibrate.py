"""Chooses the output scales of integer convolutions from the values of an FP32 graph."""

from __future__ import annotations

from collections.abc import Sequence

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
    if (spec.batch, spec.height, spec.width) != (1, 0, 0):
        raise InputError(
            "INT8 scales can only be chosen on a graph for one image of any size",
            "convert the graph to int8 first, then fix its size",
        )
    if not scenes:
        raise InputError(
            "INT8 for ONNX Runtime needs rainy images to choose its scales",
            "name a folder of rainy images with --data",
        )
    steps: dict[str, list[str]] = {}
    for convolution in convolutions:
        steps.setdefault(convolution.layer, []).append(convolution.output)
    only_neurons = {found.layer: found.only_neurons for found in convolutions}
    direct = {found.output for found in convolutions if found.only_neurons}
    for layer in layers:
        if not direct.issuperset(layer.currents):
            steps[layer.name] = list(layer.currents)
            only_neurons[layer.name] = True
    tensors = sorted({name for names in steps.values() for name in names})
    sampled = _sampled(model, tensors, spec.image_output)
    seen = [sampled(*frames) for frames in middles(scenes, spec.stride)]
    # A picture without rain has sharper edges, and so larger features.
    seen += [sampled(found[spec.image_output][0]) for found in seen]
    neuron = Neuron(1 - 1 / spec.tau, spec.threshold)
    scales = {}
    for owner, names in steps.items():
        values = np.stack(
            [np.concatenate([found[name].ravel() for found in seen]) for name in names]
        )
        scales[owner] = (
            scale_for_neurons(_thinned(values), neuron)
            if only_neurons[owner]
            else scale_for_features(values)
        )
    return scales


def _sampled(model: onnx.ModelProto, tensors: list[str], picture: str) -> Tapped:
    """Returns the graph with every third pixel of tensors (1, C, H, W), and its picture."""
    bounds = {"from": [0, 0], "to": [2**31] * 2, "axes": [2, 3], "every": [_EVERY] * 2}
    constants = [
        numpy_helper.from_array(np.array(value, np.int64), tap_name(name))
        for name, value in bounds.items()
    ]

    def summary(name: str, made: str) -> list[onnx.NodeProto]:
        if name == picture:
            return [helper.make_node("Identity", [name], [made])]
        return [helper.make_node("Slice", [name, *map(tap_name, bounds)], [made])]

    return Tapped(model, [*tensors, picture], summary, constants)


def middles(scenes: Sequence[Scene], stride: int) -> list[list[Image]]:
    """Cuts out the centre of all frames of scenes, at most 256x256.

    Raises:
        InputError: an image is too small.
    """
    return [[_middle(frame, stride) for frame in scene.frames] for scene in scenes]


def _middle(image: Image, stride: int) -> Image:
    """Cuts out the centre of an image, at most 256x256, with sides in multiples of the stride."""
    sides = [min(side, _LARGEST_SIDE) // stride * stride for side in image.shape[:2]]
    if 0 in sides:
        height, width = image.shape[:2]
        raise InputError(
            f"an image of {width}x{height} is too small to choose INT8 scales",
            f"use images of at least {stride}x{stride} with --data",
        )
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape, sides, strict=False))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])


def _thinned(values: Floats) -> Floats:
    """Keeps at most 8192 evenly spaced columns of (T, N), so that choosing a scale is fast."""
    return values[:, :: -(-values.shape[1] // _LARGEST_SAMPLE)]
