"""Looks at what flows through an FP32 graph, to choose how integer convolutions round it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from spikerain_edge.errors import InputError
from spikerain_edge.spec import ModelSpec
from spikerain_export.precision.dense import SpikingConvolution
from spikerain_export.precision.scales import (
    Floats,
    Neuron,
    OutputScale,
    scale_for_features,
    scale_for_neurons,
)

Image = npt.NDArray[np.uint8]

# Odd, so that it meets all phases of what was doubled or shuffled.
_EVERY = 3
_LARGEST_SIDE = 256
_LARGEST_SAMPLE = 1 << 13


def calibrate(
    model: onnx.ModelProto,
    spec: ModelSpec,
    convolutions: Sequence[SpikingConvolution],
    images: Sequence[Image],
) -> dict[str, OutputScale]:
    """The scale for the output of every convolution, by its layer.

    Outputs that only neurons read are rounded so that the fewest spikes flip, all others so that
    the mean square error is least. Of large images the middle is looked at.

    Args:
        model: FP32 graph.
        spec: its description.
        convolutions: those whose outputs are rounded, timestep by timestep.
        images: rainy images (H, W, 3) uint8 BGR.

    Raises:
        InputError: there are no images, one is too small, or the graph takes only one size.
    """
    if (spec.batch, spec.height, spec.width) != (1, 0, 0):
        raise InputError(
            "scales of integer convolutions are chosen on a graph of free size",
            "make it int8 first and of fixed size then",
        )
    if not images:
        raise InputError(
            "integer convolutions of ONNX Runtime need images to choose their scales by",
            "give a folder of rainy images with --data",
        )
    steps: dict[str, list[str]] = {}
    for convolution in convolutions:
        steps.setdefault(convolution.layer, []).append(convolution.output)
    sampled = _Sampler(model, [name for names in steps.values() for name in names])
    seen = [sampled(_middle(image, spec.stride)) for image in images]
    only_neurons = {found.layer: found.only_neurons for found in convolutions}
    neuron = Neuron(1 - 1 / spec.tau, spec.threshold)
    scales = {}
    for layer, names in steps.items():
        values = _thinned(
            np.stack([np.concatenate([found[name] for found in seen]) for name in names])
        )
        scales[layer] = (
            scale_for_neurons(values, neuron) if only_neurons[layer] else scale_for_features(values)
        )
    return scales


class _Sampler:
    """Runs a graph and returns a regular sample of some of its tensors (1, C, H, W), flat."""

    def __init__(self, model: onnx.ModelProto, tensors: list[str]) -> None:
        self._tensors = tensors
        tapped = onnx.ModelProto()
        tapped.CopyFrom(model)
        del tapped.graph.output[:]
        for name, value in {"from": [0, 0], "to": [2**31] * 2, "axes": [2, 3]}.items():
            tapped.graph.initializer.append(_indices(name, value))
        tapped.graph.initializer.append(_indices("every", [_EVERY] * 2))
        for name in tensors:
            inputs = [name, *(_tap(part) for part in ("from", "to", "axes", "every"))]
            tapped.graph.node.append(helper.make_node("Slice", inputs, [_tap(name)]))
            tapped.graph.output.append(
                helper.make_tensor_value_info(_tap(name), TensorProto.FLOAT, None)
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            tapped.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: Image) -> dict[str, Floats]:
        (source,) = self._session.get_inputs()
        values = self._session.run(
            [_tap(name) for name in self._tensors], {source.name: image[None]}
        )
        return {
            name: np.asarray(value).reshape(-1)
            for name, value in zip(self._tensors, values, strict=True)
        }


def _tap(name: str) -> str:
    return f"calibration/{name}"


def _indices(name: str, values: list[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), _tap(name))


def _middle(image: Image, stride: int) -> Image:
    """The middle of an image, at most 256x256, in multiples of the stride."""
    sides = [min(side, _LARGEST_SIDE) // stride * stride for side in image.shape[:2]]
    if 0 in sides:
        height, width = image.shape[:2]
        raise InputError(
            f"no scales can be chosen on an image of {width}x{height}",
            f"give images of at least {stride}x{stride} with --data",
        )
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape, sides, strict=False))
    return np.ascontiguousarray(image[top : top + sides[0], left : left + sides[1]])


def _thinned(values: Floats) -> Floats:
    """At most so many columns of (T, N) that choosing a scale takes a moment."""
    return values[:, :: -(-values.shape[1] // _LARGEST_SAMPLE)]
