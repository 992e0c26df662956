"""Operations of an engine are counted in the graph that it was built from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from spikerain_edge.engine_file import EngineFile, EngineHeader, Profile
from spikerain_edge.errors import InputError
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_edge.profiling.measurement import count_graph


@pytest.fixture
def engine(derainer: Derainer, tmp_path: Path) -> Path:
    """An engine file of nano; there is no plan in it, since none is run."""
    source = hashlib.sha256(find_model("nano").graph.read()).hexdigest()
    profiles = (Profile.fixed_at((64, 64)),)
    header = EngineHeader(derainer.spec, "TensorRT", "10.3.0", "Orin", "8.7", profiles, source)
    EngineFile.seal(header, b"").write(tmp_path / "mine.engine")
    return tmp_path / "mine.engine"


def test_an_engine_costs_what_its_graph_costs(engine: Path) -> None:
    engine.with_suffix(".onnx").write_bytes(find_model("nano").graph.read())
    assert count_graph(str(engine), 64, 64) == count_graph("nano", 64, 64)


def test_another_graph_beside_the_engine_is_not_counted(engine: Path) -> None:
    probe = find_model("nano").probe
    assert probe is not None
    engine.with_suffix(".onnx").write_bytes(probe.read())
    with pytest.raises(InputError, match=r"mine\.onnx is not the graph that .*mine\.engine was"):
        count_graph(str(engine), 64, 64)


def test_a_graph_that_is_missing_is_named(engine: Path) -> None:
    with pytest.raises(InputError, match=r"no model file .*mine\.onnx"):
        count_graph(str(engine), 64, 64)
