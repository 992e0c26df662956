"""A video model written by hand: every pixel is the darker one of the frame and the one before."""

from __future__ import annotations

import onnx
from descriptions import operation
from onnx import TensorProto, helper

from spikerain_edge.parts import NeuronLayer
from spikerain_edge.spec import ModelSpec

INPUTS = ("image", "previous")


def video_file(*, probe: bool = False, name: str = "darker") -> bytes:
    """Returns the ONNX file; the firing rate of its probe graph is the share of brighter values."""
    frame = [1, "height", "width", 3]

    def bytes_of(tensor: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(tensor, TensorProto.UINT8, frame)

    nodes = [
        helper.make_node("Cast", [name], [f"{name}/float"], to=TensorProto.FLOAT) for name in INPUTS
    ]
    nodes += [
        helper.make_node("Min", [f"{name}/float" for name in INPUTS], ["darker"]),
        helper.make_node("Cast", ["darker"], ["derained"], to=TensorProto.UINT8),
    ]
    outputs = [bytes_of("derained")]
    if probe:
        nodes += _counts()
        outputs.append(helper.make_tensor_value_info("firing_rates", TensorProto.FLOAT, [1, 1]))
        outputs.append(helper.make_tensor_value_info("silent_channels", TensorProto.FLOAT, [1]))
    graph = helper.make_graph(nodes, "darker", list(map(bytes_of, INPUTS)), outputs)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    return bytes(content + video_spec(probe=probe, name=name).sealed(content).to_metadata())


def video_spec(*, probe: bool = False, name: str = "darker") -> ModelSpec:
    """Returns the description, not yet sealed."""
    return ModelSpec(
        name=name,
        variant="darker",
        timesteps=1,
        stride=8,
        precision="fp32",
        parameters=0,
        tau=2.0,
        threshold=0.15,
        neurons=(NeuronLayer("brighter", 3, 1, ("brighter/spikes",)),),
        operations=(operation("compare", 3.0),),
        pools=(),
        weights_sha256="0" * 64,
        probe=probe,
        previous_input=INPUTS[1],
    )


def _counts() -> list[onnx.NodeProto]:
    """Counts the brighter values as spikes; no channel counts as silent."""
    spikes = "brighter/spikes"
    return [
        helper.make_node("Greater", [f"{name}/float" for name in INPUTS], ["brighter"]),
        helper.make_node("Cast", ["brighter"], [spikes], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", [spikes], ["rate"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["rate", "rate"], ["silent_channels"]),
        helper.make_node("ReduceMean", [spikes], ["rates"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["rates"], ["firing_rates"], axes=[1], keepdims=1),
    ]
