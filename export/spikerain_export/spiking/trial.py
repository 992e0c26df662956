"""Runs an opened model on a simulator, and describes the result as plain values and as lines."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_edge.neuromorphic.experiment import Experiment, experiment, mapping
from spikerain_edge.neuromorphic.simulators import Simulator
from spikerain_export.spiking.model import OpenedModel
from spikerain_export.spiking.patch import Patch


def simulated(
    opened: OpenedModel, patch: Patch, simulator: Simulator, python: str
) -> dict[str, Any]:
    """Runs a model on a simulator and compares it.

    Args:
        opened: the model.
        patch: what it derains.
        simulator: the simulator.
        python: the Python that has the simulator.

    Raises:
        SpikeRainError: see `experiment`.
    """
    found = experiment(opened.model, patch.rainy, simulator, python)
    return {
        **_described(opened, patch),
        "simulator": found.version,
        "layers": found.layers,
        "neurons": found.neurons,
        "synapses": found.synapses,
        **asdict(found.comparison),
        "build_s": found.build_s,
        "run_s": found.run_s,
        "reference_s": found.reference_s,
        **_pictures(opened, patch, found),
    }


def mapped(opened: OpenedModel, patch: Patch, python: str) -> dict[str, Any]:
    """Maps a model onto a virtual SpiNNaker board, where no spikes run.

    Raises:
        SpikeRainError: see `mapping`.
    """
    found = mapping(opened.model, patch.rainy, python)
    return {**_described(opened, patch), **asdict(found)}


def _described(opened: OpenedModel, patch: Patch) -> dict[str, Any]:
    height, width = opened.model.size
    return {
        "model": opened.model.name,
        "image": patch.origin,
        "height": height,
        "width": width,
        "timesteps": opened.model.timesteps,
    }


def _pictures(opened: OpenedModel, patch: Patch, found: Experiment) -> dict[str, Any]:
    """Compares the picture with that of the model itself, or of a NIR file's network."""
    ours = opened.restore(patch.rainy) if opened.restore else found.restored
    different = int(np.count_nonzero(ours != found.simulated))
    named = {"rainy": patch.rainy, "ours": ours, "simulated": found.simulated}
    return {
        "values": int(ours.size),
        "values_different": different,
        "psnr_db": {name: _psnr(picture, patch.clean) for name, picture in named.items()},
    }


def _psnr(picture: Image, clean: Image | None) -> float | None:
    """PSNR on luma; None without a clean picture, or if both are equal."""
    value = math.inf if clean is None else psnr_luma(picture, clean)
    return value if math.isfinite(value) else None


def lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns a report as pairs of a title and a text."""
    size = f"{report['width']}x{report['height']}"
    head = [
        ("model", f"{report['model']}, {size} pixels, T = {report['timesteps']}"),
        ("image", report["image"]),
    ]
    if "cores" in report:
        return [*head, *_mapped_lines(report)]
    psnr = {name: "-" if db is None else f"{db:.3f}" for name, db in report["psnr_db"].items()}
    return [
        *head,
        ("simulator", report["simulator"]),
        ("neurons", f"{report['neurons']:,} in {report['layers']} layers"),
        ("synapses", f"{report['synapses']:,}"),
        ("spikes", f"{report['spikes']:,} of {report['compared']:,} possible"),
        ("different", f"{report['different']:,} spikes"),
        ("potentials", f"differ by at most {report['potential_difference']:.2g}"),
        ("picture", f"{report['values_different']} of {report['values']} values differ"),
        (
            "PSNR, dB",
            f"{psnr['simulated']} simulated, {psnr['ours']} ours, {psnr['rainy']} rainy",
        ),
        ("seconds", f"{report['build_s']:.1f} to build, {report['run_s']:.1f} to run"),
    ]


def _mapped_lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("mapped by", f"{report['version']}, on a virtual board: no spikes were simulated"),
        ("neurons", f"{report['neurons']:,}"),
        ("synapses", f"{report['synapses']:,}"),
        ("cores", f"{report['cores']:,} of SpiNNaker, on {report['chips']} chips"),
        ("boards", f"{report['boards']} of 48 chips"),
        ("seconds", f"{report['seconds']:.1f}"),
    ]
