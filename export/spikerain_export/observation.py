"""Runs a PyTorch network in double precision and records its potentials, spikes and gate inputs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikerain_training.network import SpikeRain
from spikerain_training.neuron import LIF, charge_and_fire

Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
_SEED = 0


@dataclass(frozen=True)
class Neurons:
    """Recorded values of the neurons of one layer, all (T, C, H, W).

    Attributes:
        added: extra currents that `observe` added to the network's, float64.
        potentials: membrane potentials before the reset, float64.
        fired: whether the neuron fired.
    """

    added: Doubles
    potentials: Doubles
    fired: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Hidden:
    """Recorded output of a module before a ReLU or gate, all float64 (1, C, H, W).

    Attributes:
        added: extra values that `observe` added to the output.
        values: the output including the extra values.
    """

    added: Doubles
    values: Doubles


@dataclass(frozen=True)
class Observation:
    """Recorded values of one run of a network.

    Attributes:
        neurons: values of its neurons, by the name of their module.
        hidden: outputs of modules before a ReLU or gate, by the name of the module.
        picture: float64 (H, W, 3) BGR in levels 0..255, neither rounded nor clipped.
    """

    neurons: dict[str, Neurons]
    hidden: dict[str, Hidden]
    picture: Doubles


def in_double_precision(network: SpikeRain) -> SpikeRain:
    """Returns a copy of a network on the CPU in float64."""
    return copy.deepcopy(network).cpu().double().eval()


@torch.inference_mode()
def observe(
    network: SpikeRain,
    frames: Sequence[Bytes],
    hidden: Iterable[str] = (),
    *,
    excited: bool = False,
) -> Observation:
    """Runs a network once and records its values.

    Args:
        network: the network, in float64.
        frames: what the network reads, the image first; (H, W, 3) uint8 BGR, their sides multiples
            of the stride.
        hidden: names of the modules that run once and whose output a ReLU or a gate reads.
        excited: whether to add random values to the current of every neuron and to these outputs.
            Every channel then fires, so that every weight affects the result.
    """
    neurons: dict[str, Neurons] = {}
    units: dict[str, Hidden] = {}
    random = torch.Generator().manual_seed(_SEED) if excited else None
    with ExitStack() as watches:
        for name, module in network.named_modules():
            if isinstance(module, LIF):
                watches.enter_context(_watched_neurons(module, name, neurons, random))
        for name in hidden:
            watches.enter_context(_watched_units(network.get_submodule(name), name, units, random))
        planes = [torch.from_numpy(each[..., ::-1].transpose(2, 0, 1) / 255.0) for each in frames]
        made = network(*(each[None] for each in planes))[0].numpy()
    picture = 255 * np.ascontiguousarray(made.transpose(1, 2, 0)[..., ::-1])
    return Observation(neurons, units, picture)


@contextmanager
def _watched_neurons(
    layer: LIF, name: str, noted: dict[str, Neurons], random: torch.Generator | None
) -> Iterator[None]:
    def note(layer: LIF, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        current: Tensor = inputs[0].unflatten(0, (layer.timesteps, -1))[:, 0]
        added = torch.zeros_like(current)
        if random is not None:
            # Larger than the channel's currents plus the threshold: every channel fires somewhere.
            reach = 2 * (layer.threshold + current.abs().amax(dim=(0, 2, 3), keepdim=True))
            added = reach * (2 * _uniform(current, random) - 1)
        potentials, spikes = charge_and_fire(
            current + added, 1.0 - 1.0 / layer.tau, layer.threshold
        )
        noted[name] = Neurons(added.numpy(), potentials.numpy(), spikes.numpy() != 0)
        return output if random is None else spikes

    handle = layer.register_forward_hook(note)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _watched_units(
    module: torch.nn.Module, name: str, noted: dict[str, Hidden], random: torch.Generator | None
) -> Iterator[None]:
    def note(module: torch.nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        added = torch.zeros_like(output)
        if random is not None:
            added = output.abs() - output + _uniform(output, random)
        values = output + added
        # The output of a linear layer is (1, C); the graph computes it as (1, C, 1, 1).
        shape = (*output.shape, *[1] * (4 - output.ndim))
        noted[name] = Hidden(added.reshape(shape).numpy(), values.reshape(shape).numpy())
        return values

    handle = module.register_forward_hook(note)
    try:
        yield
    finally:
        handle.remove()


def _uniform(like: Tensor, random: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=random, dtype=torch.float64)
