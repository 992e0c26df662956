"""An export that differs from its network, or is worse, is not written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from delivery_parts import PICTURES, delivered, refused, weakened
from export_parts import origin_of

from spikerain_edge import Derainer, ModelError
from spikerain_export.artefact import seal
from spikerain_export.origin import Origin, open_origin
from spikerain_export.truth import Scene
from spikerain_training.blocks import ConvNorm
from spikerain_training.network import SpikeRain

Files = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.mark.slow
def test_a_graph_that_differs_from_its_network_is_not_written(
    published: SpikeRain, tmp_path: Path, files: Files
) -> None:
    origin = origin_of(published, tmp_path / "checkpoint")
    (tmp_path / "out").mkdir()
    # The error is too small to see in any picture, and untrained networks are checked too.
    wrong = replace(origin, graph=weakened(origin.graph, 1 + 1e-5), trained=False)
    error = refused(wrong, tmp_path / "out" / "wrong.onnx")
    assert "differs from its PyTorch network in double precision: the picture is off" in str(error)
    assert "nothing was written" in str(error)
    assert "add --no-verify" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path / "out") == []
    assert origin.probe is not None
    probe = replace(origin, probe=weakened(origin.probe, 1 + 1e-5))
    assert "the picture is off" in str(refused(probe, tmp_path / "out" / "wrong.onnx"))
    made = delivered(origin, tmp_path / "out" / "right.onnx")
    assert made.document["translation"]["seconds"] > 0
    assert made.document["translation"]["picture"] < 1e-4


def put_on_threshold(layer: ConvNorm, threshold: float) -> None:
    """Puts a channel's potentials so near the threshold that folding batch norm flips spikes."""
    norm = layer.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        layer.conv.weight[0].zero_()
        factor = norm.weight[0].double() / (norm.running_var[0].double() + norm.eps).sqrt()
        for mean in torch.linspace(0.1, 0.2, 2000):
            bias = (threshold + mean.double() * factor).float()
            norm.running_mean[0], norm.bias[0] = mean, bias
            folded = (bias.double() - mean.double() * factor).float()
            unfolded = norm(torch.zeros(3, norm.num_features, 8, 8))[0, 0, 0, 0]
            if (folded >= np.float32(threshold)) != (unfolded >= threshold):
                return
    pytest.fail("no potential is rounded to both sides of the threshold")


@pytest.mark.slow
def test_a_correct_graph_with_potentials_on_the_threshold_is_written(
    published: SpikeRain, tmp_path: Path, files: Files
) -> None:
    """Potentials are on the threshold: PyTorch and the folded bias round them differently."""
    network = copy.deepcopy(published)
    put_on_threshold(network.up1.convolve, network.config.threshold)
    made = delivered(origin_of(network, tmp_path / "checkpoint"), tmp_path / "out" / "mine.onnx")
    assert 45 < made.proofs[0].worst < 55
    assert made.document["translation"]["near"] > 0
    assert files(tmp_path / "out") == ["mine.onnx", "mine.probe.onnx"]


def test_a_probe_graph_that_produces_another_picture_is_not_written(
    origin: Origin, tmp_path: Path, files: Files
) -> None:
    assert origin.probe is not None
    broken = replace(origin, probe=weakened(origin.probe))
    error = refused(broken, tmp_path / "mine.onnx")
    assert isinstance(error, ModelError)
    assert "the graph and its probe graph produce different pictures" in str(error)
    assert files(tmp_path) == []


@pytest.fixture(scope="module")
def ideal(origin: Origin) -> list[list[Scene]]:
    """Scenes whose clean image is the output of the FP32 graph: any change is a loss."""
    graph, _ = seal(origin.graph.model, origin.graph.spec)
    with Derainer.from_bytes(graph) as derainer:
        return [[Scene(group[0].rainy, derainer(group[0].rainy))] for group in PICTURES]


@pytest.mark.slow
def test_a_loss_of_psnr_against_the_clean_images_fails_the_export(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path, files: Files
) -> None:
    error = refused(origin, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    assert "dB of PSNR against the clean images" in str(error)
    assert "at most 0.1 dB are allowed; nothing was written; export it in fp32" in str(error)
    assert error.exit_code == 4
    assert files(tmp_path) == []


@pytest.mark.slow
def test_an_untrained_network_need_not_reach_the_gate(
    origin: Origin, ideal: list[list[Scene]], tmp_path: Path
) -> None:
    untrained = replace(origin, trained=False)
    made = delivered(untrained, tmp_path / "m.onnx", request={"precision": "fp16"}, scenes=ideal)
    document = json.loads(json.dumps(made.document, allow_nan=False))
    assert document["proofs"][1]["psnr_loss"]["mean"] > 0.2
    assert document["proofs"][1]["worst"] >= 40


@pytest.mark.slow
def test_a_checkpoint_is_compared_with_its_network(published: SpikeRain, tmp_path: Path) -> None:
    made = delivered(origin_of(published, tmp_path / "checkpoint"), tmp_path / "mine.onnx")
    assert made.document["reference"] == "pytorch"
    assert min(made.proofs[0].psnr.values()) >= 55
