"""Chooses the samples that a process sees at each step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch.utils.data import Sampler

from spikerain_edge.errors import InputError


@dataclass(frozen=True)
class BatchShare:
    """The part of every batch that one of several processes works on.

    Attributes:
        batch: samples per step over all processes.
        rank: number of this process.
        processes: how many there are.

    Raises:
        InputError: the batch is not a multiple of the number of processes.
    """

    batch: int
    rank: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        if self.batch % self.processes:
            raise InputError(
                f"a batch of {self.batch} cannot be shared by {self.processes} processes",
                f"set a multiple: --set batch={self.processes}",
            )

    @property
    def size(self) -> int:
        """Samples per step of this process."""
        return self.batch // self.processes


class StepSampler(Sampler[int]):
    """Yields the indices of one process, from one step to another.

    Step `k` takes samples `k * batch` to `(k + 1) * batch - 1`, cut into equal parts. So a
    batch does not depend on the number of processes, and a resumed run continues where it stopped.
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
