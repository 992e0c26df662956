"""The training loop, on one process or on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spikerain_training.averaging import averaged
from spikerain_training.checkpoint import load_network
from spikerain_training.distillation import Teacher, distillation_loss
from spikerain_training.figures import Figures
from spikerain_training.growth import grow
from spikerain_training.hardware import Hardware, ignore_interrupts, launch
from spikerain_training.logbook import Progress
from spikerain_training.losses import LossWeights, excess_firing, loss_terms, ssim
from spikerain_training.network import SpikeRain, start_near_identity
from spikerain_training.neuron import LIF, compile_neurons
from spikerain_training.optimizer import build_optimizer
from spikerain_training.paired import training_samples
from spikerain_training.pairs import Half
from spikerain_training.recipe import Recipe
from spikerain_training.run import Run, State
from spikerain_training.sampling import Share, StepSampler
from spikerain_training.schedule import learning_rate, steepen, steepness

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Data:
    """What a run sees.

    Attributes:
        folders: weight of each folder, of clean images or of pairs (see `pairs`).
        rainy_half: pictures hold a pair side by side, and this half is rainy.
        validation: folder of clean images to measure on behind seeded medium rain.
    """

    folders: Mapping[Path, float]
    rainy_half: Half | None = None
    validation: Path | None = None


def fit(
    recipe: Recipe,
    data: Data,
    output: Path,
    *,
    hardware: Hardware | None = None,
    resume: bool = False,
    initial: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> int:
    """Trains a network on clean images with rendered weather, or on degraded and clean pairs.

    Args:
        recipe: what to train and how.
        data: what to train and measure on.
        output: checkpoint folder; see `Run` for what comes to lie in it.
        hardware: where to train; this machine's accelerator, one process, unless given.
        resume: continue from the training state in `output`.
        initial: checkpoint whose weights a fresh run starts from; a smaller network is grown.
        interrupted: asked after every step; once true, the run is saved and ends.
        report: called after every step, in the first process only.

    Returns:
        Steps done: `recipe.steps`, or fewer when interrupted.

    Raises:
        FileNotFoundError: no images, or nothing to resume from.
        ValueError: recipe, data and network do not fit each other.
        FloatingPointError: loss or gradient is no longer finite; the last checkpoint is untouched,
            the batch is saved beside it.
    """
    fabric = launch(hardware or Hardware(), recipe.precision)
    torch.manual_seed(recipe.seed)
    network, optimizer, state = prepare(fabric, recipe, initial)
    run = Run(fabric, output, recipe, data.folders, data.validation, state)
    if resume:
        run.restore()
    teacher = Teacher(Path(recipe.teacher), fabric.device) if recipe.teacher else None
    batches = iter(load(fabric, recipe, data, state.step))
    network.train()
    with run.recorded(), recorded_rates(state.network) as rates:
        while state.step < recipe.steps:
            rainy, clean = next(batches)
            rate, alpha = learning_rate(state.step, recipe), steepness(state.step, recipe)
            optimizer.param_groups[0]["lr"] = rate
            steepen(state.network, alpha)

            rates.clear()
            restored = network(rainy)
            terms = loss_terms(restored, clean, loss_weights(recipe))
            if recipe.firing_penalty:
                excess = excess_firing(rates, recipe.firing_target)
                terms["firing"] = recipe.firing_penalty * excess
            if teacher:
                lesson = distillation_loss(restored, teacher(rainy), clean)
                terms["distillation"] = recipe.distillation * lesson
            loss = torch.stack(list(terms.values())).sum()

            optimizer.zero_grad()
            fabric.backward(loss)
            norm = fabric.clip_gradients(
                network, optimizer, max_norm=recipe.clip, error_if_nonfinite=False
            )
            # Where SSIM is part of the loss, it need not be computed a second time.
            alike = 1 - terms["ssim"] / recipe.ssim if recipe.ssim else ssim(restored, clean)
            figures = Figures.over_all(
                fabric, loss, restored, clean, alike, rates, norm, interrupted()
            )
            if not figures.finite(recipe.precision):
                run.give_up(rainy, clean, restored)
            optimizer.step()
            state.average.update_parameters(state.network)
            state.step += 1

            stopping = figures.stop > 0
            last = state.step == recipe.steps
            measured = None
            if last or state.step % recipe.validate_every == 0:
                measured = run.validate(rainy, clean)
            progress = figures.progress(state.step, rate, alpha, measured)
            run.log(progress)
            if last or stopping or state.step % recipe.save_every == 0:
                run.save()
            if fabric.is_global_zero:
                report(progress)
            if stopping:
                break
    fabric.barrier()
    return state.step


def prepare(
    fabric: Fabric, recipe: Recipe, initial: Path | None
) -> tuple[nn.Module, torch.optim.Optimizer, State]:
    """Network and optimiser as Fabric wraps them, and what a checkpoint keeps of them.

    Raises:
        ValueError: the weights to start from are those of another network.
    """
    if initial:
        network = started(initial, recipe)
    else:
        network = SpikeRain(recipe.config())
        start_near_identity(network)
    # Convolutions on the CPU and on tensor cores read this layout without copies of their own.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.compile:
        compile_neurons(network)
    optimizer = build_optimizer(network, recipe)
    wrapped, wrapped_optimizer = fabric.setup(network, optimizer)
    state = State(network, optimizer, averaged(network, recipe.ema))
    return wrapped, wrapped_optimizer, state


def started(initial: Path, recipe: Recipe) -> SpikeRain:
    """A network with the weights of a checkpoint; one of a smaller network is grown.

    Raises:
        ValueError: it holds a network that this one is not and cannot be grown from.
    """
    trained = load_network(initial)
    network = SpikeRain(recipe.config())
    try:
        network.load_state_dict(trained.state_dict())
    except RuntimeError:
        return grow(trained, recipe.config())
    return network


def load(fabric: Fabric, recipe: Recipe, data: Data, step: int) -> Any:
    """Batches of this process, from `step` to the end."""
    share = Share(recipe.batch, fabric.global_rank, fabric.world_size)
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
        samples,
        share.size,
        sampler=StepSampler(share, step, recipe.steps),
        collate_fn=collate,
        num_workers=1 if fabric.device.type == "cpu" else 8,
        worker_init_fn=ignore_interrupts,
        pin_memory=fabric.device.type == "cuda",
    )
    return fabric.setup_dataloaders(loader, use_distributed_sampler=False)


def collate(samples: list[Batch]) -> Batch:
    """Batches of images (B, 3, crop, crop), the network's input in its memory layout."""
    rainy, clean = (torch.stack(images) for images in zip(*samples, strict=True))
    return rainy.contiguous(memory_format=torch.channels_last), clean


def loss_weights(recipe: Recipe) -> LossWeights:
    """The weights of the picture's loss terms."""
    return LossWeights(recipe.ssim, recipe.l1, recipe.gradient, recipe.frequency, recipe.psnr)


@contextmanager
def recorded_rates(network: nn.Module) -> Iterator[list[Tensor]]:
    """A list to which every neuron layer adds its firing rate whenever the network runs."""
    rates: list[Tensor] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], spikes: Tensor) -> None:
        rates.append(spikes.float().mean())

    layers = [module for module in network.modules() if isinstance(module, LIF)]
    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield rates
    finally:
        for handle in handles:
            handle.remove()
