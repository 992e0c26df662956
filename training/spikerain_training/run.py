"""A run's folder: checkpoint, best weights, record, logs, sample images, a bad batch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from spikerain_edge.errors import ComputeError, InputError
from spikerain_edge.images import Image
from spikerain_training.checkpoint import (
    BEST,
    load_training,
    save_network,
    save_training,
    write_tensors,
)
from spikerain_training.held_out import held_out_scenes
from spikerain_training.logbook import Logbook, StepReport
from spikerain_training.network import SpikeRain
from spikerain_training.opening import log_opening
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data, append_session, changes, describe, read_sessions
from spikerain_training.restore import restore
from spikerain_training.seeded_rain import HeldOutQuality, held_out_quality
from spikerain_training.sheets import batch_sheet, scene_sheet, write_sheet

_log = logging.getLogger(__name__)
SAMPLES, BAD_BATCH = "samples", "bad_batch.safetensors"


@dataclass
class State:
    """What training changes and a checkpoint keeps.

    Attributes:
        network: the live weights.
        optimizer: its moments or momentum.
        average: the averaged weights, which are measured and shipped.
        step: optimiser steps done.
        best: best mean PSNR on luma of the validation so far, in dB.
    """

    network: SpikeRain
    optimizer: torch.optim.Optimizer
    average: AveragedModel
    step: int = 0
    best: float = -math.inf


class Run:
    """Everything of a run that lies in its folder; only the first process writes.

    `config.json` and `weights.safetensors` (averaged, last) make a checkpoint, `best/` holds the
    one that validated best, `training.safetensors` what resuming needs, `run.json` where it all
    came from, `log.csv` and `tensorboard/` the figures, `samples/` pictures to look at.

    Args:
        fabric: the processes.
        folder: of the run.
        recipe: what is trained.
        data: what is trained and measured on.
        state: what is trained.
        initial: checkpoint that the weights come from, for the record.

    Raises:
        InputError: there are no images to validate on, or one of them cannot be used.
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
        self.scenes: list[tuple[Image, Image]] = []
        self._logbook: Logbook | None = None
        if data.validation and fabric.is_global_zero:
            self.scenes = held_out_scenes(data.validation, data.rainy_half.get(data.validation))

    def restore(self) -> None:
        """Continues from the training state in the folder.

        Raises:
            InputError: there is none, it is of another network or of another optimiser, or it has
                done more steps than the recipe has.
            CheckpointError: it is damaged.
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
                f"the run in {self.folder} has done {state.step} steps already, more than "
                f"{self.recipe.steps}",
                f"give --steps above {state.step}",
            )

    def announce(self) -> None:
        """Logs what is trained on and where; the first process alone does.

        Raises:
            InputError: a folder does not exist, holds no image, or its pictures cannot be told
                apart.
        """
        if self.fabric.is_global_zero:
            device, processes = self.fabric.device, self.fabric.world_size
            log_opening(self.recipe, self.data, device, processes)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Records the session and keeps the logs open while it lasts."""
        if not self.fabric.is_global_zero:
            yield
            return
        step, processes = self.state.step, self.fabric.world_size
        session = describe(self.recipe, self.data, step, processes, self.initial)
        earlier = read_sessions(self.folder) if step else []
        changed = changes(earlier[-1], session) if earlier else []
        if changed:
            _log.info("changed since the last session: %s", ", ".join(changed))
        with Logbook(self.folder, step) as self._logbook:
            append_session(self.folder, session)
            yield

    def log(self, progress: StepReport) -> None:
        """Writes the figures of a step."""
        if self._logbook:
            self._logbook.write(progress)

    def save(self) -> None:
        """Writes the checkpoint and what resuming needs."""
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

    def validate(self, rainy: Tensor, clean: Tensor) -> HeldOutQuality | None:
        """Measures the averaged weights, keeps them if they are the best, saves sample images.

        Args:
            rainy: the last batch, to look at where there are no held-out images.
            clean: its truth.

        Returns:
            Figures on the held-out images, or none without them.
        """
        if not self.fabric.is_global_zero:
            return None
        network = self._averaged()
        sample = self.folder / SAMPLES / f"{self.state.step:07d}.png"
        if not self.scenes:
            with torch.no_grad():
                write_sheet(sample, batch_sheet(rainy, network(rainy), clean))
            return None
        restored = [restore(network, shown) for shown, _ in self.scenes]
        write_sheet(sample, scene_sheet(self.scenes, restored))
        measured = held_out_quality(self.scenes, restored)
        if measured.psnr > self.state.best:
            self.state.best = measured.psnr
            save_network(self.folder / BEST, network.config, network.state_dict())
        return measured

    def give_up(self, rainy: Tensor, clean: Tensor, restored: Tensor) -> NoReturn:
        """Saves the batch that broke the run.

        Raises:
            ComputeError: always.
        """
        path = self.folder / BAD_BATCH
        if self.fabric.global_rank:
            path = path.with_stem(f"{path.stem}.{self.fabric.global_rank}")
        tensors = {"rainy": rainy, "clean": clean, "restored": restored.detach()}
        write_tensors(path, tensors)
        raise ComputeError(
            f"loss or gradient is no longer finite at step {self.state.step}; the batch is in "
            f"{path}, the last checkpoint is untouched",
            "look at the batch, or resume with a lower learning rate: "
            "--resume --set learning_rate=5e-4",
        )

    def _averaged(self) -> SpikeRain:
        network: SpikeRain = self.state.average.module  # type: ignore[assignment]
        return network
