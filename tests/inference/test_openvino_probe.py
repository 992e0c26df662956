from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
import pytest

from spikerain_edge.images import Image
from spikerain_edge.inference.openvino_probe import count_early
from spikerain_edge.models import find_model
from spikerain_edge.sealed_graph import read_description

_NAMES = ("derained", "firing_rates", "silent_channels")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["nano", "tiny"])
def test_counts_made_early_are_the_same(model: str, picture: Callable[..., Image]) -> None:
    probe = find_model(model).probe
    assert probe is not None
    content = probe.read()
    graph = openvino.Core().read_model(content)
    early = count_early(graph.clone(), read_description(content, model))
    image = picture(3, 64, 72)

    for one, other in zip(computed(graph, image), computed(early, image), strict=True):
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, other)


def computed(graph: Any, image: Image) -> list[Any]:
    graph.reshape({"image": [1, *image.shape]})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()
    request.infer({"image": image[None]})
    return [request.get_tensor(name).data.copy() for name in _NAMES]
