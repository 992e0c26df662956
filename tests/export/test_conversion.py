from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_parts import checkpoint, rainy_scenes
from precision_parts import photograph

from spikerain_edge import InputError, ModelError
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_export.conversion import Request, convert, rewrite
from spikerain_export.opset import at_opset
from spikerain_export.origin import Origin, open_origin
from spikerain_export.precision import Int8Target
from spikerain_export.precision.graph import opset_of
from spikerain_training.network import SpikeRain


@pytest.fixture(scope="module")
def folder(published: SpikeRain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(published, tmp_path_factory.mktemp("published") / "checkpoint")


@pytest.fixture(scope="module")
def origin(folder: Path) -> Origin:
    return open_origin(str(folder), name="small")


def made(origin: Origin, **request: Any) -> OnnxRuntimeEngine:
    artefact = convert(origin, Request(**request), rainy_scenes())
    return OnnxRuntimeEngine(artefact.content, "the export")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["tensorrt", "openvino"])
def test_scenes_choose_how_weights_are_rounded_only_of_trained_models(
    origin: Origin, target: Int8Target
) -> None:
    request = Request("int8", target)
    nearest = rewrite(origin, request).graph.model
    assert rewrite(origin, request, rainy_scenes()).graph.model != nearest
    untrained = replace(origin, trained=False)
    assert rewrite(untrained, request, rainy_scenes()).graph.model == nearest


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("opset", [18, 21])
def test_every_operator_set_produces_the_same_picture(
    origin: Origin, folder: Path, precision: str, opset: int
) -> None:
    image = photograph(48, 64)[None]
    newer = convert(
        open_origin(str(folder), name="small", opset=opset),
        Request(precision),  # type: ignore[arg-type]
        rainy_scenes(),
    )
    assert newer.probe is not None
    for content in (newer.content, newer.probe):
        model = onnx.load_model_from_string(content)
        assert opset_of(model) == opset
        onnx.checker.check_model(model, full_check=True)
    with (
        made(origin, precision=precision) as expected,
        OnnxRuntimeEngine(newer.content, "the export") as engine,
        OnnxRuntimeEngine(newer.probe, "the probe graph") as prober,
    ):
        np.testing.assert_array_equal(engine.infer(image), expected.infer(image))
        np.testing.assert_array_equal(prober.infer(image), expected.infer(image))
        assert 0 <= prober.activity(image).rates.min() <= prober.activity(image).rates.max() <= 1


@pytest.mark.parametrize("opset", [16, 22])
def test_unknown_operator_sets_are_rejected(origin: Origin, opset: int) -> None:
    with pytest.raises(ValueError, match=f"to {opset}"):
        at_opset(origin.graph.model, opset)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_graph_of_fixed_size_only_takes_that_size(origin: Origin, precision: str) -> None:
    image = photograph(48, 64)
    with (
        made(origin, precision=precision) as free,
        made(origin, precision=precision, size=(48, 64)) as engine,
    ):
        assert (engine.spec.height, engine.spec.width, engine.spec.batch) == (48, 64, 1)
        np.testing.assert_array_equal(engine.infer(image[None]), free.infer(image[None]))
        with pytest.raises(InputError) as raised:
            engine.infer(photograph(64, 48)[None])
    assert "small takes images of 64x48 only, not 48x64" in str(raised.value)
    assert "--imgsz 64x48" in str(raised.value)


def test_an_image_that_can_be_padded_to_the_fixed_size_is_accepted(origin: Origin) -> None:
    content = convert(origin, Request(size=(48, 64))).content
    with Derainer.from_bytes(content) as derainer:
        assert derainer(photograph(47, 63)).shape == (47, 63, 3)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_graph_for_two_images_derains_each_like_a_single_image(
    origin: Origin, precision: str
) -> None:
    first, second = photograph(48, 64), photograph(64, 48).transpose(1, 0, 2)
    both = np.ascontiguousarray(np.stack([first, second]))
    with (
        made(origin, precision=precision) as one,
        made(origin, precision=precision, batch=2) as two,
    ):
        assert two.spec.batch == 2
        derained = two.infer(both)
        for image, result in zip(both, derained, strict=True):
            # The runtime may sum in another order, which can flip a spike at the threshold.
            difference = one.infer(image[None])[0].astype(int) - result
            assert (difference != 0).mean() < 1e-3
        with pytest.raises(InputError, match=r"expected uint8 \(2, H, W, 3\)"):
            two.infer(first[None])


def test_a_derainer_rejects_a_graph_for_two_images_when_loading_it(
    origin: Origin, tmp_path: Path
) -> None:
    path = tmp_path / "two.onnx"
    path.write_bytes(convert(origin, Request(batch=2)).content)
    with pytest.raises(ModelError, match="takes 2 images per call") as raised:
        Derainer.load(str(path))
    assert "spikerain-edge export small --batch 1" in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("target", ["onnxruntime", "tensorrt"])
def test_a_converted_graph_names_its_fp32_file(origin: Origin, precision: Any, target: Any) -> None:
    full = convert(origin, Request())
    artefact = convert(origin, Request(precision, target), rainy_scenes())
    assert full.graph.spec.source_sha256 == ""
    assert artefact.graph.spec.source_sha256 == origin.sha256
    assert artefact.graph.spec.precision == precision
    assert artefact.graph.spec.seals(artefact.content)


@pytest.mark.slow
def test_the_probe_graph_is_converted_like_the_graph(origin: Origin) -> None:
    artefact = convert(origin, Request("int8", size=(48, 64)), rainy_scenes())
    image = photograph(48, 64)
    with Derainer.from_bytes(artefact.content, probe=artefact.probe) as derainer:
        derained, rates = derainer.derain_and_probe(image)
        np.testing.assert_array_equal(derained, derainer(image))
    assert rates.shape == (len(artefact.graph.spec.neurons), 3)


def remade(origin: Origin, **request: Any) -> Origin:
    """An exported graph as the origin of another export."""
    return replace(origin, graph=convert(origin, Request(**request), rainy_scenes()).graph)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"precision": "int8"}, {"precision": "fp16"}, "is already int8"),
        ({"precision": "int8"}, {}, "is already int8"),
        ({"precision": "fp16"}, {"precision": "fp16"}, "is already fp16"),
        ({"size": (48, 64)}, {"size": (64, 64)}, "only takes 1 images of 64x48"),
        ({"size": (48, 64)}, {"precision": "int8"}, "only takes 1 images of 64x48"),
        ({"batch": 2}, {"batch": 3}, "only takes 2 images of any size"),
        (
            {},
            {"size": (50, 64)},
            "cannot take images of 64x50; use multiples of 4: --imgsz 64x52",
        ),
        ({}, {"size": (0, 64)}, "cannot take images of 64x0"),
    ],
)
def test_impossible_conversions_are_rejected(
    origin: Origin, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        convert(remade(origin, **first), Request(**second), rainy_scenes())
    assert said in str(raised.value)


def test_a_probe_graph_cannot_be_exported_alone(origin: Origin) -> None:
    assert origin.probe is not None
    with pytest.raises(InputError, match="spikerain-edge export MODEL"):
        convert(replace(origin, graph=origin.probe, probe=None), Request())


@pytest.mark.slow
def test_other_precisions_need_a_graph_of_operator_set_17(folder: Path) -> None:
    newer = open_origin(str(folder), opset=19)
    written = replace(newer, graph=convert(newer, Request()).graph)
    written = replace(written, graph=replace(written.graph, model=at_opset(newer.graph.model, 19)))
    with pytest.raises(InputError, match="set 19; int8 is made from operator set 17"):
        convert(written, Request("int8"), rainy_scenes())


def test_int8_for_onnx_runtime_needs_images(origin: Origin) -> None:
    with pytest.raises(InputError, match="--data"):
        convert(origin, Request("int8"))
