"""Derains a tree: skips finished inputs, starts workers and cleans up after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from spikerain_edge.batch.batch import Batch
from spikerain_edge.batch.cluster import cluster_workers, joined_ray, local_ray
from spikerain_edge.batch.manifest import Manifest, Record, origin_of
from spikerain_edge.batch.outcome import Settings
from spikerain_edge.batch.pool import Pool
from spikerain_edge.batch.tree import Input
from spikerain_edge.batch.work import (
    locked,
    make_folders,
    remove_empty,
    remove_partial_outputs,
    remove_work,
)
from spikerain_edge.cores import usable_cores


@dataclass(frozen=True)
class Place:
    """Where workers run.

    Attributes:
        address: HOST:PORT of a Ray cluster, or `auto`; None for this machine alone.
        workers: number of workers; None for as many as there are cores for.
        gpus: share of a GPU that each of them needs.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0


@dataclass(frozen=True)
class Progress:
    """Callbacks that report the progress of a batch.

    Attributes:
        began: called with the number of inputs to derain and a function that asks for an early end.
        advance: called with the numbers of parts that were finished and that were added.
    """

    began: Callable[[int, Callable[[], None]], None]
    advance: Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """Result of a batch.

    Attributes:
        before: records of the inputs that were finished before.
        now: records of those that were finished now.
    """

    before: Sequence[Record]
    now: Sequence[Record]


def derain_tree(
    inputs: Sequence[Input], settings: Settings, place: Place, progress: Progress
) -> Report:
    """Derains all inputs whose outputs are missing or outdated.

    Args:
        inputs: what to derain.
        settings: what workers derain with, and the output folder.
        place: where workers run.
        progress: who is told.

    Raises:
        InputError: another batch writes into the output folder, or the model does not exist.
        ModelError: the model cannot derain.
        StreamError: outputs cannot be written, or Ray does not work.
    """
    digest = settings.digest()
    with locked(settings.output), Manifest(settings.output) as manifest:
        before, pending = list[Record](), list[Input]()
        for item in inputs:
            record = manifest.settled(item.key, digest, origin_of(item.path))
            if record is None:
                pending.append(item)
            else:
                before.append(record)
        batch = Batch(pending, settings, digest, manifest, progress.advance)
        progress.began(len(pending), batch.stop)
        if pending:
            with _folders(pending):
                _derain(batch, settings, place)
        # A failed video keeps the segments that are done for the next try.
        if not batch.stopped:
            failed = [record.input for record in batch.records if record.status == "failed"]
            remove_work(settings.output, keep=failed)
        return Report(before, batch.records)


def _derain(batch: Batch, settings: Settings, place: Place) -> None:
    local = place.workers or max(1, usable_cores() // settings.threads)
    ray = (
        local_ray(local * settings.threads) if place.address is None else joined_ray(place.address)
    )
    with ray:
        if batch.stopped:
            return
        workers = local
        if place.address is not None:
            workers = place.workers or cluster_workers(settings.threads)
        batch.run(Pool(settings, workers, place.gpus))


@contextmanager
def _folders(inputs: Sequence[Input]) -> Iterator[None]:
    """Creates the output folders; at the end removes incomplete files and empty folders."""
    made = make_folders(inputs)
    remove_partial_outputs(inputs)
    try:
        yield
    finally:
        remove_partial_outputs(inputs)
        remove_empty(made)
