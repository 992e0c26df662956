"""Unrolls networks to FP32 graphs, runs and edits graphs, and lists their tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from skimage import data

from spikerain_edge.models import find_model
from spikerain_edge.spec import METADATA_KEY, ModelSpec
from spikerain_export.precision import with_constants
from spikerain_export.unroll import unroll
from spikerain_training.network import SpikeRain

Described = tuple[onnx.ModelProto, ModelSpec]
Array = npt.NDArray[np.generic]
STEP = 2.0**-9


def photograph(height: int = 64, width: int = 80) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(data.astronaut()[40 : 40 + height, 80 : 80 + width, ::-1])


def described(network: SpikeRain, *, probe: bool = False) -> Described:
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return unroll(network.config, weights, name="test", probe=probe)


def shipped() -> Described:
    model = onnx.load_from_string(find_model("nano").graph.read())
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return model, ModelSpec.from_json(metadata[METADATA_KEY])


def run(
    model: onnx.ModelProto, outputs: Sequence[str], image: npt.NDArray[np.uint8] | None = None
) -> list[Array]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    fed = photograph() if image is None else image
    results: list[Array] = session.run(list(outputs), {"image": fed[None]})
    return results


def types(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every tensor that ONNX can infer, including constants."""
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    found = {value.name: value.type.tensor_type.elem_type for value in values}
    return found | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def tapped(model: onnx.ModelProto, tensors: Sequence[str], kind: int) -> onnx.ModelProto:
    """The model with some of its tensors as outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name in tensors)
    return copy


def constants(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def with_unknown_operator(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with an operator before its output that cannot be converted."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    (clip,) = (node for node in copy.graph.node if node.op_type == "Clip")
    place = list(copy.graph.node).index(clip)
    copy.graph.node.insert(place, helper.make_node("Erf", [clip.input[0]], ["odd"], name="odd"))
    clip.input[0] = "odd"
    return copy


def names_of_spikes(spec: ModelSpec) -> list[str]:
    return [name for layer in spec.neurons for name in layer.spikes]


def representable(model: onnx.ModelProto, spec: ModelSpec) -> onnx.ModelProto:
    """The graph with spiking weights and biases that are exact in INT8.

    They are integers times a power of two; every output channel has a weight of 127.
    """
    values, changed = constants(model), {}
    for operation in spec.operations:
        if not operation.spiking:
            continue
        weight = np.asarray(values[f"{operation.name}/weight"], np.float32)
        whole = np.clip(np.rint(weight / STEP), -127, 127)
        whole[:, 0, 0, 0] = 127
        if ".units." in operation.name:
            whole[:, -1, 0, 0] = 127
        changed[f"{operation.name}/weight"] = (whole * STEP).astype(np.float32)
        bias = values.get(f"{operation.name}/bias")
        if bias is not None:
            rounded = np.rint(np.asarray(bias, np.float32) / STEP) * STEP
            changed[f"{operation.name}/bias"] = rounded.astype(np.float32)
    return with_constants(model, changed)
