"""Files in the folder of a run: checkpoints, record, logs, sample images."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from spikerain_edge.errors import ComputeError, InputError
from spikerain_training.batches import Batch
from spikerain_training.checkpoint import BEST, TRAINING, save_network
from spikerain_training.logbook import Logbook, StepReport
from spikerain_training.network import SpikeRain
from spikerain_training.opening import log_opening
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data, append_session, changes, read_sessions
from spikerain_training.seeded_rain import HeldOutQuality
from spikerain_training.session import describe
from spikerain_training.sheets import batch_sheet, write_sheet
from spikerain_training.tensor_file import write_tensors
from spikerain_training.training_state import load_training, save_training
from spikerain_training.validation import Validation, open_validation

_log = logging.getLogger(__name__)
SAMPLES, BAD_BATCH = "samples", "bad_batch.safetensors"


@dataclass
class State:
    """State of a training run; a checkpoint saves all of it.

    Attributes:
        network: network with the current weights.
        optimizer: its optimiser.
        average: network with the averaged weights, which are validated and exported.
        step: number of optimiser steps done.
        best: best mean PSNR on luma of the validation so far, in dB.
    """

    network: SpikeRain
    optimizer: torch.optim.Optimizer
    average: AveragedModel
    step: int = 0
    best: float = -math.inf


class Run:
    """Reads and writes the folder of a run; only the first process writes.

    | file | content |
    | --- | --- |
    | `config.json`, `weights.safetensors` | checkpoint: configuration and averaged weights |
    | `best/` | checkpoint with the best validation |
    | `training.safetensors` | state that a resumed run needs |
    | `run.json` | recipe, data, code and machine of every session |
    | `log.csv`, `tensorboard/` | metrics of every step |
    | `samples/` | sample images, or clips |
    | `bad_batch.safetensors` | the batch at which training diverged |

    Args:
        fabric: Fabric of this process.
        folder: folder of the run.
        recipe: recipe of the run.
        data: folders to train and validate on.
        state: state of the training.
        initial: checkpoint with the initial weights, for the record.

    Raises:
        InputError: the validation folder is missing or holds no image, or an image cannot be used.
    """

    def __init__(
        self,
        fabric: Fabric,
        folder: Path,
        recipe: Recipe,
        data: Data,
        state: State,
        initial: Path | None = None,
    ) -> None:
        self.fabric = fabric
        self.folder = folder
        self.recipe = recipe
        self.data = data
        self.state = state
        self.initial = initial
        self.held_out: Validation | None = None
        self._logbook: Logbook | None = None
        if data.validation and fabric.is_global_zero:
            half = data.rainy_half.get(data.validation)
            self.held_out = open_validation(data.validation, half, recipe.config().frames)

    def restore(self) -> None:
        """Loads the training state from the folder.

        Raises:
            InputError: the folder holds no training state, or that of another network or
                optimiser, or the run has done more steps than the recipe has.
            CheckpointError: the training state is damaged.
        """
        state = self.state
        state.step, state.best = load_training(
            self.folder,
            state.network,
            state.optimizer,
            state.average,
            self.fabric.strategy.precision,
        )
        if state.step > self.recipe.steps:
            raise InputError(
                f"the run in {self.folder} has already done {state.step} steps, more than the "
                f"{self.recipe.steps} of the recipe",
                f"raise the number of steps: --steps {2 * state.step}",
            )

    def announce(self) -> None:
        """Logs the data, the network and the device, in the first process only.

        Raises:
            InputError: a folder does not exist or holds no image, or two of its clean images have
                the same name.
        """
        if self.fabric.is_global_zero:
            device, processes = self.fabric.device, self.fabric.world_size
            log_opening(self.recipe, self.data, device, processes)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Adds the session to `run.json`, and keeps the logs open inside the context.

        Raises:
            InputError: `run.json` is damaged.
            OSError: data cannot be read, or the folder cannot be written to.
        """
        if not self.fabric.is_global_zero:
            yield
            return
        step, processes = self.state.step, self.fabric.world_size
        session = describe(self.recipe, self.data, step, processes, self.initial)
        earlier = read_sessions(self.folder) if step else []
        changed = changes(earlier[-1], session) if earlier else []
        if changed:
            _log.info("changed since the last session: %s", ", ".join(changed))
        if earlier and _validates_otherwise(earlier[-1], session):
            # Figures of other images say nothing about which weights are the best on these.
            self.state.best = -math.inf
        with Logbook(self.folder, step) as self._logbook:
            append_session(self.folder, session)
            yield

    def log(self, progress: StepReport) -> None:
        """Logs the metrics of a step."""
        if self._logbook:
            self._logbook.write(progress)

    def save(self) -> None:
        """Writes the checkpoint and the training state."""
        if not self._logbook:
            return
        state = self.state
        save_network(self.folder, state.network.config, self._averaged().state_dict())
        save_training(
            self.folder,
            state.network,
            state.optimizer,
            state.average,
            state.step,
            state.best,
            self.fabric.strategy.precision,
        )
        self._logbook.flush()

    def validate(self, batch: Batch) -> HeldOutQuality | None:
        """Validates the averaged weights, saves them if they are the best, saves samples.

        Args:
            batch: the last batch; its images are the samples if there is no validation folder.

        Returns:
            Metrics on the held-out images; None without a validation folder.
        """
        if not self.fabric.is_global_zero:
            return None
        network = self._averaged()
        sample = self.folder / SAMPLES / f"{self.state.step:07d}.png"
        if not self.held_out:
            rainy, clean, previous = batch
            with torch.no_grad():
                restored = network(rainy, previous)
            write_sheet(sample, batch_sheet(rainy, restored, clean))
            return None
        measured = self.held_out.measure(network, sample)
        if measured.psnr > self.state.best:
            self.state.best = measured.psnr
            save_network(self.folder / BEST, network.config, network.state_dict())
        return measured

    def stop_diverged(self, batch: Batch, restored: Tensor) -> NoReturn:
        """Saves the batch at which the training diverged, and stops the run.

        Raises:
            ComputeError: always.
        """
        path = self.folder / BAD_BATCH
        if self.fabric.global_rank:
            path = path.with_stem(f"{path.stem}.{self.fabric.global_rank}")
        images = {name: value for name, value in batch._asdict().items() if value is not None}
        tensors = {**images, "restored": restored.detach()}
        write_tensors(path, tensors)
        lower = f"--set learning_rate={self.recipe.learning_rate / 4:g}"
        saved = (self.folder / TRAINING).is_file()
        raise ComputeError(
            f"the loss or the gradient is not finite at step {self.state.step} (the batch is saved "
            f"in {path}, {'the last checkpoint is kept' if saved else 'no checkpoint yet'})",
            f"resume with a lower learning rate: --resume {lower}"
            if saved
            else f"start again with a lower learning rate: {lower}",
        )

    def _averaged(self) -> SpikeRain:
        network: SpikeRain = self.state.average.module  # type: ignore[assignment]
        return network


def _validates_otherwise(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two sessions validate on images of other content."""
    old, new = (session.get("validation") or {} for session in (before, now))
    return old.get("sha256") != new.get("sha256")
