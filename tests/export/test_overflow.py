from __future__ import annotations

import numpy as np
import pytest
from precision_parts import constants, described, photograph, run, tapped, with_constants

from spikerain_edge.errors import ModelError
from spikerain_export.precision import require_half_range
from spikerain_export.truth import Scene
from spikerain_training.network import SpikeRain


@pytest.mark.slow
def test_peaks_are_those_of_the_fp32_graph_on_all_images(nano: SpikeRain) -> None:
    model, spec = described(nano)
    images = [photograph(48, 64), photograph()]
    peaks = require_half_range(model, spec, map(Scene, images))
    names = ["output/0", "encoder1.0.neurons.1/potential/1", "enhance/sum"]
    seen = [run(tapped(model, names, 1), names, image) for image in images]
    for number, name in enumerate(names):
        known = max(float(np.abs(values[number]).max()) for values in seen)
        assert peaks[name] == pytest.approx(known, rel=1e-5)


@pytest.mark.slow
def test_the_error_names_a_tensor_beyond_half_precision(nano: SpikeRain) -> None:
    model, spec = described(nano)
    peak = require_half_range(model, spec, [Scene(photograph())])["output/0"]
    values = {name: np.asarray(constants(model)[name]) for name in ("output/weight", "output/bias")}
    for above, factor in ((False, 0.98), (True, 1.02)):
        by = np.float32(factor * 65504 / peak)
        scaled = with_constants(model, {name: value * by for name, value in values.items()})
        if above:
            with pytest.raises(
                ModelError, match=r"output/0 of test .* half precision is 65504"
            ) as it:
                require_half_range(scaled, spec, [Scene(photograph())])
            assert "\n" not in str(it.value)
        else:
            require_half_range(scaled, spec, [Scene(photograph())])


@pytest.mark.slow
def test_the_error_names_a_constant_beyond_half_precision(nano: SpikeRain) -> None:
    model, spec = described(nano)
    weight = np.array(constants(model)["enhance.gate/weight"])
    weight[0, 0, 0, 0] = 1e5
    with pytest.raises(ModelError, match=r"enhance\.gate/weight of test reaches 100000"):
        require_half_range(with_constants(model, {"enhance.gate/weight": weight}), spec, [])
