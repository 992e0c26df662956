"""Checkpoints: a folder of safetensors and JSON, never pickle.

`config.json` builds the network, `weights.safetensors` fills it (the averaged weights), and
`training.safetensors` holds what a resumed run needs: live weights and optimiser moments.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import Precision
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import create_folder, require_folder, write_together, write_whole
from spikerain_training.config import NetworkConfig
from spikerain_training.mismatch import mismatch, variant_of
from spikerain_training.network import SpikeRain
from spikerain_training.optimizer import Muon, optimizer_name

CONFIG, WEIGHTS, TRAINING = "config.json", "weights.safetensors", "training.safetensors"
BEST = "best"


_COPY_AGAIN = "copy it again, or name a folder written by: spikerain-train fit --output FOLDER"


class CheckpointError(ModelError):
    """A checkpoint is damaged."""


def require_free(folder: Path) -> None:
    """Keeps what is about to be written from replacing a run, weights or a file of the user's.

    Raises:
        InputError: the folder holds one of them, is a file, or cannot be written to.
    """
    if (folder / TRAINING).exists():
        raise InputError(
            f"{folder} holds a run",
            "go on with fit --resume, or name another folder with --output",
        )
    for name in (WEIGHTS, BEST, CONFIG):
        if (folder / name).exists():
            raise InputError(f"{folder} holds {name}", "name another folder with --output")
    require_folder(folder)


def require_run(folder: Path) -> None:
    """Checks that a folder holds a run that can be resumed.

    Raises:
        InputError: it does not.
    """
    if not (folder / TRAINING).is_file():
        raise InputError(f"there is no run to resume in {folder}", "check --output")


def save_network(folder: Path, config: NetworkConfig, weights: dict[str, Tensor]) -> None:
    """Writes `config.json` and `weights.safetensors`, whole and together or not at all."""
    create_folder(folder)
    text = json.dumps(config.to_dict(), indent=2) + "\n"
    write_together({folder / CONFIG: text.encode(), folder / WEIGHTS: packed(weights)})


def load_network(folder: Path) -> SpikeRain:
    """The network of a checkpoint folder, in evaluation mode.

    Raises:
        InputError: no such checkpoint.
        CheckpointError: the configuration is not valid, or the weights do not fit it.
    """
    _require_file(folder, CONFIG)
    network = SpikeRain(_read_config(folder / CONFIG))
    _require_file(folder, WEIGHTS)
    try:
        weights = load_file(folder / WEIGHTS)
        different = mismatch(weights, network)
        if not different:
            network.load_state_dict(weights, strict=True)
    except (ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder}: weights do not fit {CONFIG}, {WEIGHTS} is damaged: {_shortened(error)}",
            _COPY_AGAIN,
        ) from error
    if different:
        named = variant_of(weights) or "another network"
        raise CheckpointError(
            f"{folder}: weights do not fit {CONFIG}, they are of {named} and it is of "
            f"{network.config.variant}: {different}",
            _COPY_AGAIN,
        )
    return network.eval()


def _read_config(path: Path) -> NetworkConfig:
    try:
        return NetworkConfig.from_dict(json.loads(path.read_text("utf-8")))
    except InputError as error:
        raise CheckpointError(f"{path}: {error.cause}", _COPY_AGAIN) from error
    # Neither JSON nor text, or nested without end.
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}", _COPY_AGAIN) from error


def _require_file(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise InputError(
            f"no checkpoint in {folder}, {name} is missing",
            "name a folder written by: spikerain-train fit --output FOLDER",
        )


def save_training(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module,
    step: int,
    best: float = -math.inf,
    precision: Precision | None = None,
) -> None:
    """Writes live and averaged weights, optimiser moments, step and best validation reached.

    Where `precision` scales the loss, the scale is kept too.
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
    """Restores what `save_training` wrote; returns the step and the best validation reached.

    Raises:
        InputError: the folder holds no training state, or that of another network or optimiser.
        CheckpointError: the training state is damaged.
    """
    require_run(folder)
    try:
        state = load_file(folder / TRAINING)
        _require_network(folder, _below("network/", state), network)
        _require_optimizer(folder, state, optimizer)
        network.load_state_dict(_below("network/", state), strict=True)
        average.load_state_dict(_below("average/", state), strict=True)
        step, best = int(state["step"]), float(state.get("best", -math.inf))
    except (RuntimeError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder / TRAINING}: the training state is damaged ({_shortened(error)})",
            f"copy it again, or start a new run from its weights: --initial {folder} --output NEW",
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
            f"{folder} holds the training state of {trained}, which does not fit what is to be "
            f"trained ({different})",
            "resume without changing variant or network, or start a new run from its weights: "
            f"--initial {folder} --output NEW",
        )


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."


def _require_optimizer(
    folder: Path, state: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    moments = {key.rpartition("/")[2] for key in state if key.startswith("optimizer/")}
    trained = optimizer_name(moments)
    wanted = "muon" if isinstance(optimizer, Muon) else "adamw"
    if moments and trained != wanted:
        raise InputError(
            f"{folder} was trained with {trained}, and {wanted} cannot use its optimiser state",
            f"go on with --set optimizer={trained}, or start a new run from its weights: "
            f"--initial {folder}",
        )


def _below(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes a safetensors file that appears whole or not at all."""
    write_whole(path, packed(tensors))


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors in the format of a safetensors file."""
    return save({name: value.contiguous().cpu() for name, value in tensors.items()})


def write_text(path: Path, text: str) -> None:
    """Writes a text file that appears whole or not at all."""
    write_whole(path, text.encode())
