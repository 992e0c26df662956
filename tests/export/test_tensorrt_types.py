"""Engines have the requested precision or the build fails, checked with NVIDIA's parser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from descriptions import operation
from tensorrt_graphs import LAYER, small_graph, small_spec

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import ModelError
from spikerain_edge.inference.tensorrt_library import Library
from spikerain_edge.spec import ModelSpec, Precision
from spikerain_export.tensorrt.builder import BuildSettings, build_engine
from spikerain_export.tensorrt.typed import check_layers, convolutions

SETTINGS = BuildSettings((Profile.fixed_at((16, 16)),), capability="8.6")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def refusal(library: Library, content: bytes, spec: ModelSpec) -> str:
    with pytest.raises(ModelError) as raised:
        build_engine(content, spec, SETTINGS, library=library)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 4
    return str(raised.value)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_graph_in_the_precision_it_claims_is_built(
    library: Library, precision: Precision
) -> None:
    content, spec = small_graph(precision)
    assert build_engine(content, spec, SETTINGS, library=library).header.spec.precision == precision


@pytest.mark.parametrize(
    ("real", "claimed", "read"),
    [
        ("fp32", "fp16", "FLOAT"),
        ("fp32", "int8", "FLOAT"),
        ("fp16", "fp32", "HALF"),
        ("fp16", "int8", "HALF"),
    ],
)
def test_a_graph_in_another_precision_is_not_built(
    library: Library, real: Precision, claimed: Precision, read: str
) -> None:
    content, spec = small_graph(real, spec=small_spec(claimed))
    message = refusal(library, content, spec)
    assert f"the convolution {LAYER}/0 reads {read}" in message
    assert f"but {claimed} was requested; export it again from the FP32 model" in message


@pytest.mark.parametrize("quantised", [("spikes",), ("weight",)])
def test_int8_needs_both_spikes_and_weights_in_int8(
    library: Library, quantised: tuple[str, ...]
) -> None:
    content, spec = small_graph("int8", quantised=quantised)
    assert "but int8 was requested" in refusal(library, content, spec)


def test_only_layers_that_the_description_lists_may_stay_in_fp32(library: Library) -> None:
    nothing_half, spec = small_graph("fp32", spec=small_spec("fp16", (LAYER,)))
    message = refusal(library, nothing_half, spec)
    assert "no convolution runs in half precision" in message
    kept, spec = small_graph("fp16", spec=small_spec("fp16", (LAYER,)))
    assert "reads HALF" in refusal(library, kept, spec)


def test_a_missing_convolution_is_rejected(library: Library) -> None:
    content, spec = small_graph("int8", layer="renamed")
    message = refusal(library, content, spec)
    assert f"lacks the convolution {LAYER}, which its description lists" in message


def test_types_are_read_from_the_parsed_network(library: Library) -> None:
    module = library.module
    logger = module.Logger(module.Logger.ERROR)
    network = module.Builder(logger).create_network(0)
    parser = module.OnnxParser(network, logger)
    assert parser.parse(small_graph("int8")[0])
    (found,) = convolutions(network, module)
    assert (found.name, found.result, found.coded) == (f"{LAYER}/0", "FLOAT", ("INT8", "INT8"))


def engine_layer(kind: str, **changed: Any) -> dict[str, Any]:
    """A layer in the format of EngineInspector at detailed verbosity."""
    return {
        "Name": f"{LAYER}/0 + something",
        "LayerType": "CaskConvolution",
        "Inputs": [{"Name": "x", "Dimensions": [1, 3, 16, 16], "Format/Datatype": kind}],
        "Outputs": [{"Name": "y", "Format/Datatype": "Row major linear FP32"}],
        "Metadata": f"[ONNX Layer: {LAYER}/0]\x1e[ONNX Layer: something]",
        **changed,
    }


SPELLINGS = {
    "fp32": ("Row major linear FP32", "Float"),
    "fp16": ("Two wide channel vectorized row major FP16 format", "Half", "Row major linear FP16"),
    "int8": ("Thirty-two wide channel vectorized row major Int8 format", "Int8"),
}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layer_information_confirms_a_precision_in_any_spelling(precision: Precision) -> None:
    for spelling in SPELLINGS[precision]:
        assert check_layers([engine_layer(spelling)], small_spec(precision))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layer_information_that_contradicts_the_precision_is_rejected(precision: Precision) -> None:
    for other in set(PRECISIONS) - {precision}:
        for spelling in SPELLINGS[other]:
            with pytest.raises(ModelError, match=f"runs {LAYER} in {other}, but {precision} was"):
                check_layers([engine_layer(spelling)], small_spec(precision))


def test_a_fused_layer_is_recognised_by_its_metadata() -> None:
    fused = engine_layer("Int8", Name="__myl_Conv_0x1", LayerType="gemm")
    assert check_layers([fused], small_spec("int8"))


def test_unnamed_layers_do_not_confirm_the_precision() -> None:
    spec = small_spec("int8")
    assert not check_layers([], spec)
    assert not check_layers(["only a name"], spec)
    assert not check_layers([engine_layer("Int8", Name="__myl", Metadata="")], spec)
    # The name of another layer may begin with the same text.
    longer = engine_layer("Int8", Name=f"{LAYER}.2/0", Metadata=f"[ONNX Layer: {LAYER}.2/0]")
    assert not check_layers([longer], spec)
    second = replace(spec, operations=(*spec.operations, operation("more", 1.0, 0, ("neuron",))))
    assert not check_layers([engine_layer("Int8")], second)


def test_the_type_of_a_reformat_layer_is_ignored() -> None:
    reformat = engine_layer("Row major linear FP32", LayerType="Reformat", Name=f"to {LAYER}/0")
    assert check_layers([reformat, engine_layer("Int8")], small_spec("int8"))
