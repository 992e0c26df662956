"""Engines are exported together with their graphs; a stand-in replaces the TensorRT builder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from export_parts import scenes, shipped

from spikerain_edge.engine_file import EngineFile, read_engine_file
from spikerain_edge.engine_header import AHEAD_OF_TIME, EngineHeader, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference import Derainer
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.spec import ModelSpec
from spikerain_export import delivery, engine_build
from spikerain_export.conversion import Request
from spikerain_export.delivery import Delivery, deliver
from spikerain_export.origin import Origin, open_origin
from spikerain_export.tensorrt import BuildSettings

pytestmark = pytest.mark.slow

Files = Callable[[Path], list[str]]
Build = Callable[[str], None]
WRITTEN = ["mine.engine", "mine.onnx", "mine.probe.onnx"]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture
def built_for(monkeypatch: pytest.MonkeyPatch) -> Build:
    """Replaces the builder by one that makes engine files for a GPU of this name."""

    def prepare(gpu: str) -> None:
        def build(
            content: bytes, spec: ModelSpec, settings: BuildSettings, *_: Any, **options: Any
        ) -> EngineFile:
            source = hashlib.sha256(content).hexdigest()
            header = EngineHeader(spec, "TensorRT", "10", gpu, "8.7", settings.profiles, source)
            file = EngineFile.seal(header, b"plan")
            options["accept"](file)
            return file

        monkeypatch.setattr(engine_build, "build_cached", build)
        monkeypatch.setattr(delivery, "choose_library", lambda capability: SimpleNamespace())
        monkeypatch.setattr(delivery, "find_target", lambda *_: None)

    return prepare


def delivered(origin: Origin, output: Path, precision: Any = "fp32", **options: Any) -> Delivery:
    settings = BuildSettings((Profile.fixed_at((48, 64)),))
    request = Request(precision, "tensorrt")
    options = {"verify": False, **options}
    return deliver(origin, request, output, scenes(), engine=settings, **options)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_engine_comes_with_its_graph_and_counts_of_operations(
    origin: Origin, built_for: Build, tmp_path: Path, files: Files, precision: str
) -> None:
    built_for(AHEAD_OF_TIME)
    made = delivered(origin, tmp_path / "mine.engine", precision)
    assert files(tmp_path) == WRITTEN
    assert [path.name for path in made.files] == WRITTEN
    assert made.document["files"] == [str(path) for path in made.files]
    described = read_engine_file(tmp_path / "mine.engine").header.spec
    with Derainer.load(str(tmp_path / "mine.onnx"), probe=True) as derainer:
        assert count_operations(described, 48, 64) == count_operations(derainer.spec, 48, 64)
        assert derainer.can_probe
        assert derainer.spec.precision == precision


def test_the_bare_plan_is_written_beside_the_engine_when_asked_for(
    origin: Origin, built_for: Build, tmp_path: Path, files: Files
) -> None:
    built_for(AHEAD_OF_TIME)
    plan = tmp_path / "mine.plan"
    assert delivered(origin, tmp_path / "mine.engine").document["plan"] is None
    made = delivered(origin, tmp_path / "mine.engine", plan=True)
    assert plan.read_bytes() == read_engine_file(tmp_path / "mine.engine").plan
    assert made.document["plan"] == str(plan)
    assert made.document["files"] == [str(path) for path in made.files]
    assert files(tmp_path) == sorted([*WRITTEN, "mine.plan"])


def test_a_plan_that_cannot_be_written_fails_before_the_export_starts(
    origin: Origin, built_for: Build, tmp_path: Path, files: Files
) -> None:
    built_for(AHEAD_OF_TIME)
    (tmp_path / "mine.plan").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*mine\.plan: it is a folder"):
        delivered(origin, tmp_path / "mine.engine", plan=True)
    assert files(tmp_path) == ["mine.plan"]


def test_an_engine_built_ahead_of_time_is_reported_as_not_run(
    origin: Origin, built_for: Build, tmp_path: Path
) -> None:
    built_for(AHEAD_OF_TIME)
    made = delivered(origin, tmp_path / "mine.engine")
    assert made.document["engine_run"] is False
    assert any("has not been run" in note for note in made.notes)


def test_an_engine_for_this_gpu_is_verified_before_anything_is_written(
    origin: Origin,
    built_for: Build,
    tmp_path: Path,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built_for("Orin")

    def refuse(file: EngineFile, derain: Any, *_: Any, **options: Any) -> float:
        assert derain(scenes()[0][0].rainy).shape == scenes()[0][0].rainy.shape
        assert options == {"device": 0, "held": True}
        raise ModelError("the fp32 engine agrees with its reference to only 3 dB", "")

    monkeypatch.setattr(engine_build, "prove_engine", refuse)
    with pytest.raises(ModelError, match="only 3 dB"):
        delivered(origin, tmp_path / "mine.engine", verify=True)
    assert files(tmp_path) == []
    monkeypatch.setattr(engine_build, "prove_engine", lambda *_, **options: 60.0)
    made = delivered(origin, tmp_path / "mine.engine", verify=True)
    assert (made.document["engine_run"], made.document["engine_psnr"]) == (True, 60)
    assert not any("has not been run" in note for note in made.notes)
    assert delivered(origin, tmp_path / "mine.engine").document["engine_run"] is False


def test_an_unrelated_graph_beside_an_engine_is_not_overwritten(
    origin: Origin, built_for: Build, tmp_path: Path
) -> None:
    built_for(AHEAD_OF_TIME)
    (tmp_path / "mine.onnx").write_bytes(b"somebody's")
    phases: list[str] = []

    def progress(phase: str, done: int, steps: int) -> bool:
        phases.append(phase)
        return True

    with pytest.raises(InputError, match=r"mine\.onnx already exists and would be overwritten"):
        delivered(origin, tmp_path / "mine.engine", progress=progress)
    assert phases == ["making the fp32 graph"]
    assert (tmp_path / "mine.onnx").read_bytes() == b"somebody's"
    assert not (tmp_path / "mine.engine").exists()


def test_replacing_an_engine_also_replaces_its_graph(
    origin: Origin, built_for: Build, tmp_path: Path, files: Files
) -> None:
    built_for(AHEAD_OF_TIME)
    for precision in ("fp16", "int8"):
        delivered(origin, tmp_path / "mine.engine", precision)
    assert files(tmp_path) == WRITTEN
    digest = hashlib.sha256((tmp_path / "mine.onnx").read_bytes()).hexdigest()
    assert read_engine_file(tmp_path / "mine.engine").header.source_sha256 == digest


def test_the_source_graph_of_an_engine_may_be_in_the_same_folder(
    built_for: Build, tmp_path: Path
) -> None:
    built_for(AHEAD_OF_TIME)
    graph = tmp_path / "mine.onnx"
    graph.write_bytes(shipped())
    delivered(open_origin(str(graph)), tmp_path / "mine.engine")
    assert graph.read_bytes() == shipped()
    with pytest.raises(InputError, match="is read"):
        delivered(open_origin(str(graph)), tmp_path / "mine.engine", "fp16")
    assert graph.read_bytes() == shipped()
