"""Exports that are refused write nothing and say why in one line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from spikerain_edge.images import Image
from spikerain_edge.models import find_model
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.sources import Source, open_source
from spikerain_training.checkpoint import save_network
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain

Draw = Callable[..., Image]
Files = Callable[[Path], list[str]]
Done = subprocess.CompletedProcess[str]
Export = Callable[..., Done]


def test_unusable_pairs_give_a_one_line_error(
    export: Export, tmp_path: Path, picture: Draw
) -> None:
    write_image(tmp_path / "pairs" / "norain" / "1.png", picture(0, 64, 64))
    done = export("nano")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot use --data pairs: " in line
    assert "spikerain-train prepare pairs" in line


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--fp16",), ("--int8",), ("--imgsz", "64x48")])
def test_only_fp32_graphs_of_free_size_can_be_exported_again(
    export: Export, flags: tuple[str, ...]
) -> None:
    assert export("nano", "--output", "mine.onnx", "--no-verify", *flags).returncode == 0
    done = export("mine.onnx", "--fp16", "--output", "again.onnx")
    assert done.returncode == 2
    assert "an export starts from" in done.stderr


@pytest.mark.slow
def test_an_export_that_fails_verification_writes_nothing(
    export: Export, tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large untrained residual is too inaccurate in INT8."""
    network = SpikeRain(variants()["nano"])
    network.output.weight.data.mul_(200)
    save_network(tmp_path / "run", network.config, network.state_dict())
    before = files(tmp_path)
    done = export("run", "--int8", "--output", "mine.onnx")
    assert done.returncode == 4, done.stderr
    assert "; nothing was written" in done.stderr.splitlines()[-1]
    assert files(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (2, "pico", "no model 'pico'"),
        (2, "nano|--fp16|--int8", "--fp16 and --int8 cannot be used together"),
        (2, "nano|--imgsz|64|--dynamic", "--imgsz and --dynamic cannot be used together"),
        (2, "nano|--imgsz|64x50", "cannot take images of 64x50"),
        (2, "nano|--imgsz|0", "'0' is not a valid image size"),
        (2, "nano|--imgsz|99999x64", "'99999x64' is not a valid image size"),
        (
            2,
            "nano|--imgsz|480|640",
            "one size, not 480 and 640; write width x height: --imgsz 640x480",
        ),
        (2, "--imgsz|480|640|nano", "write width x height: --imgsz 640x480"),
        (2, "nano|--opset|18", "nano is an ONNX file and keeps its operator set"),
        (2, "nano|--workspace|1", "add --format engine"),
        (2, "nano|--plan", "add --format engine, or leave out --plan"),
        (2, "nano|--format|engine|--plan|--output|a.engine|--json|a.plan", "a.plan is named twice"),
        (2, "nano|--output|mine.engine", "mine.engine is not a name for an ONNX graph"),
        (2, "nano|--format|engine|--output|mine.onnx", "mine.onnx is not a name for an engine"),
        (2, "nano|--output|good.png", "good.png is not a name for an ONNX graph"),
        (2, "nano|--output|pairs", "cannot write pairs: it is a folder"),
        (2, "nano|--output|/proc/x/mine.onnx", "cannot write /proc/x/mine.onnx"),
        (2, "nano|--output|a.onnx|--json|a.onnx", "a.onnx is named twice"),
        (2, "nano|--output|a.onnx|--json|a.probe.onnx", "a.probe.onnx is named twice"),
        (2, "nano|--output|a.onnx|--json|pairs", "name another file with --json"),
        (2, "nano|--data|nowhere", "nowhere"),
        (2, "mine.onnx|--output|mine.onnx", "mine.onnx is read"),
        (2, "mine.onnx|--json|mine.onnx", "mine.onnx is read"),
        (4, "cut.onnx", "cut.onnx is not a usable ONNX graph"),
        (4, "changed.onnx", "changed.onnx"),
        (4, "foreign.onnx", "not a SpikeRain model"),
        (4, "pairs/rain/1.png", "is not a usable ONNX graph"),
    ],
)
def test_errors_take_one_line_and_no_file_is_left_behind(
    export: Export, tmp_path: Path, files: Files, code: int, arguments: str, said: str
) -> None:
    content = find_model("nano").graph.read()
    (tmp_path / "mine.onnx").write_bytes(content)
    (tmp_path / "cut.onnx").write_bytes(content[: len(content) // 2])
    (tmp_path / "changed.onnx").write_bytes(content.replace(b'"tau":2', b'"tau":3'))
    model = onnx.load_model_from_string(content)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    before = files(tmp_path)
    done = export(*arguments.split("|"))
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert said in line
    assert done.stdout == ""
    assert files(tmp_path) == before


def test_a_camera_as_data_is_rejected_and_closed(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def opened(uri: str) -> Source:
        source = open_source(uri)
        source.live = True
        monkeypatch.setattr(source, "close", lambda: closed.append(True))
        return source

    monkeypatch.setattr("spikerain_edge.stream.album.open_source", opened)
    done = export("nano", "--data", "pairs/rain/1.png")
    assert done.returncode == 2
    assert "is a camera; name a folder of images with --data" in done.stderr
    assert closed == [True]
