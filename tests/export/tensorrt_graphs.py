"""Small graphs of one neuron and one convolution, which build in a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from descriptions import operation
from onnx import TensorProto, helper, numpy_helper

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError
from spikerain_edge.inference.tensorrt_library import TENSORRT_RTX, Library, find_library
from spikerain_edge.parts import NeuronLayer
from spikerain_edge.spec import ModelSpec, Precision
from spikerain_export.artefact import seal
from spikerain_export.tensorrt import BuildSettings

LAYER = "layer"
FIXED = Profile.fixed_at((16, 24))


def real_library() -> Library:
    """Returns NVIDIA's builder, which needs no GPU; skips the test if it is not installed."""
    try:
        return find_library(TENSORRT_RTX)
    except InputError as error:
        pytest.skip(f"no engine can be built: {error}")


def settings(*profiles: Profile, **changed: Any) -> BuildSettings:
    """Settings of a build ahead of time, for one fixed size unless told otherwise."""
    return BuildSettings(profiles or (FIXED,), **{"capability": "8.6", **changed})


def small_spec(precision: Precision, full_precision: tuple[str, ...] = ()) -> ModelSpec:
    """The description of the graph that `small_graph` makes."""
    return ModelSpec(
        name="small",
        variant="small",
        timesteps=1,
        stride=8,
        precision=precision,
        parameters=81,
        tau=2.0,
        threshold=0.15,
        neurons=(NeuronLayer("neuron", 3, 1, ("neuron/spikes/0",)),),
        operations=(operation(LAYER, 81.0, 0, ("neuron",)),),
        pools=(),
        weights_sha256="0" * 64,
        probe=False,
        full_precision=full_precision,
    )


def small_graph(
    kind: Precision,
    *,
    spec: ModelSpec | None = None,
    quantised: Sequence[str] = ("spikes", "weight"),
    layer: str = LAYER,
    shift: str = "Round",
) -> tuple[bytes, ModelSpec]:
    """Makes an ONNX file whose output has the shape of its input, and its description.

    Args:
        kind: actual precision of the graph.
        spec: description to store; by default the correct one.
        quantised: which inputs are quantised in an `int8` graph.
        layer: name of the convolution.
        shift: operator after the convolution.
    """
    half = kind == "fp16"
    weight = np.eye(3, dtype=np.float32)[:, :, None, None] * np.ones((1, 1, 3, 3), np.float32)
    constants: dict[str, npt.NDArray[np.generic]] = {
        "level": np.asarray(100, np.float32),
        "low": np.asarray(0, np.float32),
        "high": np.asarray(255, np.float32),
        "weight": weight.astype(np.float16 if half else np.float32),
        "one": np.asarray(1, np.float32),
        "zero": np.asarray(0, np.int8),
        "bytes": weight.astype(np.int8),
        "steps": np.ones(3, np.float32),
        "zeros": np.zeros(3, np.int8),
    }
    to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    source, kernel = "neuron/spikes/0", "weight"
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], name="pixels", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], name="planes", perm=[0, 3, 1, 2]),
        helper.make_node("LessOrEqual", ["planes", "level"], ["fired"], name="fired"),
        helper.make_node("Cast", ["fired"], [source], name=source, to=to),
    ]
    if kind == "int8" and "spikes" in quantised:
        pair = ("QuantizeLinear", source, "levels"), ("DequantizeLinear", "levels", "exact")
        for operator, read, made in pair:
            nodes.append(helper.make_node(operator, [read, "one", "zero"], [made], name=made))
        source = "exact"
    if kind == "int8" and "weight" in quantised:
        read = ["bytes", "steps", "zeros"]
        nodes.append(helper.make_node("DequantizeLinear", read, ["kernel"], name="kernel", axis=0))
        kernel = "kernel"
    name = f"{layer}/0"
    nodes += [
        helper.make_node("Conv", [source, kernel], [name], name=name, pads=[1] * 4),
        helper.make_node("Cast", [name], ["full"], name="full", to=TensorProto.FLOAT),
        helper.make_node(shift, ["full"], ["whole"], name="whole"),
        helper.make_node("Clip", ["whole", "low", "high"], ["clipped"], name="clipped"),
        helper.make_node("Transpose", ["clipped"], ["last"], name="last", perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["last"], ["derained"], name="derained", to=TensorProto.UINT8),
    ]
    shape: list[int | str] = [1, "height", "width", 3]
    read_by_any = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("derained", TensorProto.UINT8, shape)],
        [
            numpy_helper.from_array(value, name)
            for name, value in constants.items()
            if name in read_by_any
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return seal(model, spec or small_spec(kind))


def reopened(content: bytes) -> onnx.ModelProto:
    """The graph of an ONNX file, without its description."""
    model = onnx.load_model_from_string(content)
    del model.metadata_props[:]
    return model
