from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import OnnxRuntimeEngine
from spikerain_edge.inference.providers import left_to_cpu
from spikerain_edge.models import find_model, shipped_models

Draw = Callable[..., Image]


@pytest.fixture(scope="module")
def content() -> bytes:
    return find_model("nano").graph.read()


def test_an_unavailable_provider_is_refused_with_the_available_ones(content: bytes) -> None:
    with pytest.raises(InputError, match=r"NopeExecutionProvider .*one of: .*CPUExecutionProvider"):
        OnnxRuntimeEngine(content, "nano", "NopeExecutionProvider")


def test_a_provider_that_leaves_the_work_to_the_cpu_is_refused(content: bytes) -> None:
    # The Azure provider is part of every build and runs no nodes of such a graph.
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has only the CPU provider")
    with pytest.raises(ModelError) as raised:
        OnnxRuntimeEngine(content, "mine.onnx", "AzureExecutionProvider", threads=1)
    message = str(raised.value)
    assert message.startswith(
        "AzureExecutionProvider leaves 91 of 91 convolutions of mine.onnx to "
    )
    assert "use --backend cpu" in message


class Accelerated:
    """A session that runs a few operators on the CPU and the others on an accelerator."""

    def __init__(self, *on_cpu: str) -> None:
        self._on_cpu = on_cpu

    def get_provider_graph_assignment_info(self) -> list[SimpleNamespace]:
        return [
            self._part("CPUExecutionProvider", *self._on_cpu),
            self._part("CUDAExecutionProvider", "FusedConv", "Conv", "MatMul", "Add"),
        ]

    def _part(self, provider: str, *operators: str) -> SimpleNamespace:
        nodes = [SimpleNamespace(op_type=operator) for operator in operators]
        return SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)


@pytest.mark.parametrize(
    ("on_cpu", "note"), [((), ""), (("Mean", "Shape"), " (2 of 6 nodes on the CPU)")]
)
def test_small_nodes_on_the_cpu_are_counted(on_cpu: tuple[str, ...], note: str) -> None:
    session = Accelerated(*on_cpu)
    assert left_to_cpu(session, "CUDAExecutionProvider", "mine.onnx") == note


@pytest.mark.parametrize("operator", ["FusedConv", "QLinearConv", "MatMul", "FusedGemm"])
def test_a_single_convolution_on_the_cpu_is_refused(operator: str) -> None:
    session = Accelerated("Shape", operator)
    with pytest.raises(ModelError, match=r"CUDAExecutionProvider leaves 1 of 4 convolutions of"):
        left_to_cpu(session, "CUDAExecutionProvider", "mine.onnx")


def test_the_cpu_share_is_unknown_without_assignment_information() -> None:
    assert "unknown" in left_to_cpu(object(), "CUDAExecutionProvider", "mine.onnx")


def test_a_plain_graph_cannot_be_probed(content: bytes) -> None:
    with (
        OnnxRuntimeEngine(content, "nano", threads=1) as engine,
        pytest.raises(ModelError, match=r"not a probe graph; .*\.probe\.onnx"),
    ):
        engine.probe(np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((2, 16, 16, 3), np.uint8),
        np.zeros((1, 3, 16, 16), np.uint8),
        np.zeros((1, 16, 16, 3), np.float32),
        np.zeros((1, 18, 19, 3), np.uint8),
    ],
)
def test_images_of_a_wrong_type_or_shape_are_refused(
    content: bytes, images: npt.NDArray[np.uint8]
) -> None:
    with OnnxRuntimeEngine(content, "nano", threads=1) as engine, pytest.raises(InputError):
        engine.infer(images)


@pytest.mark.slow
def test_the_number_of_threads_does_not_change_the_result(content: bytes, picture: Draw) -> None:
    results = []
    for threads in (1, 2):
        with OnnxRuntimeEngine(content, "nano", threads=threads) as engine:
            results.append(engine.infer(picture()[None]))
    assert np.abs(results[0].astype(int) - results[1]).max() <= 1


def test_a_shipped_model_that_was_changed_is_refused(tmp_path: Path, content: bytes) -> None:
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0x01
    (tmp_path / "nano.onnx").write_bytes(changed)
    shipped = replace(find_model("nano").graph, path=tmp_path / "nano.onnx")
    with pytest.raises(ModelError, match=r"nano\.onnx was changed .*SHA-256.*reinstall"):
        shipped.read()


def test_a_missing_shipped_model_is_reported(tmp_path: Path) -> None:
    shipped = replace(find_model("nano").graph, path=tmp_path / "nano.onnx")
    with pytest.raises(InputError, match=r"the model file .*nano\.onnx does not exist"):
        shipped.read()


@pytest.mark.slow
def test_every_shipped_model_loads() -> None:
    assert shipped_models() == [
        "nano",
        "nano-int8",
        "nano-t1",
        "nano-t1-int8",
        "nano-video",
        "nano-video-int8",
        "tiny",
        "tiny-int8",
    ]
    for name in shipped_models():
        model = find_model(name)
        assert model.probe is not None
        for file in (model.graph, model.probe):
            described = OnnxRuntimeEngine(file.read(), name, threads=1).spec
            assert described.name == name
            assert described.probe is (file is model.probe)


def test_threads_that_do_not_spin_make_the_same_picture(content: bytes, picture: Draw) -> None:
    image = picture(3, 64, 96)[None]
    with (
        OnnxRuntimeEngine(content, "nano", threads=2) as spinning,
        OnnxRuntimeEngine(content, "nano", threads=2, spin=False) as waiting,
    ):
        assert waiting._session is not None
        options = waiting._session.get_session_options()
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
        np.testing.assert_array_equal(waiting.infer(image), spinning.infer(image))
