"""The training loop, for one or several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from spikerain_training.averaging import averaged
from spikerain_training.batches import Batch, drawn_batches
from spikerain_training.checkpoint import load_network, require_free
from spikerain_training.distillation import Teacher, distillation_loss
from spikerain_training.growth import grow
from spikerain_training.hardware import Hardware, lack_of_memory, launch
from spikerain_training.logbook import StepReport
from spikerain_training.losses import LossWeights, excess_firing, flicker_loss, loss_terms, ssim
from spikerain_training.network import SpikeRain, start_near_identity
from spikerain_training.neuron import LIF, compile_neurons
from spikerain_training.optimizer import build_optimizer
from spikerain_training.processes import share_batch_norms
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.rendered_clips import FRAMES
from spikerain_training.run import Run, State
from spikerain_training.schedule import learning_rate, steepen, steepness
from spikerain_training.stability import instability, with_twins
from spikerain_training.step_metrics import DivergenceCheck, StepMetrics

_LESS_MEMORY = "use smaller batches or crops, for example --set batch=4 --set crop=64"


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
    progress: Callable[[StepReport], None] = lambda report: None,
) -> int:
    """Trains a network on clean images with rendered weather, or on rainy and clean pairs.

    Args:
        recipe: settings of the training.
        data: folders to train and validate on.
        output: checkpoint folder; `Run` describes its files.
        hardware: devices to train on; None for one process on the accelerator of this machine.
        resume: continue from the training state in `output`.
        initial: checkpoint with the weights that a new run starts from; a smaller network is
            grown.
        interrupted: called after every step; if it returns True, the run is saved and stops.
        progress: called after every step, in the first process only.

    Returns:
        Number of steps done: `recipe.steps`, or fewer if the run was interrupted.

    Raises:
        InputError: a data folder is missing or holds no usable image, the recipe does not match
            the data, the hardware or the checkpoint, `output` holds another run or cannot be
            written to, or a resumed run has no training state or more steps than the recipe.
        CheckpointError: a checkpoint is damaged.
        ComputeError: memory ran out, or the loss or the gradient is not finite; the batch is then
            saved, and the last checkpoint is kept.
    """
    if not resume:
        require_free(output)
    hardware = hardware or Hardware()
    fabric = launch(hardware, recipe.precision)
    torch.manual_seed(recipe.seed)
    network, optimizer, state = prepare(fabric, recipe, initial)
    run = Run(fabric, output, recipe, data, state, initial)
    if resume:
        run.restore()
    run.announce()
    teacher = Teacher(Path(recipe.teacher), fabric.device) if recipe.teacher else None
    divergence = DivergenceCheck(recipe.precision)
    network.train()
    with (
        drawn_batches(fabric, recipe, data, state.step, hardware.workers) as batches,
        run.recorded(),
        recorded_rates(state.network) as rates,
    ):
        while state.step < recipe.steps:
            rainy, clean, previous = batch = next(batches)
            rate, alpha = learning_rate(state.step, recipe), steepness(state.step, recipe)
            optimizer.param_groups[0]["lr"] = rate
            steepen(state.network, alpha)

            rates.clear()
            outputs = network(*network_inputs(recipe, batch, state.step, fabric.global_rank))
            restored, twins = outputs[: len(rainy)], outputs[len(rainy) :]
            taught = teacher(rainy, previous) if teacher else None
            terms = objective(recipe, restored, clean, rates, taught, twins)
            loss = torch.stack(list(terms.values())).sum()

            optimizer.zero_grad()
            fabric.backward(loss)
            norm = fabric.clip_gradients(
                network, optimizer, max_norm=recipe.clip, error_if_nonfinite=False
            )
            # If SSIM is part of the loss, it is not computed a second time.
            similarity = 1 - terms["ssim"] / recipe.ssim if recipe.ssim else ssim(restored, clean)
            metrics = StepMetrics.gather(
                fabric, loss, restored, clean, similarity, rates, norm, interrupted()
            )
            if not divergence.allows(metrics.loss, metrics.gradient_norm):
                run.stop_diverged(batch, restored)
            optimizer.step()
            state.average.update_parameters(state.network)
            state.step += 1

            stopping = metrics.stop > 0
            last = state.step == recipe.steps
            measured = None
            if last or state.step % recipe.validate_every == 0:
                measured = run.validate(batch)
            report = metrics.report(state.step, rate, alpha, measured)
            run.log(report)
            if last or stopping or state.step % recipe.save_every == 0:
                run.save()
            if fabric.is_global_zero:
                progress(report)
            if stopping:
                break
    fabric.barrier()
    return state.step


def prepare(
    fabric: Fabric, recipe: Recipe, initial: Path | None
) -> tuple[nn.Module, torch.optim.Optimizer, State]:
    """Returns the network and the optimiser, wrapped by Fabric, and the state of the training.

    Raises:
        InputError: `initial` is not a checkpoint, or its network cannot be grown into that of the
            recipe.
        CheckpointError: `initial` is damaged.
    """
    if initial:
        network = grow(load_network(initial), recipe.config())
    else:
        network = SpikeRain(recipe.config())
        start_near_identity(network)
    # Convolutions on the CPU and on tensor cores read this memory layout without copying it.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.world_size > 1:
        share_batch_norms(network)
    if recipe.compile:
        compile_neurons(network, fabric.device)
    optimizer = build_optimizer(network, recipe)
    wrapped, wrapped_optimizer = fabric.setup(network, optimizer)
    state = State(network, optimizer, averaged(network, recipe.ema))
    return wrapped, wrapped_optimizer, state


def network_inputs(recipe: Recipe, batch: Batch, step: int, process: int) -> tuple[Tensor, ...]:
    """Returns the inputs of a step: the rainy images, and the frames before them if there are any.

    If the recipe uses `stability`, twins follow them.
    """
    rainy, _, previous = batch
    inputs = (rainy,) if previous is None else (rainy, previous)
    if not recipe.stability:
        return inputs
    twinned = with_twins(torch.cat(inputs, dim=1), (recipe.seed, step, process))
    return twinned.split(3, dim=1)


def objective(
    recipe: Recipe,
    restored: Tensor,
    clean: Tensor,
    rates: list[Tensor],
    taught: Tensor | None,
    twins: Tensor,
) -> dict[str, Tensor]:
    """Returns the weighted terms of the loss by name; their sum is the loss.

    Args:
        recipe: contains the weights.
        restored: outputs of the network (B, 3, H, W), RGB in [0, 1].
        clean: ground truth (B, 3, H, W).
        rates: firing rate of every neuron layer.
        taught: outputs of the teacher (B, 3, H, W); None without a teacher.
        twins: outputs for the twins of the first images; empty without `stability`.
    """
    terms = loss_terms(restored, clean, loss_weights(recipe))
    if recipe.flicker:
        terms["flicker"] = recipe.flicker * flicker_loss(restored, clean, FRAMES - 1)
    if recipe.firing_penalty:
        terms["firing"] = recipe.firing_penalty * excess_firing(rates, recipe.firing_target)
    if recipe.stability:
        terms["stability"] = recipe.stability * instability(restored, twins)
    if taught is not None:
        terms["distillation"] = recipe.distillation * distillation_loss(restored, taught, clean)
    return terms


def loss_weights(recipe: Recipe) -> LossWeights:
    """Returns the weights of the loss terms that compare outputs with the ground truth."""
    return LossWeights(recipe.ssim, recipe.l1, recipe.gradient, recipe.frequency, recipe.psnr)


@contextmanager
def recorded_rates(network: nn.Module) -> Iterator[list[Tensor]]:
    """Yields a list; every neuron layer appends its firing rate at each forward pass."""
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
