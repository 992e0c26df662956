"""The training loop, on one process or on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from spikerain_training.averaging import averaged
from spikerain_training.batches import drawn_batches
from spikerain_training.checkpoint import load_network, require_free
from spikerain_training.distillation import Teacher, distillation_loss
from spikerain_training.figures import Figures, Patience
from spikerain_training.growth import grow
from spikerain_training.hardware import Hardware, lack_of_memory, launch
from spikerain_training.logbook import StepReport
from spikerain_training.losses import LossWeights, excess_firing, loss_terms, ssim
from spikerain_training.network import SpikeRain, start_near_identity
from spikerain_training.neuron import LIF, compile_neurons
from spikerain_training.optimizer import build_optimizer
from spikerain_training.processes import share_batch_norms
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.run import Run, State
from spikerain_training.schedule import learning_rate, steepen, steepness
from spikerain_training.stability import instability, with_twins

_LESS_MEMORY = "train on smaller batches or crops, such as --set batch=4 --set crop=64"


@lack_of_memory(_LESS_MEMORY)
def fit(
    recipe: Recipe,
    data: Data,
    output: Path,
    *,
    hardware: Hardware | None = None,
    resume: bool = False,
    initial: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    progress: Callable[[StepReport], None] = lambda reached: None,
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
        progress: called after every step, in the first process only.

    Returns:
        Steps done: `recipe.steps`, or fewer when interrupted.

    Raises:
        InputError: there are no images, or nothing to resume from; recipe, data and network do not
            fit each other; a resumed run has done more steps already; `output` holds another run
            or cannot be written to.
        CheckpointError: a checkpoint is damaged.
        ComputeError: memory ran out; or loss or gradient is no longer finite, and the batch is
            saved. The last checkpoint is untouched.
    """
    if not resume:
        require_free(output)
    fabric = launch(hardware or Hardware(), recipe.precision)
    torch.manual_seed(recipe.seed)
    network, optimizer, state = prepare(fabric, recipe, initial)
    run = Run(fabric, output, recipe, data, state, initial)
    if resume:
        run.restore()
    run.announce()
    teacher = Teacher(Path(recipe.teacher), fabric.device) if recipe.teacher else None
    patience = Patience(recipe.precision)
    network.train()
    with (
        drawn_batches(fabric, recipe, data, state.step) as batches,
        run.recorded(),
        recorded_rates(state.network) as rates,
    ):
        while state.step < recipe.steps:
            rainy, clean = next(batches)
            rate, alpha = learning_rate(state.step, recipe), steepness(state.step, recipe)
            optimizer.param_groups[0]["lr"] = rate
            steepen(state.network, alpha)

            rates.clear()
            pictures = network(seen(recipe, rainy, state.step, fabric.global_rank))
            restored, twins = pictures[: len(rainy)], pictures[len(rainy) :]
            guide = teacher(rainy) if teacher else None
            terms = objective(recipe, restored, clean, rates, guide, twins)
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
            if not patience.lasts(figures.loss, figures.gradient_norm):
                run.give_up(rainy, clean, restored)
            optimizer.step()
            state.average.update_parameters(state.network)
            state.step += 1

            stopping = figures.stop > 0
            last = state.step == recipe.steps
            measured = None
            if last or state.step % recipe.validate_every == 0:
                measured = run.validate(rainy, clean)
            reached = figures.progress(state.step, rate, alpha, measured)
            run.log(reached)
            if last or stopping or state.step % recipe.save_every == 0:
                run.save()
            if fabric.is_global_zero:
                progress(reached)
            if stopping:
                break
    fabric.barrier()
    return state.step


def prepare(
    fabric: Fabric, recipe: Recipe, initial: Path | None
) -> tuple[nn.Module, torch.optim.Optimizer, State]:
    """Network and optimiser as Fabric wraps them, and what a checkpoint keeps of them.

    Raises:
        InputError: the weights to start from are those of a network that cannot be grown.
    """
    if initial:
        network = grow(load_network(initial), recipe.config())
    else:
        network = SpikeRain(recipe.config())
        start_near_identity(network)
    # Convolutions on the CPU and on tensor cores read this layout without copies of their own.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.world_size > 1:
        share_batch_norms(network)
    if recipe.compile:
        compile_neurons(network, fabric.device)
    optimizer = build_optimizer(network, recipe)
    wrapped, wrapped_optimizer = fabric.setup(network, optimizer)
    state = State(network, optimizer, averaged(network, recipe.ema))
    return wrapped, wrapped_optimizer, state


def seen(recipe: Recipe, rainy: Tensor, step: int, process: int) -> Tensor:
    """What the network is shown at a step: the rainy images, twins after them if they count."""
    return with_twins(rainy, (recipe.seed, step, process)) if recipe.stability else rainy


def objective(
    recipe: Recipe,
    restored: Tensor,
    clean: Tensor,
    rates: list[Tensor],
    guide: Tensor | None,
    twins: Tensor,
) -> dict[str, Tensor]:
    """The weighted terms of the loss, by name.

    Args:
        recipe: holds the weights.
        restored: the network's pictures (B, 3, H, W), RGB in [0, 1].
        clean: the truth.
        rates: firing rate of every neuron layer.
        guide: the teacher's pictures, where there is one.
        twins: the network's pictures of the twins of the first images, where these count.
    """
    terms = loss_terms(restored, clean, loss_weights(recipe))
    if recipe.firing_penalty:
        terms["firing"] = recipe.firing_penalty * excess_firing(rates, recipe.firing_target)
    if recipe.stability:
        terms["stability"] = recipe.stability * instability(restored, twins)
    if guide is not None:
        terms["distillation"] = recipe.distillation * distillation_loss(restored, guide, clean)
    return terms


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
