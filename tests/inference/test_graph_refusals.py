"""Graphs that are damaged, foreign or contradict their description are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from spikerain_edge.errors import ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import OnnxRuntimeEngine
from spikerain_edge.models import find_model
from spikerain_edge.spec import MAX_SPEC_BYTES, METADATA_KEY, SPEC_VERSION, ModelSpec

Draw = Callable[..., Image]


@pytest.fixture(scope="module")
def content() -> bytes:
    return find_model("nano").graph.read()


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
