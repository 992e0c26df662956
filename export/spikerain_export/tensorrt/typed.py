"""Checks that TensorRT runs an engine in the requested precision.

Networks are strongly typed: TensorRT uses exactly the types of the ONNX graph. So the types of the
parsed network are those that will run. On its GPU, a finished engine can be inspected as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import ModelSpec

_REMEDY = (
    "export it again from the FP32 model, for example: spikerain-edge export nano --format engine"
)
# Spellings of types in layer information, which differ between versions of TensorRT.
_SPELLINGS = {"int8": r"\bint8\b", "fp16": r"\b(fp16|half)\b", "fp32": r"\b(fp32|float)\b"}


@dataclass(frozen=True)
class Convolution:
    """A convolution of a parsed network.

    Attributes:
        name: its name in the ONNX graph.
        source: type of its input.
        result: type of its output.
        coded: types of input and weights before the dequantisation just before it; empty if there
            is none.
    """

    name: str
    source: str
    result: str
    coded: tuple[str, ...]

    def __str__(self) -> str:
        return f"the convolution {self.name} reads {self.source} and returns {self.result}"


def check_types(network: Any, module: Any, spec: ModelSpec) -> None:
    """Checks that a parsed network has the precision of its description.

    `fp32`: every convolution reads and returns FLOAT. `fp16`: every convolution reads and returns
    HALF, except layers that the description lists as full precision. `int8`: every spiking
    convolution reads dequantised INT8 spikes and weights.

    Args:
        network: TensorRT's `INetworkDefinition`.
        module: TensorRT's Python module.
        spec: the description of the graph.

    Raises:
        ModelError: a convolution is missing or has another precision; the message names the first.
    """
    found = list(convolutions(network, module))
    named = {_operation(each.name) for each in found}
    missing = [each.name for each in spec.operations if each.spiking and each.name not in named]
    if missing:
        raise ModelError(
            f"the graph lacks the convolution {missing[0]}, which its description lists", _REMEDY
        )
    wrong = next((each for each in found if not _delivered(each, spec)), None)
    if wrong is not None:
        raise ModelError(f"{wrong}, but {spec.precision} was requested", _REMEDY)
    if spec.precision == "fp16" and not any(each.source == "HALF" for each in found):
        raise ModelError("no convolution runs in half precision, but fp16 was requested", _REMEDY)


def convolutions(network: Any, module: Any) -> Iterator[Convolution]:
    """Yields every convolution of a parsed network."""
    layers = [network.get_layer(number) for number in range(network.num_layers)]
    made_by = {
        layer.get_output(number).name: layer
        for layer in layers
        for number in range(layer.num_outputs)
    }
    for layer in layers:
        if layer.type != module.LayerType.CONVOLUTION:
            continue
        read = [layer.get_input(number) for number in range(layer.num_inputs)]
        makers = [made_by.get(tensor.name) for tensor in read[:2] if tensor is not None]
        coded = tuple(
            maker.get_input(0).dtype.name
            for maker in makers
            if maker is not None and maker.type == module.LayerType.DEQUANTIZE
        )
        yield Convolution(layer.name, read[0].dtype.name, layer.get_output(0).dtype.name, coded)


def check_layers(layers: Sequence[Any], spec: ModelSpec) -> bool:
    """Compares a finished engine's layer information with its description.

    Args:
        layers: the list `Layers` in the JSON of `EngineInspector` at detailed verbosity.
        spec: the description of the engine.

    Returns:
        Whether the information confirms the precision of every spiking convolution. False if
        fused layers have lost their names, so that some are unknown.

    Raises:
        ModelError: the information contradicts the description.
    """
    confirmed = True
    for operation in spec.operations:
        if not operation.spiking or operation.name in spec.full_precision:
            continue
        types = [_types(layer) for layer in layers if _concerns(layer, operation.name)]
        if any(each and spec.precision not in each for each in types) and not any(
            spec.precision in each for each in types
        ):
            raise ModelError(
                f"the engine runs {operation.name} in {', '.join(sorted(set().union(*types)))}, "
                f"but {spec.precision} was requested",
                "build another precision, and report this with your version of TensorRT",
            )
        confirmed = confirmed and any(spec.precision in each for each in types)
    return confirmed


def inspect_layers(engine: Any, module: Any) -> list[Any]:
    """Returns the layer information of a deserialised engine; needs a GPU."""
    inspector = engine.create_engine_inspector()
    text = inspector.get_engine_information(module.LayerInformationFormat.JSON)
    layers: list[Any] = json.loads(text).get("Layers", [])
    return layers


def _delivered(found: Convolution, spec: ModelSpec) -> bool:
    operation = _operation(found.name)
    if spec.precision == "int8":
        spiking = {each.name for each in spec.operations if each.spiking}
        return operation not in spiking or found.coded == ("INT8", "INT8")
    kept = {found.name, operation} & set(spec.full_precision)
    wanted = "HALF" if spec.precision == "fp16" and not kept else "FLOAT"
    return (found.source, found.result) == (wanted, wanted)


def _operation(layer: str) -> str:
    """Returns the operation that a node belongs to: its name without the timestep."""
    return layer.rpartition("/")[0]


def _concerns(layer: Any, operation: str) -> bool:
    """Whether an engine's layer runs the convolutions of an operation, by its name or metadata."""
    if not isinstance(layer, dict):
        return False
    text = f"{layer.get('Name', '')} {layer.get('Metadata', '')}"
    weighted = re.search(r"conv|gemm|mma", f"{layer.get('LayerType')} {layer.get('Name')}", re.I)
    return bool(weighted) and bool(re.search(rf"(^|[\s:+]){re.escape(operation)}/\w+", text))


def _types(layer: Any) -> set[str]:
    """Returns the types of the inputs of an engine's layer."""
    spelled = " ".join(
        str(tensor.get("Format/Datatype", tensor.get("Datatype", "")))
        for tensor in layer.get("Inputs", [])
    ).lower()
    return {name for name, pattern in _SPELLINGS.items() if re.search(pattern, spelled)}
