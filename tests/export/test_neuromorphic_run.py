"""`spikerain-edge neuromorphic run`: a whole network on NEST, and what the command refuses."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from networks import randomised
from spiking_parts import SMALL, Exported, exported, noise

from spikerain_edge.cli import app
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.neuromorphic.experiment import SpikingModel
from spikerain_edge.neuromorphic.reference import run_reference
from spikerain_export.artefact import seal
from spikerain_export.origin import origin_of
from spikerain_export.spiking.nir_file import to_bytes
from spikerain_export.spiking.packing import pack
from spikerain_export.spiking.patch import cut_patch
from spikerain_export.spiking.proof import Source
from spikerain_export.spiking.runnable import runnable

Run = Callable[..., subprocess.CompletedProcess[str]]
SIDE = 16


@pytest.fixture(scope="module")
def gridded() -> Exported:
    return exported(SMALL, (SIDE, SIDE))


@pytest.fixture
def nir_file(gridded: Exported, tmp_path: Path) -> Path:
    path = tmp_path / "small.nir"
    path.write_bytes(to_bytes(gridded.made))
    return path


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    graph = origin_of(randomised(SMALL)).graph
    path = tmp_path / "small.onnx"
    path.write_bytes(seal(graph.model, graph.spec)[0])
    return path


@pytest.fixture
def neuromorphic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Runs `spikerain-edge neuromorphic run` in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ended:
            app(["neuromorphic", "run", *map(str, arguments)])
        captured = capfd.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, captured.out, captured.err)

    return run


def test_the_reference_spikes_as_the_exported_graph(gridded: Exported) -> None:
    image = noise(SIDE, SIDE)
    model = runnable(gridded.made, "the graph")
    planes = image.transpose(2, 0, 1).astype(np.float32)
    recorded = run_reference(model.graph, planes, model.timesteps)
    spikes, _ = Source(gridded.network, gridded.graph)(image)
    assert len(recorded.spikes) == len(spikes)
    for name, fired in recorded.spikes.items():
        node = gridded.made.nodes[name].metadata
        expected = pack(spikes[node["layer"]], int(node["phases"]))
        np.testing.assert_array_equal(fired, expected)


@pytest.mark.neuromorphic
def test_a_nir_file_runs_on_nest_without_a_different_spike(
    nir_file: Path, gridded: Exported, neuromorphic: Run
) -> None:
    _require_nest()
    ran = neuromorphic(nir_file, "--json", "-")
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    neurons = sum(node.size for node in _neurons(runnable(gridded.made, "the graph")))
    assert report["neurons"] == neurons
    assert report["compared"] == neurons * SMALL.timesteps
    assert 0 < report["spikes"] < report["compared"]
    assert report["different"] == report["potential_difference"] == report["values_different"] == 0
    assert report["psnr_db"]["simulated"] == report["psnr_db"]["ours"]


@pytest.mark.neuromorphic
def test_a_model_runs_on_nest_and_makes_the_picture_of_onnx_runtime(
    onnx_file: Path, tmp_path: Path, neuromorphic: Run
) -> None:
    _require_nest()
    cv2.imwrite(str(tmp_path / "rainy.png"), noise(40, 24))
    cv2.imwrite(str(tmp_path / "clean.png"), noise(40, 24, seed=1))
    files = ("--image", "rainy.png", "--truth", "clean.png")
    ran = neuromorphic(onnx_file, "--size", SIDE, "--grid", 8, *files)
    assert ran.returncode == 0, ran.stderr
    assert "small-spike, 16x16 pixels, T = 3" in ran.stdout
    assert "NEST" in ran.stdout
    assert re.search(r"^different +0 spikes$", ran.stdout, re.M)
    assert re.search(r"^picture +0 of 768 values differ$", ran.stdout, re.M)


def test_a_size_too_large_is_refused_before_anything_is_built(
    onnx_file: Path, neuromorphic: Run
) -> None:
    ran = neuromorphic(onnx_file, "--size", "8192")
    assert ran.returncode == 5
    assert "neurons with up to" in ran.stderr
    assert "GiB are free; use a smaller --size" in ran.stderr


def test_a_network_with_gates_is_refused_by_name(neuromorphic: Run) -> None:
    ran = neuromorphic("nano", "--size", SIDE)
    assert ran.returncode == 2
    assert "nano cannot be exported to NIR" in ran.stderr
    assert "attention gates (MDSA)" in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "32"], "small.nir is made for images of 16x16; use --size 16x16"),
        (["--grid", "6"], "--grid does not apply to NIR files"),
        (["--truth", "clean.png"], "--truth needs a rainy image; name it with --image"),
        (["--json", "small.nir"], "small.nir"),
        (["--python", "/no/python"], "cannot run the Python /no/python: No such file"),
    ],
)
def test_wrong_options_are_refused_in_one_line(
    nir_file: Path, neuromorphic: Run, arguments: list[str], told: str
) -> None:
    ran = neuromorphic(nir_file, *arguments)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_model_needs_a_size(onnx_file: Path, neuromorphic: Run) -> None:
    ran = neuromorphic(onnx_file)
    assert ran.returncode == 2
    assert "a spiking network has one image size; give the size: --size 16" in ran.stderr


def test_a_file_that_is_not_nir_is_refused(tmp_path: Path, neuromorphic: Run) -> None:
    (tmp_path / "text.nir").write_text("no network")
    ran = neuromorphic("text.nir")
    assert ran.returncode == 4
    assert "text.nir is not a usable NIR file" in ran.stderr


def test_a_graph_that_no_host_can_read_out_is_refused(gridded: Exported) -> None:
    made = gridded.made
    bare = type(made)(made.nodes, made.edges, {})
    with pytest.raises(ModelError, match="its metadata do not describe a picture"):
        runnable(bare, "the graph")


def test_a_picture_that_cells_do_not_fill_is_refused(gridded: Exported) -> None:
    made = gridded.made
    torn = type(made)(made.nodes, made.edges, {**made.metadata, "cell": 5})
    with pytest.raises(ModelError, match="is not a BGR picture of whole cells"):
        runnable(torn, "the graph")


def test_neurons_that_do_not_decay_as_a_timestep_are_refused(gridded: Exported) -> None:
    made = gridded.made
    fast = type(made)(made.nodes, made.edges, {**made.metadata, "dt": 1.0})
    with pytest.raises(ModelError, match="tau <= dt"):
        runnable(fast, "the graph")


def test_the_demo_gives_its_rainiest_patch() -> None:
    patch = cut_patch(None, None, (SIDE, SIDE))
    assert patch.rainy.shape == (SIDE, SIDE, 3)
    assert patch.clean is not None
    whole = cut_patch(None, None, (360, 640))
    assert whole.clean is not None
    rain = cv2.absdiff(whole.rainy, whole.clean).sum(axis=2, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(rain, (SIDE, SIDE)).sum(axis=(2, 3))
    assert cv2.absdiff(patch.rainy, patch.clean).sum(dtype=np.int64) == windows.max()


def test_an_image_smaller_than_the_patch_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), noise(8, 8))
    with pytest.raises(InputError, match="has 8x8 pixels, fewer than the patch"):
        cut_patch(tmp_path / "small.png", None, (SIDE, SIDE))


def _neurons(model: SpikingModel) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return [neurons.threshold for neurons in model.graph.layers.values()]


def _require_nest() -> None:
    if find_spec("nest") is None:
        pytest.skip("nest is not installed: pip install 'spikerain-edge[neuromorphic]'")
