"""Writes the metrics of a run to `log.csv` and to TensorBoard event files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from spikerain_edge.files import create_folder
from spikerain_training.checkpoint import write_text
from spikerain_training.seeded_rain import HeldOutQuality

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

LOG = "log.csv"


@dataclass(frozen=True)
class StepReport:
    """Metrics of a training step, as means over the batch.

    Attributes:
        step: number of optimiser steps done.
        loss: loss of this step.
        psnr: PSNR of the outputs on RGB in dB.
        ssim: SSIM of the outputs on RGB.
        firing_rate: mean firing rate over all neuron layers.
        gradient_norm: norm of the gradient before clipping.
        learning_rate: learning rate of this step.
        alpha: steepness of the surrogate gradient.
        measured: metrics on held-out images; None if this step was not followed by a validation.
    """

    step: int
    loss: float
    psnr: float
    ssim: float
    firing_rate: float
    gradient_norm: float
    learning_rate: float
    alpha: float
    measured: HeldOutQuality | None = None


class Logbook:
    """Writes one line per step to `log.csv`, and the same metrics as TensorBoard events.

    Args:
        folder: folder of the run; events are written to its subfolder `tensorboard/`.
        step: number of steps done before; entries of later steps are removed.

    Raises:
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._names = [item.name for item in fields(StepReport) if item.name != "measured"]
        self._names += [f"validation_{item.name}" for item in fields(HeldOutQuality)]
        create_folder(folder)
        kept = _rows_up_to(folder / LOG, step, self._names) if step else []
        # Replaced in one operation: a run that is killed now must not lose its earlier entries.
        write_text(folder / LOG, _as_csv(self._names, kept))
        self._file = (folder / LOG).open("a", newline="", encoding="utf-8")
        self._rows = csv.DictWriter(self._file, self._names)
        self._events: SummaryWriter = SummaryWriter(
            str(folder / "tensorboard"), purge_step=step + 1 if step else None
        )

    def write(self, progress: StepReport) -> None:
        """Logs the metrics of one step."""
        row = {key: value for key, value in asdict(progress).items() if key != "measured"}
        if progress.measured:
            held_out = asdict(progress.measured)
            row |= {f"validation_{name}": value for name, value in held_out.items()}
        self._rows.writerow(row)
        for name, value in row.items():
            if name != "step":
                tag = name.replace("validation_", "validation/")
                self._events.add_scalar(tag, value, progress.step)

    def flush(self) -> None:
        """Writes all buffered entries to disk; called with every checkpoint."""
        self._file.flush()
        self._events.flush()

    def __enter__(self) -> Logbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._events.close()


def _rows_up_to(path: Path, step: int, names: Sequence[str]) -> list[dict[str, str]]:
    """Returns the complete rows of an earlier log up to a step."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream, restval=None) if _whole(row, names)]
    return [row for row in rows if int(row["step"]) <= step]


def _whole(row: Mapping[str, str | None], names: Sequence[str]) -> bool:
    """Whether a row has all columns; in a truncated row the step number may be wrong too."""
    return row.keys() == set(names) and None not in row.values() and str(row["step"]).isdigit()


def _as_csv(names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
