"""The state that a resumed run needs: current and averaged weights, optimiser state, step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import Precision
from safetensors import SafetensorError
from torch import Tensor, nn

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import (
    TRAINING,
    CheckpointError,
    require_run,
    shortened,
)
from spikerain_training.mismatch import mismatch, variant_of
from spikerain_training.optimizer import Muon, optimizer_name
from spikerain_training.tensor_file import read_tensors, write_tensors


def save_training(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module,
    step: int,
    best: float = -math.inf,
    precision: Precision | None = None,
) -> None:
    """Writes current and averaged weights, optimiser state, step and best validation.

    Args:
        folder: folder of the run.
        network: network with the current weights.
        optimizer: its optimiser.
        average: network with the averaged weights.
        step: number of optimiser steps done.
        best: best PSNR on luma of the validation so far, in dB.
        precision: precision plugin; its loss scale is written too, if it has one.

    Raises:
        OSError: the folder cannot be written to.
    """
    state = {f"network/{name}": value for name, value in network.state_dict().items()}
    state |= {f"average/{name}": value for name, value in average.state_dict().items()}
    names = [name for name, _ in network.named_parameters()]
    for index, moments in optimizer.state_dict()["state"].items():
        state |= {f"optimizer/{names[index]}/{key}": value for key, value in moments.items()}
    state["step"] = torch.tensor(step)
    state["best"] = torch.tensor(best, dtype=torch.float64)
    scaling = precision.state_dict() if precision else {}
    state |= {f"precision/{name}": torch.tensor(value) for name, value in scaling.items()}
    write_tensors(folder / TRAINING, state)


def load_training(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module,
    precision: Precision | None = None,
) -> tuple[int, float]:
    """Restores the state that `save_training` wrote, in place.

    Returns:
        The number of steps done, and the best PSNR on luma of the validation in dB.

    Raises:
        InputError: the folder holds no training state, or that of another network or optimiser.
        CheckpointError: the training state is damaged.
    """
    require_run(folder)
    try:
        state = read_tensors(folder / TRAINING)
        _require_network(folder, _below("network/", state), network)
        _require_optimizer(folder, state, optimizer)
        network.load_state_dict(_below("network/", state), strict=True)
        average.load_state_dict(_below("average/", state), strict=True)
        step, best = int(state["step"]), float(state.get("best", -math.inf))
    except (RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder / TRAINING}: the training state is damaged ({shortened(error)})",
            f"copy it again, or start a new run from the weights: --initial {folder} --output NEW",
        ) from error
    moments: dict[int, dict[str, Tensor]] = {}
    for index, (name, _) in enumerate(network.named_parameters()):
        found = _below(f"optimizer/{name}/", state)
        if found:
            moments[index] = found
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    scaling = {name: value.item() for name, value in _below("precision/", state).items()}
    if precision and scaling:
        precision.load_state_dict(scaling)
    return step, best


def _require_network(folder: Path, weights: dict[str, Tensor], network: nn.Module) -> None:
    different = mismatch(weights, network)
    if different:
        trained = variant_of(weights) or "another network"
        raise InputError(
            f"{folder} holds the training state of {trained}, not of the network of the recipe "
            f"({different})",
            "resume without changing variant or network, or start a new run from the weights: "
            f"--initial {folder} --output NEW",
        )


def _require_optimizer(
    folder: Path, state: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    moments = {key.rpartition("/")[2] for key in state if key.startswith("optimizer/")}
    trained = optimizer_name(moments)
    wanted = "muon" if isinstance(optimizer, Muon) else "adamw"
    if moments and trained != wanted:
        raise InputError(
            f"{folder} was trained with {trained}, and {wanted} cannot use its optimiser state",
            f"continue with --set optimizer={trained}, or start a new run from the weights: "
            f"--initial {folder} --output NEW",
        )


def _below(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
