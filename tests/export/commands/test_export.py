from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_export.commands.flags import Format, default_output
from spikerain_export.conversion import Request
from spikerain_training.checkpoint import save_network
from spikerain_training.config import NetworkConfig, variants
from spikerain_training.network import SpikeRain, start_near_identity

Draw = Callable[..., Image]
Files = Callable[[Path], list[str]]
Done = subprocess.CompletedProcess[str]
Export = Callable[..., Done]
SMALL = NetworkConfig(
    "small", 8, growth=8, units=1, timesteps=2, encoder=(1, 1, 1), decoder=(1, 1, 1)
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ((), "mine.onnx"),
        (("--fp16",), "mine-fp16.onnx"),
        (("--half", "--imgsz", "64x48"), "mine-fp16-64x48.onnx"),
        (("--int8", "--dynamic"), "mine-int8.onnx"),
        (("--batch", "2"), "mine-batch2.onnx"),
    ],
)
def test_the_output_is_named_after_the_model_and_the_options(
    export: Export, tmp_path: Path, flags: tuple[str, ...], name: str
) -> None:
    done = export("nano", "--name", "mine", "--no-verify", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    probe = name.replace(".onnx", ".probe.onnx")
    assert done.stderr.splitlines()[-1] == f"wrote {name} and {probe}"
    for path in (name, probe):
        onnx.checker.check_model(onnx.load(tmp_path / path), full_check=True)


@pytest.mark.slow
def test_a_single_image_chooses_the_scales_and_the_command_says_so(export: Export) -> None:
    done = export("nano", "--int8", "--no-verify", "--data", "pairs/rain/1.png")
    assert done.returncode == 0, done.stderr
    assert "pairs/rain/1.png has only one image: it chooses how INT8 rounds" in done.stderr


@pytest.mark.slow
def test_an_untrained_network_is_rounded_without_images(export: Export) -> None:
    flags = ("--int8", "--target", "openvino", "--no-verify", "--data", "pairs/rain/1.png")
    done = export("s", *flags, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert "it chooses" not in done.stderr
    assert json.loads(done.stdout)["scale_images"] == 0


@pytest.mark.slow
def test_a_graph_from_a_file_is_reported_as_not_compared_with_pytorch(export: Export) -> None:
    done = export("nano", "--output", "mine.onnx", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert "equal" not in done.stderr
    assert "was not compared with PyTorch" in done.stderr
    # A log file shows what is being done, each phase once.
    phases = ["making the fp32 graph", "comparing pictures and spikes"]
    assert [line for line in done.stderr.splitlines() if line in phases] == phases
    assert json.loads(done.stdout)["reference"] == "onnx fp32"


def test_int8_files_for_tensorrt_and_onnx_runtime_have_different_names() -> None:
    names = {
        default_output("nano", Request("int8", target), Format.ONNX).stem
        for target in ("onnxruntime", "tensorrt")
    }
    assert len(names) == 2


@pytest.mark.slow
def test_an_int8_export_is_verified_and_can_be_run_and_profiled(
    export: Export, program: Callable[..., Done], tmp_path: Path
) -> None:
    done = export("nano", "--int8", "--output", "small.onnx", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(name))
    full, half, made = report["proofs"]
    precisions = (full["precision"], half["precision"], made["precision"])
    assert precisions == ("fp32", "fp16", "int8")
    assert set(made["psnr"]) == {"64x64", "64x48"}
    assert min(made["psnr"].values()) >= report["gates"]["int8"]["psnr"]
    assert made["size_bytes"] == (tmp_path / "small.onnx").stat().st_size < full["size_bytes"]
    assert len(made["spikes"]) == len(report["spec"]["neurons"])
    assert "spikes that differ" in done.stderr
    assert report["scale_images"] == 1

    done = program("run", "--camera", "pairs/rain", "--output", "out/", "--model", "small.onnx")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "1.png").is_file()
    size = ("--imgsz", "64", "--iterations", "1", "--warmup", "0", "--no-power")
    done = program(
        "profile", "--model", "small.onnx", *size, "--images", "pairs/rain", "--json", "-"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.slow
def test_a_checkpoint_is_compared_with_pytorch(export: Export, tmp_path: Path) -> None:
    network = SpikeRain(SMALL)
    start_near_identity(network)
    save_network(tmp_path / "run", SMALL, network.state_dict())
    done = export("run", "--opset", "18", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["reference"] == "pytorch"
    assert report["files"] == ["small.onnx", "small.probe.onnx"]
    assert onnx.load(tmp_path / "small.onnx").opset_import[0].version == 18


@pytest.mark.slow
def test_an_untrained_variant_is_exported_with_a_warning(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikerain_training.config.variants", lambda: {**variants(), "s": SMALL})
    monkeypatch.setattr("spikerain_export.exporter.variants", lambda: {"s": SMALL})
    done = export("s", "--fp16")
    assert done.returncode == 0, done.stderr
    assert "no trained weights of s are shipped: this model is untrained" in done.stderr


@pytest.mark.slow
def test_a_model_name_cannot_point_to_another_folder(export: Export, tmp_path: Path) -> None:
    done = export("nano", "--name", "../my model", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my-model.onnx").is_file()
    with Derainer.load(str(tmp_path / "my-model.onnx")) as derainer:
        assert derainer.spec.name == "../my model"


@pytest.mark.slow
def test_a_shipped_model_is_exported_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from spikerain_edge.cli import app\n"
        "app(['export', 'nano', '--int8', '--json', '-'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["files"] == ["nano-int8.onnx", "nano-int8.probe.onnx"]
    loss, gate = report["proofs"][-1]["psnr_loss"], report["gates"]["int8"]["loss"]
    assert loss["scenes"] >= 24
    assert loss["low"] <= gate
    assert loss["mean"] <= 2 * gate
    with Derainer.load(str(tmp_path / "nano-int8.onnx"), probe=True) as derainer:
        assert derainer.spec.precision == "int8"
