"""Batches of training samples, prepared by worker processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spikerain_edge.errors import SpikeRainError
from spikerain_training.datasets import Sample, training_samples
from spikerain_training.hardware import ignore_interrupts
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.step_sampler import BatchShare, StepSampler


class Batch(NamedTuple):
    """Images of one step, (B, 3, crop, crop) each, RGB in [0, 1].

    Attributes:
        rainy: the rainy images. Restored frames of a clip follow each other.
        clean: ground truth.
        previous: the rainy frames before `rainy`, aligned with them; None for single images.
    """

    rainy: Tensor
    clean: Tensor
    previous: Tensor | None = None


class SamplesOrErrors(Dataset[Sample | SpikeRainError]):
    """Returns samples of a data set, or the `SpikeRainError` that reading them raises.

    The data loader turns an exception in a worker into the text of a traceback. An error that is
    returned as a sample keeps its type, cause and remedy.

    Args:
        samples: the data set.
    """

    def __init__(self, samples: Dataset[Sample]) -> None:
        self._samples = samples

    def __getitem__(self, index: int) -> Sample | SpikeRainError:
        try:
            return self._samples[index]
        except SpikeRainError as error:
            return error


@contextmanager
def drawn_batches(
    fabric: Fabric, recipe: Recipe, data: Data, step: int, workers: int | None = None
) -> Iterator[Iterator[Batch]]:
    """Yields the batches of this process from `step` to the last step.

    The workers stop when the context ends.

    Raises:
        InputError: the data cannot be used; raised inside the context if reading a sample fails.
    """
    over = multiprocessing.Event()
    try:
        yield _received(iter(load(fabric, recipe, data, step, over, workers)))
    finally:
        over.set()


def load(
    fabric: Fabric,
    recipe: Recipe,
    data: Data,
    step: int,
    over: Event,
    workers: int | None = None,
) -> Any:
    """Returns a data loader with the batches of this process from `step` to the last step.

    Its workers ignore SIGTERM until `over` is set. If their number is None, there is one beside a
    CPU and eight beside another device.
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
        recipe.video,
        recipe.config().frames,
    )
    loader = DataLoader(
        SamplesOrErrors(samples),
        share.size,
        sampler=StepSampler(share, step, recipe.steps),
        collate_fn=collate,
        num_workers=workers or (1 if fabric.device.type == "cpu" else 8),
        worker_init_fn=partial(ignore_interrupts, over),
        pin_memory=fabric.device.type == "cuda",
    )
    return fabric.setup_dataloaders(loader, use_distributed_sampler=False)


def collate(samples: list[Sample | SpikeRainError]) -> Batch | SpikeRainError:
    """Stacks samples to a batch; the rainy images are channels-last.

    If a sample is an error, returns the error instead.
    """
    usable: list[Sample] = []
    for sample in samples:
        if isinstance(sample, SpikeRainError):
            return sample
        usable.append(sample)
    stacked = [torch.stack(images) for images in zip(*usable, strict=True)]
    if stacked[0].ndim == 5:  # clips
        stacked = [clips.flatten(0, 1) for clips in stacked]
    rainy, clean, *previous = stacked
    return Batch(_channels_last(rainy), clean, *map(_channels_last, previous))


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _received(batches: Iterable[Batch | SpikeRainError]) -> Iterator[Batch]:
    for batch in batches:
        if isinstance(batch, SpikeRainError):
            raise batch
        yield batch
