"""The training loop: AdamW, warm-up and cosine, averaged weights, resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Subset

from spikerain_training.checkpoint import load_training, save_network, save_training
from spikerain_training.config import variants
from spikerain_training.data import Image, image_paths, read_image
from spikerain_training.losses import excess_firing, restoration_loss
from spikerain_training.network import SpikeRain
from spikerain_training.neuron import LIF
from spikerain_training.paired import training_samples
from spikerain_training.recipe import Recipe
from spikerain_training.restore import restore
from spikerain_training.validation import mean_gain, severities


@dataclass(frozen=True)
class Progress:
    """What the loop reports after a step.

    Attributes:
        step: optimiser steps done.
        loss: loss of this step.
        firing_rate: mean firing rate over all neuron layers.
        gain: PSNR gain on luma over the rainy input in dB, where this step was validated.
    """

    step: int
    loss: float
    firing_rate: float
    gain: float | None = None


def fit(
    recipe: Recipe,
    data: Path | Mapping[Path, float],
    output: Path,
    *,
    validation: Path | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Trains a network on clean photographs with rendered rain, or on rainy and clean pairs.

    Args:
        recipe: what to train and how.
        data: folder of clean images or of pairs (see `pairs`), or several with their weights.
        output: checkpoint folder; `weights.safetensors` holds the averaged weights.
        validation: folder of clean images to measure on, behind seeded medium rain.
        resume: continue from the training state in `output`.
        report: called after every step.

    Raises:
        FileNotFoundError: no images, or nothing to resume from.
        FloatingPointError: the loss is no longer finite; the last checkpoint is untouched.
    """
    torch.manual_seed(recipe.seed)
    network = SpikeRain(variants()[recipe.variant])
    start_near_identity(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    average = AveragedModel(network, multi_avg_fn=_averaging(recipe.ema), use_buffers=True)
    step = 0
    if resume:
        step = load_training(output, network, optimizer, average)
    folders = {data: 1.0} if isinstance(data, Path) else data
    count = recipe.steps * recipe.batch
    samples = training_samples(folders, recipe.crop, count, recipe.seed)
    held_out = [read_image(path) for path in image_paths(validation)] if validation else []
    batches = DataLoader(
        Subset(samples, range(step * recipe.batch, count)), recipe.batch, num_workers=1
    )
    network.train()
    with recorded_rates(network) as rates:
        forward = torch.compile(network) if recipe.compile else network
        for rainy, clean in batches:
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * schedule(step, recipe)
            rates.clear()
            loss = restoration_loss(forward(rainy), clean, recipe.l1)
            if recipe.firing_penalty:
                loss = loss + recipe.firing_penalty * excess_firing(rates, recipe.firing_target)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} at step {step}")
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            average.update_parameters(network)
            step += 1

            rate = torch.stack(rates).mean().item()
            last = step == recipe.steps
            gain = None
            if last or step % recipe.save_every == 0:
                save_network(output, network.config, average.module.state_dict())
                save_training(output, network, optimizer, average, step)
            if held_out and (last or step % recipe.validate_every == 0):
                gain = validate(average.module, held_out)
            report(Progress(step, loss.item(), rate, gain))


def start_near_identity(network: SpikeRain) -> None:
    """Shrinks the output convolution, so that an untrained network hardly changes the image."""
    with torch.no_grad():
        network.output.weight.mul_(0.1)
    nn.init.zeros_(network.output.bias)  # type: ignore[arg-type]


def schedule(step: int, recipe: Recipe) -> float:
    """Factor on the learning rate: linear warm-up, then half a cosine down to zero."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * done))


def validate(network: nn.Module, cleans: list[Image]) -> float:
    """PSNR gain on luma in dB over seeded medium rain."""
    training = network.training
    network.eval()
    before, after = mean_gain(lambda image: restore(network, image), cleans, severities()["medium"])
    network.train(training)
    return after - before


@contextmanager
def recorded_rates(network: nn.Module) -> Iterator[list[Tensor]]:
    """A list to which every neuron layer adds its firing rate whenever the network runs."""
    rates: list[Tensor] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], spikes: Tensor) -> None:
        rates.append(spikes.mean())

    layers = [module for module in network.modules() if isinstance(module, LIF)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield rates
    finally:
        for handle in handles:
            handle.remove()


def _averaging(decay: float) -> Callable[..., None]:
    """Exponential average that starts as a plain mean, so that early weights fade quickly."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + float(count)) / (10 + float(count)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, weight)
            else:
                old.copy_(new)

    return update
