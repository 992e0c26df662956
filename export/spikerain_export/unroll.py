"""Unrolls a SpikeRain network over its T timesteps into one graph of plain operators."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper

from spikerain_edge.parts import NeuronLayer
from spikerain_edge.spec import ModelSpec
from spikerain_export.attention import enhance
from spikerain_export.blocks import dense_block, fuse, merge, up
from spikerain_export.builder import GraphBuilder, image_value
from spikerain_export.counting import counted
from spikerain_export.fold import Weights, embedding_for_bytes, output_for_bytes
from spikerain_export.layers import Feature, LayerEmitter
from spikerain_export.opset import OPSET
from spikerain_training.config import NetworkConfig

IMAGE, PREVIOUS, DERAINED = "image", "previous", "derained"
RATES, SILENT = "firing_rates", "silent_channels"


def unroll(
    config: NetworkConfig, weights: Weights, *, name: str, probe: bool = False
) -> tuple[onnx.ModelProto, ModelSpec]:
    """Unrolls a network into one stateless graph with its description.

    Batch norm is folded, each feature is turned into spikes once, the patch embedding runs once,
    and the graph itself converts between bytes and the network's numbers.

    Args:
        config: shape of the network.
        weights: its tensors by `state_dict` name.
        name: name of the model.
        probe: whether to add the outputs `firing_rates`, float32 (layers, T), and
            `silent_channels`, float32 (layers,).

    Returns:
        The model, input `image` and output `derained` both uint8 (1, height, width, 3) BGR with
        free height and width (multiples of the stride), and the ModelSpec, not yet sealed. A
        network of two frames has a second input `previous`, like `image`.

    Raises:
        KeyError: a tensor is missing from `weights`.
    """
    graph = GraphBuilder()
    emitter = LayerEmitter(graph, config, weights)
    pixels = graph.node("Cast", [IMAGE], "pixels", to=TensorProto.FLOAT)
    planes = graph.node("Transpose", [pixels], "planes", perm=[0, 3, 1, 2])
    change = _change(graph, pixels) if config.frames == 2 else None
    made = _network(emitter, planes, change)
    residual = graph.node("Transpose", [made], "residual", perm=[0, 2, 3, 1])
    derained = graph.node("Round", [graph.node("Add", [pixels, residual], "sum")], "rounded")
    limits = [graph.scalar(0.0), graph.scalar(255.0)]
    clipped = graph.node("Clip", [derained, *limits], "clipped")
    graph.node("Cast", [clipped], DERAINED, to=TensorProto.UINT8)
    outputs = [image_value(DERAINED)]
    if probe:
        shape = [len(emitter.neurons), config.timesteps]
        _firing_rates(graph, emitter.neurons, shape)
        _silent_channels(graph, emitter.neurons)
        outputs.append(helper.make_tensor_value_info(RATES, TensorProto.FLOAT, shape))
        outputs.append(helper.make_tensor_value_info(SILENT, TensorProto.FLOAT, shape[:1]))
    names = [IMAGE] if change is None else [IMAGE, PREVIOUS]
    inputs = [image_value(name) for name in names]
    model = graph.model(f"spikerain-{config.variant}", inputs, outputs, OPSET)
    spec = ModelSpec(
        name=name,
        variant=config.variant,
        timesteps=config.timesteps,
        stride=config.stride,
        precision="fp32",
        parameters=_parameters(weights),
        tau=config.tau,
        threshold=config.threshold,
        neurons=tuple(emitter.neurons),
        operations=(),
        pools=(),
        weights_sha256=weights_digest(weights),
        probe=probe,
        image_input=IMAGE,
        previous_input=None if change is None else PREVIOUS,
        image_output=DERAINED,
        rates_output=RATES,
        silent_output=SILENT,
    )
    return model, counted(model, spec)


def weights_digest(weights: Weights) -> str:
    """Returns the SHA-256 of the names, shapes and values of all tensors.

    It does not depend on the file that they are stored in.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = np.ascontiguousarray(weights[name])
        digest.update(f"{name}{tensor.shape}{tensor.dtype}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _change(graph: GraphBuilder, pixels: str) -> str:
    """Emits how the image differs from the previous frame, BGR planes (1, 3, H, W)."""
    before = graph.node("Cast", [PREVIOUS], "previous_pixels", to=TensorProto.FLOAT)
    change = graph.node("Sub", [pixels, before], "changed_pixels")
    return graph.node("Transpose", [change], "change", perm=[0, 3, 1, 2])


def _network(emit: LayerEmitter, planes: str, change: str | None) -> str:
    """Emits the network from BGR planes (1, 3, H, W) in 0..255 to the residual to add to them.

    Args:
        emit: emits its layers.
        planes: the image.
        change: how it differs from the previous frame, if the network reads that.
    """
    config, graph = emit.config, emit.graph
    shuffle, area = config.shuffle, config.shuffle**2

    if change is not None:
        planes = graph.node("Concat", [planes, change], "seen", axis=1)
    kernel = embedding_for_bytes(emit.weights["embed.weight"], shuffle)
    embedded = graph.convolution(
        planes, "embed/0", "embed", kernel, stride=shuffle, padding=shuffle
    )
    fine = Feature((embedded,) * config.timesteps, config.width, area)
    fine = _blocks(emit, "encoder1", config.encoder[0], fine)
    middle = emit.normed("down1.convolve", emit.fire("down1.neuron", fine), stride=2)
    middle = _blocks(emit, "encoder2", config.encoder[1], middle)
    coarse = emit.normed("down2.convolve", emit.fire("down2.neuron", middle), stride=2)
    coarse = _blocks(emit, "encoder3", config.encoder[2], coarse)
    coarse = _blocks(emit, "decoder3", config.decoder[2], coarse)
    middle = merge(emit, "merge2", up(emit, "up2", coarse), middle)
    middle = _blocks(emit, "decoder2", config.decoder[1], middle)
    decoded = up(emit, "up1", middle)
    if config.merge_finest:
        fine = merge(emit, "merge1", decoded, fine)
    else:
        fine = emit.join("skip1", decoded, fine)
    fine = _blocks(emit, "decoder1", config.decoder[0], fine)

    fused = fuse(emit, fine)
    enhanced = enhance(emit, fused) if config.gates else fused
    weight, bias = output_for_bytes(
        emit.weights["output.weight"], emit.weights["output.bias"], shuffle
    )
    output = graph.convolution(enhanced, "output/0", "output", weight, bias)
    if shuffle > 1:
        output = graph.node("DepthToSpace", [output], "shuffled", blocksize=shuffle, mode="CRD")
    return output if change is None else _without_change(graph, output, change)


def _without_change(graph: GraphBuilder, output: str, change: str) -> str:
    """Emits the residual of a network that takes a share of the previous frame at every pixel.

    `image + residual - share * change` is `residual` on the share of the image and of the previous
    frame.

    Args:
        graph: builder that receives the nodes.
        output: residual and logit of the share, (1, 4, H, W).
        change: difference to the previous frame, (1, 3, H, W).
    """
    added, logit = graph.split(output, ["added", "logit"], [3, 1])
    share = graph.node("Sigmoid", [logit], "share")
    taken = graph.node("Mul", [share, change], "taken")
    return graph.node("Sub", [added, taken], "correction")


def _blocks(emit: LayerEmitter, name: str, count: int, feature: Feature) -> Feature:
    for index in range(count):
        feature = dense_block(emit, f"{name}.{index}", feature)
    return feature


def _firing_rates(graph: GraphBuilder, neurons: list[NeuronLayer], shape: list[int]) -> None:
    """Emits the mean of every spike tensor; sums of zeros and ones are exact in float32."""
    means = [
        graph.node("ReduceMean", [spikes], f"{spikes}/rate", keepdims=0)
        for layer in neurons
        for spikes in layer.spikes
    ]
    axis = graph.constant("rates/axis", np.array([0], np.int64))
    rows = [graph.node("Unsqueeze", [mean, axis], f"{mean}/row") for mean in means]
    line = graph.node("Concat", rows, "rates/line", axis=0)
    target = graph.constant("rates/shape", np.array(shape, np.int64))
    graph.node("Reshape", [line, target], RATES)


def _silent_channels(graph: GraphBuilder, neurons: list[NeuronLayer]) -> None:
    """Emits, per layer, the share of channels in which no neuron fires at any timestep."""
    axis, one = graph.constant("rates/axis", np.array([0], np.int64)), graph.scalar(1.0)
    rows = []
    for layer in neurons:
        peaks = [
            graph.node("ReduceMax", [spikes], f"{spikes}/peak", axes=[2, 3], keepdims=0)
            for spikes in layer.spikes
        ]
        ever = graph.node("Max", peaks, f"{layer.name}/ever")
        active = graph.node("ReduceMean", [ever], f"{layer.name}/active", keepdims=0)
        silent = graph.node("Sub", [one, active], f"{layer.name}/silent")
        rows.append(graph.node("Unsqueeze", [silent, axis], f"{layer.name}/silent/row"))
    graph.node("Concat", rows, SILENT, axis=0)


def _parameters(weights: Weights) -> int:
    """Counts the trainable values: all but the running statistics of batch norm."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(tensor.size for name, tensor in weights.items() if not name.endswith(statistics))
