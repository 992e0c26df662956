from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from video_graph import video_file

from spikerain_edge.cli import app
from spikerain_edge.engine_file import EngineFile
from spikerain_edge.engine_header import EngineHeader, Profile
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_export.artefact import seal, unseal
from spikerain_export.conversion import Request, with_shape
from spikerain_export.origin import Graph

Done = subprocess.CompletedProcess[str]
Info = Callable[..., Done]


@pytest.fixture
def info(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Info:
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            app(["info", *arguments])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code or 0, int)
        return Done(arguments, int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def engine(derainer: Derainer) -> EngineFile:
    header = EngineHeader(
        spec=replace(derainer.spec, precision="int8", target="tensorrt", batch=2),
        library="TensorRT",
        library_version="10.3.0",
        gpu="Orin",
        capability="8.7",
        profiles=(Profile.fixed_at((480, 640)), Profile((64, 64), (256, 256), (512, 512))),
        source_sha256="7" * 64,
        inspected=True,
    )
    return EngineFile.seal(header, b"a plan")


def printed(done: Done) -> dict[str, str]:
    """Returns the printed texts by their titles."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return {line[:16].rstrip(): line[17:] for line in done.stdout.splitlines()}


def test_a_shipped_model_is_described(info: Info, derainer: Derainer) -> None:
    facts = printed(info("nano"))
    probe = find_model("nano").probe
    assert probe is not None
    assert facts["model"] == "nano (variant nano)"
    assert facts["precision"] == "fp32"
    assert facts["made for"] == "any runtime"
    assert facts["parameters"] == f"{derainer.spec.parameters:,}"
    assert "uint8 (1, H, W, 3) BGR, multiples of 8" in facts["input, output"]
    assert facts["cost at 256x256"].startswith(f"{derainer.spec.macs(256, 256) / 1e9:.3f} dense")
    assert facts["firing rates"] == f"from {probe.path}"
    assert facts["weights"] == f"sha256 {derainer.spec.weights_sha256}"
    assert "made from" not in facts


def test_a_video_model_names_both_of_its_inputs(info: Info, tmp_path: Path) -> None:
    (tmp_path / "darker.onnx").write_bytes(video_file())
    facts = printed(info("darker.onnx"))
    assert facts["reads"] == "a frame and the one before it"
    assert facts["input, output"].startswith("image, previous, derained: uint8 (1, H, W, 3)")
    assert json.loads(info("darker.onnx", "--json").stdout)["previous_input"] == "previous"


def test_a_probe_graph_is_described_as_one(info: Info) -> None:
    probe = find_model("nano").probe
    assert probe is not None
    assert "this is a probe graph" in printed(info(str(probe.path)))["firing rates"]


def test_a_graph_of_another_precision_and_shape_is_described(info: Info, tmp_path: Path) -> None:
    graph = Graph(*unseal(find_model("nano").graph.read(), "nano"))
    request = Request(batch=2, size=(48, 64))
    shaped = with_shape(graph, request.batch, request.size)
    spec = replace(shaped.spec, precision="fp16", full_precision=("sum",), source_sha256="5" * 64)
    (tmp_path / "half.onnx").write_bytes(seal(shaped.model, spec)[0])
    facts = printed(info("half.onnx"))
    assert facts["precision"] == "fp16, 1 layers in fp32"
    assert facts["input, output"].endswith("uint8 (2, 48, 64, 3) BGR")
    assert facts["firing rates"] == "not reported: no probe graph"
    assert facts["made from"] == f"sha256 {'5' * 64}"


def test_an_engine_is_described_without_tensorrt(
    info: Info, tmp_path: Path, engine: EngineFile
) -> None:
    engine.write(tmp_path / "mine.engine")
    facts = printed(info("mine.engine"))
    assert facts["file"] == "mine.engine (TensorRT engine)"
    assert facts["precision"] == "int8"
    assert facts["made for"] == "tensorrt"
    assert "uint8 (2, H, W, 3)" in facts["input, output"]
    assert facts["built by"] == "TensorRT 10.3.0"
    assert facts["built for"] == "Orin, compute capability 8.7"
    assert facts["sizes"] == "640x480, 64x64 to 512x512, best at 256x256"
    assert facts["engine"].startswith("6 bytes, sha256 ")
    assert facts["layers checked"] == "in the engine"
    assert facts["made from"] == f"sha256 {'7' * 64}"


def test_json_contains_the_whole_description(
    info: Info, tmp_path: Path, engine: EngineFile, derainer: Derainer
) -> None:
    engine.write(tmp_path / "mine.engine")
    graph = json.loads(info("nano", "--json").stdout)
    built = json.loads(info("mine.engine", "--json").stdout)
    assert (graph["kind"], built["kind"]) == ("ONNX graph", "TensorRT engine")
    assert len(graph["operations"]) == len(derainer.spec.operations)
    assert graph["macs_at_256x256"] == derainer.spec.macs(256, 256)
    assert graph["bytes"] == find_model("nano").graph.path.stat().st_size
    assert (built["library"], built["plan_bytes"], built["batch"]) == ("TensorRT", 6, 2)


def refused(done: Done, code: int, word: str) -> None:
    (line,) = done.stderr.splitlines()
    assert done.returncode == code
    assert done.stdout == ""
    assert word in line


def test_a_missing_file_is_reported(info: Info) -> None:
    refused(info("mine.onnx"), 2, "no model 'mine.onnx'")
    refused(info("mine.engine"), 2, "the engine file mine.engine does not exist")


def test_damaged_foreign_and_unsupported_engines_are_refused(
    info: Info, tmp_path: Path, engine: EngineFile
) -> None:
    content = engine.to_bytes()
    wrong = {
        "cut": (content[:-1], "is incomplete"),
        "foreign": (
            find_model("nano").graph.read(),
            "not a SpikeRain engine file but an ONNX graph",
        ),
        "changed": (content[:-1] + b"N", "SHA-256 does not match"),
        "newer": (
            replace(engine, header=replace(engine.header, header_version=2)).to_bytes(),
            "has version 2 but this program reads version 1",
        ),
        "older": (
            replace(
                engine,
                header=replace(engine.header, spec=replace(engine.header.spec, spec_version=2)),
            ).to_bytes(),
            "has version 2 but this program reads version 3",
        ),
    }
    for name, (wrongly, word) in wrong.items():
        (tmp_path / f"{name}.engine").write_bytes(wrongly)
        refused(info(f"{name}.engine"), 4, word)


def test_a_foreign_onnx_graph_is_refused(info: Info, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(find_model("nano").graph.read())
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    refused(info("foreign.onnx"), 4, "not a SpikeRain model")
