"""Chooses the samples of each step for each process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import Sampler

from spikerain_edge.errors import InputError


@dataclass(frozen=True)
class BatchShare:
    """The part of every batch that one process works on.

    Attributes:
        batch: samples per step, over all processes.
        rank: rank of this process, from 0.
        processes: number of processes.

    Raises:
        InputError: the batch is not a multiple of the number of processes.
    """

    batch: int
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.batch % self.processes:
            raise InputError(
                f"a batch of {self.batch} cannot be divided among {self.processes} processes",
                f"set a multiple of {self.processes}: --set batch={_multiple(self)}",
            )

    @property
    def size(self) -> int:
        """Samples per step in this process."""
        return self.batch // self.processes


def _multiple(share: BatchShare) -> int:
    """Returns the next larger batch size that the processes can divide."""
    return -(-share.batch // share.processes) * share.processes


class StepSampler(Sampler[int]):
    """Yields the sample indices of one process for a range of steps.

    Step `k` uses samples `k * batch` to `(k + 1) * batch - 1`, divided into equal parts. Batches do
    not depend on the number of processes, and a resumed run continues with the next batch.

    Args:
        share: part of every batch that this process works on.
        first: first step.
        last: step after the last one.
    """

    def __init__(self, share: BatchShare, first: int, last: int) -> None:
        self.share = share
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return (self.last - self.first) * self.share.size

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first, self.last):
            start = step * self.share.batch + self.share.rank * self.share.size
            yield from range(start, start + self.share.size)
