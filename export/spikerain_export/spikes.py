"""Compares the spikes of two graphs of one network, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from spikerain_edge.images import Image
from spikerain_edge.inference.engine import inputs_of
from spikerain_edge.spec import ModelSpec
from spikerain_export.origin import Graph
from spikerain_export.truth import Scene

# The spikes of all layers are in memory at once: half a gigabyte for `l` at 128x128 pixels.
_SIDE = 128
_IMAGES = 2


@dataclass(frozen=True)
class LayerDifference:
    """Share of a layer's neurons, over all timesteps, that fire in only one of two graphs.

    Attributes:
        layer: the neuron layer.
        share: the share in 0..1; 0 if all spikes are equal.
        rate: firing rate in the first graph, to compare the share with.
    """

    layer: str
    share: float
    rate: float


def spike_differences(
    first: Graph, second: Graph, scenes: Sequence[Scene]
) -> tuple[LayerDifference, ...]:
    """Compares the spikes of two graphs on the centres of the first two scenes.

    Args:
        first: an FP32 graph of free size.
        second: another graph of the same network.
        scenes: rainy scenes; only the first two are used.
    """
    differing: dict[str, list[tuple[float, float]]] = {}
    sessions = [_tapped(graph) for graph in (first, second)]
    for scene in scenes[:_IMAGES]:
        middles = [_middle(frame, first.spec.stride) for frame in scene.frames]
        inputs = inputs_of(middles[0], middles[-1], first.spec)
        ours, theirs = (
            dict(zip(names, session.run(names, inputs), strict=True)) for session, names in sessions
        )
        for layer, other in zip(first.spec.neurons, second.spec.neurons, strict=True):
            for one, two in zip(layer.spikes, other.spikes, strict=True):
                spikes = ours[one] != 0
                changed = _channels_first(theirs[two], second.spec) != spikes
                rows = differing.setdefault(layer.name, [])
                rows.append((float(changed.mean()), float(spikes.mean())))
    return tuple(
        LayerDifference(layer, *np.mean(rows, axis=0).tolist()) for layer, rows in differing.items()
    )


def _tapped(graph: Graph) -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Creates a session whose outputs are the spike tensors, and returns their names too."""
    names = [name for layer in graph.spec.neurons for name in layer.spikes]
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.output[:]
    # Without a type, which depends on the precision: ONNX Runtime infers it.
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session, names


def _channels_first(spikes: npt.NDArray[np.generic], spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """Returns spikes as booleans (1, C, H, W); INT8 graphs for ONNX Runtime have (1, H, W, C).

    The shape alone does not tell the layout: 16 channels of 16x16 look the same in both.
    """
    fired = spikes != 0
    return np.moveaxis(fired, -1, 1) if spec.target == "onnxruntime" else fired


def _middle(image: Image, stride: int) -> Image:
    sides = [min(side, _SIDE) // stride * stride for side in image.shape[:2]]
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape, sides, strict=False))
    return np.ascontiguousarray(image[None, top : top + sides[0], left : left + sides[1]])
