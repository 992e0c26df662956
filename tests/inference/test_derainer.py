from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_edge.models import find_model

Draw = Callable[..., Image]
SIZES = [(16, 16), (17, 16), (16, 31), (48, 64), (49, 65), (33, 17), (16, 131)]


@pytest.fixture(scope="module")
def engine() -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(find_model("nano").graph.read(), "nano", threads=1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_size_is_padded_by_reflection_and_cropped_back(
    derainer: Derainer, engine: OnnxRuntimeEngine, picture: Draw, height: int, width: int
) -> None:
    image = picture(1, height, width)
    stride = derainer.spec.stride
    rows, columns = -height % stride, -width % stride
    mirrored = np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="reflect")

    derained = derainer(image)

    assert derained.shape == image.shape
    assert derained.dtype == np.uint8
    assert derainer.padded_size(image) == mirrored.shape[:2]
    np.testing.assert_array_equal(derained, engine.infer(mirrored[None])[0, :height, :width])


def test_the_network_changes_the_picture_a_little(derainer: Derainer, picture: Draw) -> None:
    image = picture()
    difference = np.abs(derainer(image).astype(int) - image)
    assert 0 < difference.mean() < 60


def test_the_input_image_is_not_modified(derainer: Derainer, picture: Draw) -> None:
    image = picture()
    derained = derainer(image)
    derained[:] = 0
    np.testing.assert_array_equal(image, picture())


def test_views_give_the_same_result_as_copies(derainer: Derainer, picture: Draw) -> None:
    large = picture(2, 96, 128)
    for view in (large[::2, ::2], large[::-1], large[..., ::-1], large.transpose(1, 0, 2)):
        assert not view.flags.c_contiguous
        np.testing.assert_array_equal(derainer(view), derainer(view.copy()))


def test_a_read_only_image_is_accepted(derainer: Derainer, picture: Draw) -> None:
    image = picture()
    image.setflags(write=False)
    np.testing.assert_array_equal(derainer(image), derainer(picture()))


def test_frames_do_not_influence_each_other(derainer: Derainer, picture: Draw) -> None:
    first, second, other_size = picture(1), picture(2), picture(3, 33, 49)
    alone = derainer(first)
    for between in (second, other_size, first):
        derainer(between)
        np.testing.assert_array_equal(derainer(first), alone)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 1), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((1, 48, 64, 3), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((48, 64, 3), np.uint16),
    ],
)
def test_an_array_that_is_not_a_uint8_bgr_image_is_refused(
    derainer: Derainer, image: npt.NDArray[np.uint8]
) -> None:
    for derain in (derainer, derainer.derain_and_probe):
        with pytest.raises(InputError, match=r"expected .*uint8 \(H, W, 3\) BGR, got"):
            derain(image)


@pytest.mark.parametrize(("height", "width"), [(15, 40), (40, 15), (1, 1), (0, 40)])
def test_an_image_that_is_too_small_is_refused(derainer: Derainer, height: int, width: int) -> None:
    with pytest.raises(InputError, match=f"{width}x{height}, .* valid size is 16x16") as raised:
        derainer(np.zeros((height, width, 3), np.uint8))
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_probe_graph_gives_the_same_picture_and_the_firing_rates(
    derainer: Derainer, picture: Draw, height: int, width: int
) -> None:
    image = picture(4, height, width)
    derained, rates = derainer.derain_and_probe(image)

    np.testing.assert_array_equal(derained, derainer(image))
    assert rates.shape == (len(derainer.spec.neurons), derainer.spec.timesteps)
    assert rates.dtype == np.float32
    assert (rates >= 0).all()
    assert (rates <= 1).all()
    assert 0 < rates.mean() < 1


def test_probing_requires_a_loaded_probe_graph(picture: Draw) -> None:
    with Derainer.load("nano", threads=1) as plain:
        assert not plain.can_probe
        with pytest.raises(InputError, match="probe=True"):
            plain.derain_and_probe(picture())


def test_a_model_file_gives_the_same_result_as_the_shipped_model(
    tmp_path: Path, derainer: Derainer, picture: Draw
) -> None:
    shipped = find_model("nano")
    assert shipped.probe is not None
    shutil.copy(shipped.graph.path, tmp_path / "mine.onnx")

    with Derainer.load(str(tmp_path / "mine.onnx"), threads=1, probe=True) as alone:
        assert not alone.can_probe
        np.testing.assert_array_equal(alone(picture()), derainer(picture()))
    shutil.copy(shipped.probe.path, tmp_path / "mine.probe.onnx")
    with Derainer.load(str(tmp_path / "mine.onnx"), threads=1, probe=True) as both:
        np.testing.assert_array_equal(both.derain_and_probe(picture())[0], derainer(picture()))


def test_a_graph_in_memory_gives_the_same_result_as_a_file(
    derainer: Derainer, picture: Draw
) -> None:
    with Derainer.from_bytes(find_model("nano").graph.read()) as loaded:
        np.testing.assert_array_equal(loaded(picture()), derainer(picture()))


def test_a_probe_graph_of_another_network_is_refused() -> None:
    graph, probe = find_model("nano").graph, find_model("tiny").probe
    assert probe is not None

    with pytest.raises(ModelError, match="probe graph in memory"):
        Derainer.from_bytes(graph.read(), probe=probe.read())


@pytest.mark.slow
def test_onnx_runtime_stores_no_usage_data(tmp_path: Path) -> None:
    """By default, ONNX Runtime stores usage data and a device identifier in HOME to send them."""
    program = (
        "import numpy; from spikerain_edge import Derainer; "
        "Derainer.load('nano', threads=1)(numpy.zeros((16, 16, 3), numpy.uint8))"
    )
    kept = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}

    subprocess.run([sys.executable, "-c", program], env={**kept, "HOME": str(tmp_path)}, check=True)

    assert list(tmp_path.iterdir()) == []


def test_a_path_that_the_system_cannot_read_is_a_model_error() -> None:
    with pytest.raises(ModelError, match=r"cannot read .*: File name too long"):
        find_model("x" * 300)


def test_a_bare_plan_is_refused_and_the_engine_beside_it_named(tmp_path: Path) -> None:
    (tmp_path / "mine.plan").write_bytes(b"ftrt")
    with pytest.raises(InputError, match=r"bare TensorRT plan.*mine\.engine"):
        Derainer.load(str(tmp_path / "mine.plan"))


@pytest.mark.parametrize("name", ["pico", "", "/nowhere/x.onnx", "."])
def test_a_missing_model_names_the_shipped_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"there is no model .*\(nano.*\) or the path"):
        Derainer.load(name)


def test_a_closed_derainer_cannot_be_used(picture: Draw) -> None:
    derainer = Derainer.load("nano", threads=1, probe=True)
    derainer.close()
    derainer.close()
    with pytest.raises(ModelError, match="closed"):
        derainer(picture())


def test_it_describes_its_model_and_backend(derainer: Derainer) -> None:
    assert derainer.spec.name == "nano"
    assert derainer.backend.startswith("onnxruntime ")
    assert derainer.backend.endswith("CPUExecutionProvider")


def test_an_image_that_could_not_be_read_is_refused(derainer: Derainer) -> None:
    with pytest.raises(InputError, match=r"cv2\.imread returns None"):
        derainer(cv2.imread("/nowhere.png"))  # type: ignore[arg-type]
