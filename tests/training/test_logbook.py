from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spikerain_training.logbook import Logbook, StepReport
from spikerain_training.seeded_rain import HeldOutQuality


def progress(step: int, loss: float, measured: HeldOutQuality | None = None) -> StepReport:
    return StepReport(step, loss, 20.0 + step, 0.5, 0.2, 1.5, 1e-3, 4.0, measured)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_step_has_a_row_with_all_metrics(tmp_path: Path) -> None:
    with Logbook(tmp_path, 0) as logbook:
        logbook.write(progress(1, 0.5))
        logbook.write(progress(2, 0.25, HeldOutQuality(25.0, 29.5, 0.9)))

    first, second = rows(tmp_path)
    assert (first["step"], float(first["loss"]), float(first["psnr"])) == ("1", 0.5, 21.0)
    assert first["validation_psnr"] == ""
    assert float(second["validation_psnr"]) == 29.5
    assert float(second["validation_rainy_psnr"]) == 25.0
    assert float(second["firing_rate"]) == 0.2


def test_a_resumed_log_drops_rows_after_the_checkpoint(tmp_path: Path) -> None:
    with Logbook(tmp_path, 0) as logbook:
        for step in range(1, 6):
            logbook.write(progress(step, float(step)))
    with (tmp_path / "log.csv").open("a") as stream:
        stream.write("6,0.1")

    with Logbook(tmp_path, 3) as logbook:
        logbook.write(progress(4, 44.0))

    assert [(row["step"], float(row["loss"])) for row in rows(tmp_path)] == [
        ("1", 1.0),
        ("2", 2.0),
        ("3", 3.0),
        ("4", 44.0),
    ]


@pytest.mark.parametrize("cut", ["12", "1200,0.5,20.0"])
def test_an_incomplete_row_is_dropped(tmp_path: Path, cut: str) -> None:
    with Logbook(tmp_path, 0) as logbook:
        logbook.write(progress(1, 1.0))
    with (tmp_path / "log.csv").open("a") as stream:
        stream.write(cut)

    with Logbook(tmp_path, 2000) as logbook:
        logbook.write(progress(2001, 44.0))

    assert [row["step"] for row in rows(tmp_path)] == ["1", "2001"]


def test_a_resumed_log_has_its_earlier_rows_from_the_start(tmp_path: Path) -> None:
    with Logbook(tmp_path, 0) as logbook:
        logbook.write(progress(1, 1.0))

    with Logbook(tmp_path, 1):
        assert [row["step"] for row in rows(tmp_path)] == ["1"]


def test_tensorboard_has_the_same_metrics(tmp_path: Path) -> None:
    with Logbook(tmp_path, 0) as logbook:
        logbook.write(progress(1, 0.5))
        logbook.write(progress(2, 0.25, HeldOutQuality(25.0, 29.5, 0.9)))

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert [event.value for event in events.Scalars("validation/psnr")] == [29.5]
    tags = {"firing_rate", "gradient_norm", "learning_rate", "validation/rainy_psnr"}
    assert tags <= set(events.Tags()["scalars"])
