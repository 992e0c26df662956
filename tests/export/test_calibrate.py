from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto
from precision_parts import described, photograph, run, shipped, tapped

from spikerain_edge import InputError
from spikerain_export.precision import output_scales, to_int8
from spikerain_export.precision.dense import SpikingConvolutions
from spikerain_export.precision.graph import SourceGraph
from spikerain_export.rainy_scenes import draw_scenes
from spikerain_export.truth import Scene
from spikerain_training.network import SpikeRain

pytestmark = pytest.mark.slow


def test_scales_need_images(nano: SpikeRain) -> None:
    with pytest.raises(InputError, match="--data"):
        to_int8(*described(nano), "onnxruntime")


def test_features_of_rainy_and_of_restored_pictures_do_not_saturate() -> None:
    model, spec = shipped()
    (scene,) = draw_scenes(1, (160, 160), seed=3)
    found = [
        each for each in SpikingConvolutions(SourceGraph(model), spec).all if not each.only_neurons
    ]
    names = [each.output for each in found]
    watched = tapped(model, names, TensorProto.FLOAT)
    restored, *rainy = run(watched, ["derained", *names], scene.rainy)
    dry = run(watched, names, np.asarray(restored[0], np.uint8))
    scales = output_scales(model, spec, [scene])
    for each, *seen in zip(found, rainy, dry, strict=True):
        scale = scales[each.layer]
        for features in map(np.float32, seen):
            assert np.abs(scale.round(features) - features).max() <= scale.scale * 0.5001


def test_an_image_that_is_too_small_for_scales_is_rejected(nano: SpikeRain) -> None:
    with pytest.raises(InputError, match="4x40"):
        output_scales(*described(nano), [Scene(photograph(40, 4))])
