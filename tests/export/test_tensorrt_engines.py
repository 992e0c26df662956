"""Builds engines of every model in every precision with NVIDIA's own builder, without a GPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import onnx
import pytest
import torch
from tensorrt_graphs import reopened

from spikerain_edge.engine_file import EngineFile, parse_engine_file
from spikerain_edge.engine_header import Profile
from spikerain_edge.inference import OnnxRuntimeEngine
from spikerain_edge.inference.tensorrt_library import Library
from spikerain_edge.models import find_model
from spikerain_edge.spec import ModelSpec, Precision
from spikerain_export.artefact import seal
from spikerain_export.precision import to_half, to_int8
from spikerain_export.tensorrt import BuildSettings, build_engine
from spikerain_export.tensorrt.typed import Convolution, convolutions
from spikerain_export.unroll import unroll
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain

pytestmark = pytest.mark.slow

PROFILES = {
    "static": Profile.fixed_at((64, 64)),
    "dynamic": Profile((16, 16), (64, 64), (128, 128)),
}
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
SMALL = ("nano", "tiny", "nano-video")


@dataclass(frozen=True)
class Graph:
    """An ONNX file and its description."""

    content: bytes
    spec: ModelSpec


def model(name: str) -> tuple[onnx.ModelProto, ModelSpec]:
    """The shipped `nano`, and untrained variants: types and shapes do not depend on weights."""
    if name == "nano":
        content = find_model(name).graph.read()
        with OnnxRuntimeEngine(content, name, threads=1) as engine:
            return reopened(content), engine.spec
    torch.manual_seed(0)
    network = SpikeRain(variants()[name]).eval()
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    return unroll(network.config, weights, name=name)


@pytest.fixture(scope="module")
def graph(request: pytest.FixtureRequest) -> Graph:
    """The file of a model in a precision, which the parameter names."""
    precision, name = request.param
    fp32 = model(name)
    made = {
        "fp32": lambda: fp32,
        "fp16": lambda: to_half(*fp32),
        "int8": lambda: to_int8(*fp32, "tensorrt"),
    }[precision]()
    return Graph(*seal(*made))


def of_graphs(*pairs: tuple[str, str]) -> pytest.MarkDecorator:
    """Runs a test once for every precision and model that is given."""
    return pytest.mark.parametrize("graph", pairs, indirect=True, ids="-".join)


# An engine of `s` takes a minute: it is built once, and parsed in every precision.
@of_graphs(*product(PRECISIONS, SMALL), ("int8", "s"))
def test_every_model_can_be_built_in_every_precision(library: Library, graph: Graph) -> None:
    def build(profile: Profile) -> EngineFile:
        settings = BuildSettings((profile,), capability="8.6")
        return build_engine(graph.content, graph.spec, settings, library=library)

    # The builder releases Python's lock, so that two threads build in parallel.
    with ThreadPoolExecutor() as pool:
        files = dict(zip(PROFILES, pool.map(build, PROFILES.values()), strict=True))
    for shapes, file in files.items():
        found = parse_engine_file(file.to_bytes(), "x").header
        assert found.profiles == (PROFILES[shapes],)
        assert found.spec.precision == graph.spec.precision
        assert found.spec.height == (64 if shapes == "static" else 0)
        assert len(file.plan) > 1_000_000
        assert file.plan[:4] == b"vtrt"
    assert files["static"].plan != files["dynamic"].plan


@of_graphs(*product(PRECISIONS, (*SMALL, "s")))
def test_convolutions_of_the_parsed_network_have_the_requested_types(
    library: Library, graph: Graph
) -> None:
    module, spec = library.module, graph.spec
    logger = module.Logger(module.Logger.ERROR)
    network = module.Builder(logger).create_network(0)
    parser = module.OnnxParser(network, logger)
    assert parser.parse(graph.content)
    assert network.get_input(0).dtype == network.get_output(0).dtype == module.DataType.UINT8
    spiking = {operation.name for operation in spec.operations if operation.spiking}
    found = list(convolutions(network, module))
    reading = [each for each in found if each.name.rpartition("/")[0] in spiking]
    others = [each for each in found if each not in reading]
    # Every spiking convolution occurs once per timestep.
    assert len(reading) == spec.timesteps * len(spiking)
    assert others
    if spec.precision == "int8":
        assert {each.coded for each in reading} == {("INT8", "INT8")}
        assert {each.coded for each in others} == {()}
        assert types(found) == {("FLOAT", "FLOAT")}
    else:
        kind = {"fp32": "FLOAT", "fp16": "HALF"}[spec.precision]
        assert types(found) == {(kind, kind)}


def types(found: list[Convolution]) -> set[tuple[str, str]]:
    return {(each.source, each.result) for each in found}
