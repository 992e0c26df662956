"""Batches of training samples, made ahead by other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spikerain_edge.errors import SpikeRainError
from spikerain_training.datasets import training_samples
from spikerain_training.hardware import ignore_interrupts
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.step_sampler import BatchShare, StepSampler

Batch = tuple[Tensor, Tensor]


class SamplesOrErrors(Dataset[Batch | SpikeRainError]):
    """Samples of a data set, or the errors that they cause.

    An error that a worker raises reaches the loop as the text of a traceback; one that it returns
    arrives whole.

    Args:
        samples: the data set.
    """

    def __init__(self, samples: Dataset[Batch]) -> None:
        self._samples = samples

    def __getitem__(self, index: int) -> Batch | SpikeRainError:
        try:
            return self._samples[index]
        except SpikeRainError as error:
            return error


@contextmanager
def drawn_batches(
    fabric: Fabric, recipe: Recipe, data: Data, step: int
) -> Iterator[Iterator[Batch]]:
    """Batches of this process, from `step` to the end; afterwards its workers may be ended."""
    over = multiprocessing.Event()
    try:
        yield _received(iter(load(fabric, recipe, data, step, over)))
    finally:
        over.set()


def load(fabric: Fabric, recipe: Recipe, data: Data, step: int, over: Event) -> Any:
    """A loader of the batches of this process, from `step` to the end.

    Its workers take no SIGTERM before `over` is set.
    """
    share = BatchShare(recipe.batch, fabric.global_rank, fabric.world_size)
    count = recipe.steps * recipe.batch
    samples = training_samples(
        data.folders,
        recipe.crop,
        count,
        recipe.seed,
        recipe.weather,
        recipe.dry,
        data.rainy_half,
    )
    loader = DataLoader(
        SamplesOrErrors(samples),
        share.size,
        sampler=StepSampler(share, step, recipe.steps),
        collate_fn=collate,
        num_workers=1 if fabric.device.type == "cpu" else 8,
        worker_init_fn=partial(ignore_interrupts, over),
        pin_memory=fabric.device.type == "cuda",
    )
    return fabric.setup_dataloaders(loader, use_distributed_sampler=False)


def collate(samples: list[Batch | SpikeRainError]) -> Batch | SpikeRainError:
    """Batches of images (B, 3, crop, crop), the network's input in its memory layout.

    A batch with an error in it is that error.
    """
    pairs: list[Batch] = []
    for sample in samples:
        if isinstance(sample, SpikeRainError):
            return sample
        pairs.append(sample)
    rainy, clean = (torch.stack(images) for images in zip(*pairs, strict=True))
    return rainy.contiguous(memory_format=torch.channels_last), clean


def _received(batches: Iterable[Batch | SpikeRainError]) -> Iterator[Batch]:
    for batch in batches:
        if isinstance(batch, SpikeRainError):
            raise batch
        yield batch
