"""INT8 for OpenVINO: its rewrites change nothing, and OpenVINO runs it in integers."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from precision_parts import (
    Described,
    described,
    names_of_spikes,
    photograph,
    representable,
    run,
    tapped,
)

from spikerain_edge import Derainer, InputError, ModelError
from spikerain_edge.inference.backends import OPENVINO, made_for
from spikerain_edge.inference.compiled_cache import CompiledCache
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.inference.openvino_graph import integer_layers
from spikerain_export.artefact import seal
from spikerain_export.commands.flags import Format, Runtime, default_output, read_request
from spikerain_export.conversion import Request, convert
from spikerain_export.origin import origin_of
from spikerain_export.precision import to_int8
from spikerain_training.network import SpikeRain

x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="OpenVINO has integer kernels on x86 only"
)


@pytest.fixture(scope="module")
def full(nano: SpikeRain) -> Described:
    """An FP32 graph whose weights are exact in INT8."""
    model, spec = described(nano)
    return representable(model, spec), spec


@pytest.fixture(scope="module")
def pairs(full: Described) -> Described:
    return to_int8(*full, "tensorrt")


@pytest.fixture(scope="module")
def rewritten(full: Described) -> Described:
    return to_int8(*full, "openvino")


def spikes(graph: Described, kind: int) -> dict[str, np.ndarray]:
    names = names_of_spikes(graph[1])
    found = run(tapped(graph[0], names, kind), names)
    return {name: np.asarray(value != 0) for name, value in zip(names, found, strict=True)}


def test_the_rewrites_change_no_spike_and_no_pixel(full: Described, rewritten: Described) -> None:
    before, after = spikes(full, TensorProto.FLOAT), spikes(rewritten, TensorProto.UINT8)
    assert set(before) == set(after)
    differing = [(before[name] != after[name]).mean() for name in before]
    # Means are summed in another order: a potential on the threshold may fall to its other side.
    assert np.mean(differing) < 1e-4
    assert np.mean([step.mean() for step in before.values()]) > 0.02
    (expected,), (found,) = (run(graph, ["derained"]) for graph, _ in (full, rewritten))
    assert (np.asarray(expected) != np.asarray(found)).mean() < 1e-2


def test_the_description_counts_the_same_network(pairs: Described, rewritten: Described) -> None:
    before, after = pairs[1], rewritten[1]
    assert after.macs(64, 64) == before.macs(64, 64)
    assert after.analog_macs(64, 64) == before.analog_macs(64, 64)
    assert [pool.name for pool in after.pools] == [pool.name for pool in before.pools]
    assert (after.precision, after.target) == ("int8", "openvino")


@pytest.mark.slow
@x86
@pytest.mark.parametrize("probe", [False, True])
def test_openvino_runs_every_spiking_convolution_in_integers(
    nano: SpikeRain, tmp_path: Path, probe: bool
) -> None:
    model, spec = to_int8(*described(nano, probe=probe), "openvino")
    content, spec = seal(model, spec)
    with OpenVinoEngine(content, "mine", 1, CompiledCache(tmp_path)) as engine:
        assert engine.infer(photograph()[None]).shape == (1, 64, 80, 3)


@x86
def test_a_graph_for_another_runtime_would_not_run_in_integers(
    pairs: Described, tmp_path: Path
) -> None:
    model, spec = pairs
    content, _ = seal(model, spec)
    with pytest.raises(ModelError, match="an INT8 graph for tensorrt, not for OpenVINO"):
        OpenVinoEngine(content, "mine", 1, CompiledCache(tmp_path))


@pytest.mark.slow
@x86
def test_all_timesteps_of_a_layer_run_in_one_pass(rewritten: Described) -> None:
    executed = compiled(rewritten).get_runtime_model()
    spec = rewritten[1]
    passes = [
        set(node.get_rt_info()["originalLayersNames"].astype(str).split(","))
        for node in executed.get_ops()
    ]
    steps = [{f"{layer.name}/fired/{t}" for t in range(spec.timesteps)} for layer in spec.neurons]
    touching = [[names & fired for names in passes if names & fired] for fired in steps]
    # OpenVINO drops a layer that computes what another one does: a skip connection's neurons.
    assert all(found in ([fired], []) for fired, found in zip(steps, touching, strict=True))
    assert sum(map(bool, touching)) >= len(steps) - 2
    assert len(integer_layers(executed)) > len(spec.neurons)


def compiled(graph: Described) -> object:
    import openvino

    core = openvino.Core()
    model = core.read_model(graph[0].SerializeToString())
    model.reshape({"image": [1, 64, 80, 3]})
    return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.mark.slow
@x86
def test_the_probe_graph_makes_the_picture_and_counts_the_spikes(nano: SpikeRain) -> None:
    made = convert(origin_of(nano, "mine", 17), Request("int8", "openvino"))
    assert made.probe is not None
    assert made_for(made.graph.spec) == OPENVINO
    image = photograph()
    with (
        Derainer.from_bytes(made.content, probe=made.probe, provider=OPENVINO) as ours,
        Derainer.from_bytes(made.content, probe=made.probe) as oracle,
    ):
        assert "in float32: the graph was made for OpenVINO" in oracle.backend
        picture, rates = ours.derain_and_probe(image)
        assert np.array_equal(picture, ours(image))
        expected = oracle.derain_and_probe(image)[1]
        assert rates == pytest.approx(expected, abs=5e-3)
        assert expected.max() > 0.02


@pytest.mark.slow
def test_without_openvino_nothing_is_exported_unchecked(
    nano: SpikeRain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError("no module")

    monkeypatch.setattr("spikerain_edge.inference.openvino.importlib.import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'spikerain-edge\[openvino\]'"):
        convert(origin_of(nano, "mine", 17), Request("int8", "openvino"))


def test_the_target_is_part_of_the_name_and_for_int8_only() -> None:
    request = read_request(False, True, None, False, 1, False, Runtime.OPENVINO)
    assert request == Request("int8", "openvino")
    assert default_output("nano", request, Format.ONNX) == Path("nano-int8-openvino.onnx")
    assert read_request(False, True, None, False, 1, False) == Request("int8", "onnxruntime")
    for fp16, engine, int8 in ((True, False, False), (False, True, True), (False, False, False)):
        with pytest.raises(InputError, match="--target only applies to INT8 graphs"):
            read_request(fp16, int8, None, False, 1, engine, Runtime.OPENVINO)
