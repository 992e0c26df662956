"""`spikerain-edge export --format nir`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nir
import pytest
from networks import randomised
from spiking_parts import SMALL

from spikerain_training.checkpoint import save_network

Done = subprocess.CompletedProcess[str]
Export = Callable[..., Done]


@pytest.fixture
def model(tmp_path: Path) -> str:
    network = randomised(SMALL)
    save_network(tmp_path / "model", network.config, network.state_dict())
    return "model"


@pytest.mark.slow
def test_a_network_of_neurons_and_convolutions_is_exported(
    export: Export, model: str, tmp_path: Path
) -> None:
    done = export(model, "--format", "nir", "--imgsz", "24x16", "--grid", "8", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["files"] == ["small-spike-grid8-24x16.nir"]
    assert (report["height"], report["width"], report["timesteps"]) == (16, 24, 3)
    assert report["spikes"]["spikes"] == report["neurons"] * 3 * report["spikes"]["images"]
    assert report["spikes"]["different"] == 0
    assert report["psnr_loss"]["mean"] < 1
    assert "0 of " in done.stderr
    assert "rainy patches of 24x16" in done.stderr
    assert "the grid costs " in done.stderr
    graph = nir.read(tmp_path / "small-spike-grid8-24x16.nir")
    assert graph.nodes["input"].output_type["output"].tolist() == [3, 16, 24]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "a NIR file is made for one image size; give the size, for example: --imgsz 32"),
        (("--imgsz", "32", "--fp16"), "--fp16 does not apply to NIR files; leave out --fp16"),
        (("--imgsz", "32", "--batch", "2"), "--batch does not apply to NIR files"),
        (("--imgsz", "30"), "use multiples of 8: --imgsz 32x32"),
        (("--imgsz", "32", "--grid", "16"), "use a coarser grid: --grid "),
        (("--imgsz", "32", "--output", "a.onnx"), "the name must end in .nir; use --output a.nir"),
    ],
)
def test_wrong_options_are_refused(
    export: Export, model: str, tmp_path: Path, flags: tuple[str, ...], told: str
) -> None:
    done = export(model, "--format", "nir", *flags)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert told in line
    assert not list(tmp_path.glob("*.nir"))


def test_a_grid_is_for_nir_files(export: Export, model: str) -> None:
    done = export(model, "--grid", "8")
    assert (done.returncode, "add --format nir" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "nano",
            "attention gates (MDSA), bilinear upsampling and enhancement gates (ARFE); use a "
            "network of neurons and convolutions, such as training/checkpoints/nano-spike",
        ),
        ("nano-video", "a previous frame as second input, attention gates (MDSA)"),
    ],
)
def test_gates_are_refused_by_name(export: Export, name: str, parts: str) -> None:
    done = export(name, "--format", "nir", "--imgsz", "32")
    assert done.returncode == 2
    assert f"{name} cannot be exported to NIR or run on spiking simulators" in done.stderr
    assert parts in done.stderr


def test_a_missing_library_is_named(
    export: Export, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "spikerain_export.spiking.delivery", raising=False)
    monkeypatch.delitem(sys.modules, "spikerain_export.spiking.nir_file", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    done = export(model, "--format", "nir", "--imgsz", "32")
    assert done.returncode == 2
    assert "exporting to NIR needs the package h5py" in done.stderr
    assert "pip install 'spikerain-edge[export,nir]'" in done.stderr
