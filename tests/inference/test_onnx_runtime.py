from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_edge.inference.providers import left_to_cpu
from spikerain_edge.models import find_model, shipped_models
from spikerain_edge.spec import MAX_SPEC_BYTES, METADATA_KEY, SPEC_VERSION, ModelSpec

Draw = Callable[..., Image]


@pytest.fixture(scope="module")
def content() -> bytes:
    return find_model("nano").graph.read()


@pytest.fixture(scope="module")
def spec(derainer: Derainer) -> ModelSpec:
    return derainer.spec


def described(graph: bytes, description: str) -> bytes:
    """Appends a description to a graph."""
    trailer = onnx.ModelProto()
    entry = trailer.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, description
    return graph + bytes(trailer.SerializeToString())


def identity(image: str, output: str, kind: int = TensorProto.UINT8) -> onnx.ModelProto:
    """Returns a valid ONNX graph that is not a SpikeRain model."""
    shape: list[str | int | None] = [1, "height", "width", 3]
    graph = helper.make_graph(
        [helper.make_node("Identity", [image], [output])],
        "identity",
        [helper.make_tensor_value_info(image, kind, shape)],
        [helper.make_tensor_value_info(output, kind, shape)],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def refusal(content: bytes) -> str:
    with pytest.raises(ModelError) as raised:
        OnnxRuntimeEngine(content, "mine.onnx", threads=1)
    assert raised.value.exit_code == 4
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("where", [0.3, 0.5, 0.7, 0.9])
def test_a_flipped_byte_in_a_weight_is_noticed(
    content: bytes, spec: ModelSpec, where: float
) -> None:
    model = onnx.load_model_from_string(content)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    changed = bytearray(content)
    changed[content.index(weight.raw_data) + int(where * len(weight.raw_data))] ^= 0x01
    assert len(changed) > spec.graph_bytes
    message = refusal(bytes(changed))
    assert "mine.onnx was changed" in message
    assert "SHA-256" in message


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(content: bytes, kept: float) -> None:
    message = refusal(content[: int(len(content) * kept)])
    assert "mine.onnx is not a usable ONNX graph" in message


def test_a_file_without_its_description_is_not_a_spikerain_model(
    content: bytes, spec: ModelSpec
) -> None:
    assert "not a SpikeRain model" in refusal(content[: spec.graph_bytes])


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_are_refused(seed: int) -> None:
    assert "not a usable ONNX graph" in refusal(np.random.default_rng(seed).bytes(4000))


def test_text_is_refused() -> None:
    assert "not a usable ONNX graph" in refusal(b"<html>404: not found</html>\n")


def test_another_onnx_graph_is_not_a_spikerain_model() -> None:
    message = refusal(identity("image", "derained").SerializeToString())
    assert "mine.onnx is an ONNX graph but not a SpikeRain model" in message
    assert "spikerain-edge export" in message


@pytest.mark.parametrize("version", [SPEC_VERSION + 1, 0, "next"])
def test_an_unsupported_version_is_named_with_the_supported_one(
    content: bytes, spec: ModelSpec, version: int | str
) -> None:
    other = replace(spec, spec_version=version)  # type: ignore[arg-type]
    message = refusal(described(content[: spec.graph_bytes], other.to_json()))
    assert f"version {version!r}" in message
    assert f"reads version {SPEC_VERSION};" in message


@pytest.mark.parametrize(
    "description", ["", "{", "[]", "7", "{}", '"text"', f'{{"spec_version": {SPEC_VERSION}}}']
)
def test_a_broken_description_is_reported(
    content: bytes, spec: ModelSpec, description: str
) -> None:
    message = refusal(described(content[: spec.graph_bytes], description))
    assert "description is" in message
    assert "again" in message


@pytest.mark.parametrize(
    "entry",
    [
        {"tau": "2"},
        {"tau": 0},
        {"threshold": 1e400},
        {"timesteps": -1},
        {"stride": 0},
        {"batch": None},
        {"height": 64, "width": 0},
        {"height": 65, "width": 64},
        {"image_input": ["image"]},
        {"parameters": 10**400},
        {"name": "\x1b[31mred"},
        {"name": "two\nlines"},
        {"neurons": []},
        {"pools": [{"name": "pool", "reads_per_pixel": "1", "channels": 4}]},
        {"pools": "[" * 100_000 + "]" * 100_000},
    ],
)
def test_a_description_with_wrong_values_is_refused(
    content: bytes, spec: ModelSpec, entry: dict[str, object]
) -> None:
    values = json.loads(spec.to_json()) | entry
    description = json.dumps(values).replace('"[[', "[[").replace(']]"', "]]")
    message = refusal(described(content[: spec.graph_bytes], description))
    assert "the model description" in message


def test_a_description_that_is_too_large_is_refused(content: bytes, spec: ModelSpec) -> None:
    message = refusal(described(content[: spec.graph_bytes], " " * (MAX_SPEC_BYTES + 1)))
    assert "the description in mine.onnx is too large" in message


def test_a_description_that_is_not_text_is_reported(content: bytes) -> None:
    changed = bytearray(content)
    changed[-50] ^= 0x80
    assert "the description in mine.onnx is damaged" in refusal(bytes(changed))


@pytest.mark.parametrize(
    "graph",
    [
        identity("image", "something else"),
        identity("something else", "derained"),
        identity("image", "derained", TensorProto.FLOAT),
    ],
)
def test_a_graph_whose_inputs_or_outputs_contradict_its_description_is_refused(
    spec: ModelSpec, graph: onnx.ModelProto
) -> None:
    content = graph.SerializeToString()
    belied = described(content, spec.sealed(content).to_json())
    assert "other inputs or outputs than its description states" in refusal(belied)


@pytest.mark.parametrize("name", ["caf\udce9", "\x1b[31mred", "two\nlines"])
def test_names_that_onnx_runtime_repeats_are_shown_as_text(spec: ModelSpec, name: str) -> None:
    foreign = identity("image", "derained")
    foreign.graph.node[0].op_type = "placeholder"
    content = foreign.SerializeToString().replace(
        b"\x22\x0bplaceholder", b"\x22\x0b" + name.encode("utf-8", "surrogateescape").ljust(11)
    )
    message = refusal(described(content, spec.sealed(content).to_json()))
    assert "not a usable ONNX graph" in message
    assert message.isprintable()


def test_a_graph_is_not_opened_before_its_seal_is_checked(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(onnxruntime, "InferenceSession")
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0x01
    assert "SHA-256" in refusal(bytes(changed))


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
    assert shipped_models() == ["nano", "nano-int8", "tiny", "tiny-int8"]
    for name in shipped_models():
        model = find_model(name)
        assert model.probe is not None
        for file in (model.graph, model.probe):
            described = OnnxRuntimeEngine(file.read(), name, threads=1).spec
            assert described.name == name
            assert described.probe is (file is model.probe)
