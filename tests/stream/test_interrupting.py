"""A stop does not wait for a slow network."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from stream_parts import Camera, Recorder
from terminal import default_signals

from spikerain_edge import Derainer, ModelError
from spikerain_edge.images import Image
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sources import Source
from spikerain_edge.stream.stills import ImageSource

PROGRAM = Path(sys.executable).with_name("spikerain-edge")


@pytest.mark.parametrize("kind", ["camera", "files"])
def test_a_function_that_takes_too_long_is_interrupted(kind: str, shades: ImageSource) -> None:
    interrupted = threading.Event()
    source: Source = Camera(30) if kind == "camera" else shades

    def endless(image: Image) -> Image:
        pipeline.stop()
        assert interrupted.wait(60)
        raise ModelError("interrupted", "")

    sink = Recorder()
    pipeline = Pipeline(source, endless, [sink], interrupt=interrupted.set)
    assert pipeline.run().frames == 0
    assert sink.closed.is_set()


def test_a_function_that_is_quick_enough_is_not_interrupted(shades: ImageSource) -> None:
    interrupted: list[bool] = []

    def derain(image: Image) -> Image:
        pipeline.stop()
        return image

    pipeline = Pipeline(shades, derain, [], interrupt=lambda: interrupted.append(True))
    assert pipeline.run().frames == 1
    assert interrupted == []


@pytest.mark.parametrize("probe", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_computation_ends_when_it_is_interrupted(probe: bool) -> None:
    image = np.zeros((1600, 1600, 3), np.uint8)
    with Derainer.load("nano", probe=probe) as derainer:
        threading.Timer(0.3, derainer.interrupt).start()
        with pytest.raises(ModelError):
            (derainer.derain_and_probe if probe else derainer)(image)
        with pytest.raises(ModelError):
            derainer(image)


@pytest.mark.slow
def test_ctrl_c_in_a_slow_inference_ends_in_time(tmp_path: Path) -> None:
    write_image(tmp_path / "large.png", np.full((2600, 3200, 3), 90, np.uint8))
    command = [PROGRAM, "run", "--camera", "large.png", "--output", "out.png", "--verbose"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=default_signals
    ) as running:
        assert running.stderr is not None
        next(line for line in running.stderr if "reading" in line)
        time.sleep(1.0)
        begun = time.monotonic()
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + signal.SIGINT, said
    # Two seconds are asked for; a busy machine gets more. The inference takes ten.
    assert time.monotonic() - begun < 6
    assert not (tmp_path / "out.png").exists()
