"""Batches and engines are compared with the verified graph."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import onnx
import pytest
from export_parts import scenes
from onnx import helper, numpy_helper

from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import EngineHeader, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.engine import Closing
from spikerain_edge.spec import ModelSpec
from spikerain_export import agreement
from spikerain_export.agreement import prove_engine, require_same_at_its_shape, slots
from spikerain_export.artefact import seal
from spikerain_export.conversion import Artefact, Request, convert
from spikerain_export.origin import Graph, Origin, open_origin

FIXED = Profile.fixed_at((48, 64))


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture(scope="module")
def free(origin: Origin) -> Artefact:
    return convert(origin, Request())


def swapped(graph: Graph) -> Artefact:
    """The graph of a batch with its images in reverse order."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    spec, order = graph.spec, np.arange(graph.spec.batch)[::-1].copy()
    model.graph.initializer.append(numpy_helper.from_array(order, "order"))
    (last,) = (node for node in model.graph.node if spec.image_output in node.output)
    last.output[0] = "before"
    turned = helper.make_node("Gather", ["before", "order"], [spec.image_output], axis=0)
    model.graph.node.append(turned)
    content, sealed = seal(model, spec)
    return Artefact(content, None, Graph(model, sealed))


@pytest.mark.slow
def test_swapped_images_of_a_batch_are_noticed(origin: Origin, free: Artefact) -> None:
    fixed = convert(origin, Request(batch=3))
    require_same_at_its_shape(free, fixed, scenes())
    with pytest.raises(ModelError, match=r"fixed shape .* different pictures"):
        require_same_at_its_shape(free, swapped(fixed.graph), scenes())


def test_all_images_of_a_test_batch_differ() -> None:
    images = [scene.rainy for scene in slots(scenes()[0], 5)]
    assert len(images) == 5
    assert all((one != two).any() for one, two in combinations(images, 2))


class StandIn(Closing):
    """An engine that calls a function instead of a GPU."""

    def __init__(self, file: EngineFile, infer: Callable[[Image], Image]) -> None:
        self.spec = file.header.spec
        self._infer = infer

    def infer(self, images: Image, previous: Image | None = None) -> Image:
        return np.stack([self._infer(image) for image in images])

    def close(self) -> None:
        pass


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Image], Image]], None]:
    """Replaces TensorRT engines by a function."""

    def run(infer: Callable[[Image], Image]) -> None:
        monkeypatch.setattr(agreement, "open_cuda", lambda device: None)
        monkeypatch.setattr(agreement, "TensorRTEngine", lambda file, cuda: StandIn(file, infer))

    return run


def engine(spec: ModelSpec, *profiles: Profile) -> EngineFile:
    header = EngineHeader(spec, "TensorRT", "10.3.0", "Orin", "8.7", profiles, "0" * 64)
    return EngineFile.seal(header, b"plan")


def test_an_engine_must_reach_its_gate_on_a_scene_of_its_size(
    free: Artefact, runs: Callable[[Callable[[Image], Image]], None]
) -> None:
    shapes: list[tuple[int, ...]] = []
    with Derainer.from_bytes(free.content) as derainer:

        def noted(image: Image) -> Image:
            shapes.append(image.shape)
            return derainer(image)

        file = engine(free.graph.spec, FIXED)
        runs(noted)
        assert prove_engine(file, derainer, scenes()) == float("inf")
        assert shapes == [(48, 64, 3)]
        runs(lambda image: 255 - derainer(image))
        with pytest.raises(
            ModelError, match=r"the fp32 engine agrees .*at least 40 dB are required"
        ):
            prove_engine(file, derainer, scenes())
        assert prove_engine(file, derainer, scenes(), held=False) < 40
        with pytest.raises(InputError, match="no image has this size"):
            prove_engine(engine(free.graph.spec, Profile.fixed_at((32, 32))), derainer, scenes())
