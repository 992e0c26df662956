"""Hands tasks to workers on a Ray cluster, and replaces those that die."""

from __future__ import annotations

import logging
import time
from typing import Any

import ray
import ray.exceptions

from spikerain_edge.batch.outcome import Settings
from spikerain_edge.batch.room import require_room
from spikerain_edge.batch.task import Finished, Task
from spikerain_edge.batch.worker import Worker
from spikerain_edge.errors import SpikeRainError, StreamError

_log = logging.getLogger(__name__)

# Workers in a row that die while they load the model until the batch is given up.
_MOST_DEAD = 3
# Seconds to wait for a first worker on a cluster that is busy.
_PATIENCE = 300.0


class Pool:
    """Workers on the nodes of a cluster; those that die are replaced.

    Each has one task at a time, so that what waits stays with the caller.

    Args:
        settings: what workers derain with.
        workers: how many to keep.
        gpus: share of a GPU that each of them needs.

    Raises:
        InputError: the cluster has too few cores or GPUs for one worker.
    """

    def __init__(self, settings: Settings, workers: int, gpus: float = 0.0) -> None:
        require_room(ray.cluster_resources(), settings.threads, gpus)
        self._settings = settings
        self._digest = settings.digest()
        self._actor: Any = ray.remote(Worker).options(
            num_cpus=settings.threads, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._loading: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Task]] = {}
        self._dead = 0
        self._idle_since = time.monotonic()
        for _ in range(workers):
            self._start()

    @property
    def has_idle(self) -> bool:
        """Tells whether a worker has no task."""
        return bool(self._idle)

    @property
    def is_busy(self) -> bool:
        """Tells whether a task is running."""
        return bool(self._busy)

    def submit(self, task: Task) -> None:
        """Gives a task to an idle worker."""
        worker = self._idle.pop()
        reference = getattr(worker, task.method).remote(*task.arguments)
        self._busy[reference] = worker, task

    def wait(self, seconds: float) -> list[Finished]:
        """Waits for tasks to end, and for workers to load the model.

        Args:
            seconds: return after this time even if nothing ended.

        Raises:
            SpikeRainError: the model cannot be loaded, or no node of the cluster has room.
        """
        references = [*self._busy, *self._loading]
        if not references:
            return []
        ready, _ = ray.wait(references, num_returns=1, timeout=seconds)
        if ready:
            # What else has ended is taken too.
            ready, _ = ray.wait(references, num_returns=len(references), timeout=0)
        finished = []
        for reference in ready:
            if reference in self._loading:
                self._loaded(reference)
            else:
                finished.append(self._ended(reference))
        self._check_progress()
        return finished

    def _start(self) -> None:
        worker = self._actor.remote(self._settings)
        self._loading[worker.load.remote(self._digest)] = worker

    def _loaded(self, reference: Any) -> None:
        worker = self._loading.pop(reference)
        try:
            error = ray.get(reference)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as death:
            self._dead += 1
            if self._dead == _MOST_DEAD:
                raise StreamError(
                    f"{_MOST_DEAD} workers died while they loaded the model",
                    "use fewer --workers, or free memory",
                ) from death
            self._replace(worker)
            return
        if isinstance(error, SpikeRainError):
            raise error
        self._dead = 0
        self._idle.append(worker)
        _log.debug("a worker is ready", extra={"workers": len(self._idle) + len(self._busy)})

    def _ended(self, reference: Any) -> Finished:
        worker, task = self._busy.pop(reference)
        try:
            result = ray.get(reference)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as death:
            _log.warning("a worker died (%s); its task is given to another", type(death).__name__)
            self._replace(worker)
            return Finished(task, died=True)
        self._idle.append(worker)
        return Finished(task, result)

    def _replace(self, worker: Any) -> None:
        # It may only be out of reach.
        ray.kill(worker)
        self._start()

    def _check_progress(self) -> None:
        now = time.monotonic()
        if self._idle or self._busy:
            self._idle_since = now
        elif now - self._idle_since > _PATIENCE:
            raise StreamError(
                f"no node of the Ray cluster had room for a worker within {_PATIENCE:.0f} s",
                "use fewer --threads, or wait until others have ended",
            )
