from __future__ import annotations

import numpy as np
import pytest

from spikerain_edge.gate.crops import CropPlan

SIZES = [(480, 640), (1080, 1920), (192, 192), (100, 500), (16, 16)]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_is_looked_at_in_turn(size: tuple[int, int]) -> None:
    plan = CropPlan(size)
    seen = np.zeros(size, bool)
    for _ in range(len(plan)):
        seen[plan.next(np.zeros((*size, 3), np.uint8))[0]] = True

    assert seen.all()


def test_each_test_also_looks_at_a_smooth_part() -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    image[:, 320:] = np.random.default_rng(0).integers(0, 180, (480, 320, 3))
    plan = CropPlan((480, 640))
    starts = {boxes[-1][1].start for boxes in (plan.next(image) for _ in range(50)) if boxes[1:]}

    assert starts
    assert max(starts) < 320


def test_a_test_takes_a_twentieth_of_the_work_of_a_second_at_most() -> None:
    plan = CropPlan((480, 640))
    boxes = plan.next(np.zeros((480, 640, 3), np.uint8))
    pixels = sum(
        (rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in boxes
    )

    assert 2 * pixels <= 0.05 * 25 * 480 * 640


def test_engines_of_a_fixed_size_are_given_whole_frames() -> None:
    boxes = CropPlan((480, 640), whole=True).next(np.zeros((480, 640, 3), np.uint8))

    assert boxes == [(slice(0, 480), slice(0, 640))]
