from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.providers import CPU
from spikerain_edge.models import find_model, shipped_models

# Loads a model, derains or probes an image, or both in turn, and prints how far its memory grew.
_MEASURE = """
import re, sys
from pathlib import Path
import numpy as np
from spikerain_edge import Derainer

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def work():
    if "probe" in sys.argv:
        derainer.derain_and_probe(image)
    if "derain" in sys.argv:
        derainer(image)

derainer = Derainer.load(sys.argv[1], provider=sys.argv[2], threads=1, probe=True)
image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
before = peak()
work()
work()
print(peak() - before)
"""


def growth(cache: Path, *arguments: str) -> int:
    """Kilobytes that a process takes to do some work with a model and a back end."""
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURE, *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return int(ended.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["nano", "nano-int8"])
def test_graph_and_probe_graph_need_little_more_memory_than_the_graph(
    model: str, tmp_path: Path
) -> None:
    graph = growth(tmp_path, model, CPU, "derain")
    assert growth(tmp_path, model, CPU, "probe", "derain") < 1.4 * graph


@pytest.mark.slow
def test_the_probe_graph_needs_little_more_memory_than_the_graph_in_openvino(
    tmp_path: Path,
) -> None:
    graph = growth(tmp_path, "nano", "openvino", "derain")
    assert growth(tmp_path, "nano", "openvino", "probe") < 1.4 * graph


@pytest.mark.slow
@pytest.mark.parametrize("model", shipped_models())
def test_what_saves_memory_changes_neither_pictures_nor_counts(
    model: str, picture: Callable[..., Image]
) -> None:
    probe = find_model(model).probe
    assert probe is not None
    image = picture(7, 96, 120)
    plain = onnxruntime.InferenceSession(probe.read(), providers=["CPUExecutionProvider"])
    shown = {each.name: image[None] for each in plain.get_inputs()}
    wanted = plain.run(["derained", "firing_rates", "silent_channels"], shown)

    with Derainer.load(model, threads=1, probe=True) as derainer:
        derained, rates = derainer.derain_and_probe(image)
        activity = derainer.activity(image)
        np.testing.assert_array_equal(derainer(image), derained)

    for made, right in zip((derained, rates, activity.silent), wanted, strict=True):
        np.testing.assert_array_equal(made, right[0] if made is derained else right)
    np.testing.assert_array_equal(activity.rates, rates)
