from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from graph_files import write_network
from report_parts import NOTE, Cramped, Document, frames, options, profiled
from torch import nn

from spikerain_edge.spec import ModelSpec
from spikerain_training.config import variants
from spikerain_training.network import SpikeRain


@dataclass(frozen=True)
class Exported:
    """An untrained network and the graphs made from it."""

    network: SpikeRain
    graph: Path
    spec: ModelSpec

    @property
    def content(self) -> bytes:
        return self.graph.read_bytes()

    def run(self, image: npt.NDArray[np.uint8]) -> None:
        """Runs the PyTorch network on an image (H, W, 3) BGR, for what its hooks see."""
        rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            self.network(rgb)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """Makes a variant's network with random weights and batch statistics, once."""
    folder = tmp_path_factory.mktemp("graphs")
    made: dict[str, Exported] = {}

    def make(variant: str) -> Exported:
        if variant not in made:
            torch.manual_seed(5)
            network = SpikeRain(variants()[variant]).eval()
            with torch.no_grad():
                for module in network.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        assert module.running_mean is not None
                        module.running_mean.normal_(0, 0.1)
                        module.bias.normal_(0, 0.1)
            export = write_network(network, folder / f"{variant}.onnx")
            made[variant] = Exported(network, export.graph, export.spec)
        return made[variant]

    return make


@pytest.fixture(scope="session")
def nano(exported: Callable[[str], Exported]) -> Exported:
    return exported("nano")


@pytest.fixture(scope="session")
def noise() -> Callable[[int, int], npt.NDArray[np.uint8]]:
    return lambda height, width: np.random.default_rng(0).integers(
        0, 256, (height, width, 3), np.uint8
    )


@pytest.fixture(scope="session")
def report(nano: Any) -> Document:
    sizes = ((64, 64), (32, 32), (33, 50))
    return profiled(
        options(
            nano.graph,
            *sizes,
            board="orin-nano",
            neuron_cost=True,
            images="noise",
            frames_note=NOTE,
        ),
        frames,
    )


@pytest.fixture(scope="session")
def cramped(nano: Any) -> Document:
    """A report of a model without a probe graph, with one size that does not fit into memory."""
    alone = shutil.copy(nano.graph, nano.graph.with_name("alone.onnx"))
    return profiled(options(alone, (2048, 4096), (32, 32)), frames, start=Cramped)
