from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from spikerain_edge.cli import app
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_edge.stream.image_sinks import write_image
from spikerain_edge.stream.sources import Source, open_source
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


@pytest.fixture
def export(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    picture: Draw,
) -> Export:
    """Runs the command in a temporary folder, on two pairs of small images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "spikerain_export.commands.work.sizes_for", lambda imgsz: [(64, 64), imgsz or (48, 64)]
    )
    # Clean and rainy images are unrelated: a small image close to its clean one fails the gate.
    for seed, folder in enumerate(("rain", "norain")):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        for number in (1, 2):
            image = picture(10 * number + seed, 64, 96)
            write_image(tmp_path / "pairs" / folder / f"{number}.png", image)

    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            app(["export", *arguments, *(() if "--data" in arguments else ("--data", "pairs"))])
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code or 0, int)
        return Done(arguments, int(ended.value.code or 0), out, err)

    return run


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
    assert "pairs/rain/1.png has only one image: it chooses the INT8 scales" in done.stderr


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


def test_unusable_pairs_give_a_one_line_error(
    export: Export, tmp_path: Path, picture: Draw
) -> None:
    write_image(tmp_path / "pairs" / "norain" / "1.png", picture(0, 64, 64))
    done = export("nano")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot use --data pairs: " in line
    assert "spikerain-train prepare pairs" in line


def test_int8_files_for_tensorrt_and_onnx_runtime_have_different_names() -> None:
    names = {
        default_output("nano", Request("int8", target), Format.ONNX).stem
        for target in ("onnxruntime", "tensorrt")
    }
    assert len(names) == 2


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


@pytest.mark.slow
def test_a_model_name_cannot_point_to_another_folder(export: Export, tmp_path: Path) -> None:
    done = export("nano", "--name", "../my model", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my-model.onnx").is_file()
    with Derainer.load(str(tmp_path / "my-model.onnx")) as derainer:
        assert derainer.spec.name == "../my model"


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
