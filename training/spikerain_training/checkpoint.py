"""Checkpoints: folders of safetensors and JSON files, never pickle.

`config.json` holds the configuration of the network, `weights.safetensors` its averaged weights and
a digest of both, and `training.safetensors` the state that a resumed run needs (see
`training_state`).
"""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

from safetensors import SafetensorError
from torch import Tensor

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.files import create_folder, require_folder, write_together, write_whole
from spikerain_training.config import NetworkConfig
from spikerain_training.mismatch import mismatch, variant_of
from spikerain_training.network import SpikeRain
from spikerain_training.tensor_file import packed, read_tensors

CONFIG, WEIGHTS, TRAINING = "config.json", "weights.safetensors", "training.safetensors"
BEST = "best"

_COPY_AGAIN = "copy the folder again, or name another checkpoint folder"


class CheckpointError(ModelError):
    """A checkpoint is damaged, or its configuration and weights do not match."""


def require_free(folder: Path) -> None:
    """Checks that a new checkpoint in a folder would not overwrite anything.

    Raises:
        InputError: the folder holds a run, weights or a configuration, is a file, or cannot be
            written to.
    """
    if (folder / TRAINING).exists():
        raise InputError(
            f"{folder} already holds a run",
            f"continue it: spikerain-train fit --resume --output {quote(str(folder))}, or name "
            "another folder with --output",
        )
    for name in (WEIGHTS, BEST, CONFIG):
        if (folder / name).exists():
            raise InputError(f"{folder} already holds {name}", "name another folder with --output")
    require_folder(folder)


def require_run(folder: Path) -> None:
    """Checks that a folder holds a run that can be resumed.

    Raises:
        InputError: the folder holds no `training.safetensors`.
    """
    if not (folder / TRAINING).is_file():
        raise InputError(
            f"there is no run to resume in {folder} ({TRAINING} is missing)",
            "name the folder of the run with --output, or omit --resume to start a new run",
        )


def save_network(folder: Path, config: NetworkConfig, weights: dict[str, Tensor]) -> None:
    """Writes `config.json` and `weights.safetensors`, both complete or neither.

    Raises:
        OSError: the folder cannot be written to.
    """
    create_folder(folder)
    text = (json.dumps(config.to_dict(), indent=2) + "\n").encode()
    write_together({folder / CONFIG: text, folder / WEIGHTS: packed(weights, text)})


def load_network(folder: Path) -> SpikeRain:
    """Returns the network of a checkpoint folder, in evaluation mode.

    Raises:
        InputError: `config.json` or `weights.safetensors` is missing.
        CheckpointError: the configuration is not valid, or the weights are damaged or do not match
            it.
    """
    _require_file(folder, CONFIG)
    network = SpikeRain(_read_config(folder / CONFIG))
    _require_file(folder, WEIGHTS)
    try:
        weights = read_tensors(folder / WEIGHTS, (folder / CONFIG).read_bytes())
        different = mismatch(weights, network)
        if not different:
            network.load_state_dict(weights, strict=True)
    except (ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder}: {WEIGHTS} is damaged ({shortened(error)})", _COPY_AGAIN
        ) from error
    if different:
        named = variant_of(weights) or "another network"
        raise CheckpointError(
            f"{folder}: {WEIGHTS} does not match {CONFIG}: the weights are those of {named}, the "
            f"configuration is that of {network.config.variant} ({different})",
            _COPY_AGAIN,
        )
    return network.eval()


def _read_config(path: Path) -> NetworkConfig:
    try:
        return NetworkConfig.from_dict(json.loads(path.read_text("utf-8")))
    except InputError as error:
        raise CheckpointError(f"{path}: {error.cause}", _COPY_AGAIN) from error
    # Not JSON, not text, or nested too deeply.
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}", _COPY_AGAIN) from error


def _require_file(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise InputError(
            f"{folder} is not a checkpoint folder ({name} is missing)",
            "name a folder written by: spikerain-train fit --data FOLDER --output FOLDER",
        )


def shortened(error: Exception) -> str:
    """Returns the text of an error in one line, cut off after 200 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."


def write_text(path: Path, text: str) -> None:
    """Writes a text file; it appears complete or not at all."""
    write_whole(path, text.encode())
