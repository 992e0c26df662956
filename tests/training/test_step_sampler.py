from __future__ import annotations

import pytest

from spikerain_edge.errors import InputError
from spikerain_training.step_sampler import BatchShare, StepSampler


def test_one_process_sees_every_sample_once_in_order() -> None:
    assert list(StepSampler(BatchShare(4), 0, 3)) == list(range(12))


@pytest.mark.parametrize("processes", [2, 3, 6])
def test_processes_share_each_batch_without_overlap(processes: int) -> None:
    batch, steps = 6, 4
    shares = [
        list(StepSampler(BatchShare(batch, rank, processes), 0, steps)) for rank in range(processes)
    ]
    size = batch // processes
    for step in range(steps):
        seen = [index for share in shares for index in share[step * size : (step + 1) * size]]
        assert sorted(seen) == list(range(step * batch, (step + 1) * batch))


def test_a_resumed_run_continues_with_the_next_batch() -> None:
    whole = list(StepSampler(BatchShare(6, 1, 2), 0, 5))
    first, rest = StepSampler(BatchShare(6, 1, 2), 0, 2), StepSampler(BatchShare(6, 1, 2), 2, 5)

    assert [*first, *rest] == whole
    assert (len(first), len(rest)) == (6, 9)


def test_a_batch_that_cannot_be_divided_is_refused_with_one_that_can() -> None:
    with pytest.raises(InputError, match=r"12 cannot be divided among 5 processes.*batch=15"):
        BatchShare(12, 0, 5)
