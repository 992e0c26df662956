"""`nano-spike` consists of neurons, convolutions of spikes, and sums, as its docstring says."""

from __future__ import annotations

from collections import defaultdict

import torch
from networks import randomised
from torch import Tensor
from torch.nn import functional

from spikerain_training.config import variants
from spikerain_training.network import SpikeRain


class Simulation:
    """Runs a network one timestep after the other, and keeps the potential of every neuron.

    Concatenations are sums of convolutions, batch norm is folded, and nearest upsampling with the
    convolution after it is one convolution for each of the four pixels that a spike spreads to.
    """

    def __init__(self, network: SpikeRain) -> None:
        self.config = network.config
        self.weights = network.state_dict()
        self.potentials: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
        self.spikes: dict[str, list[Tensor]] = defaultdict(list)

    def fire(self, name: str, current: Tensor) -> Tensor:
        potential = self.potentials[name] * (1 - 1 / self.config.tau) + current
        spikes = (potential >= self.config.threshold).to(current)
        self.potentials[name] = potential * (1 - spikes)
        self.spikes[name].append(spikes)
        return spikes

    def folded(self, name: str) -> tuple[Tensor, Tensor]:
        weight, bias, mean, variance = (
            self.weights[f"{name}.norm.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = weight / torch.sqrt(variance + 1e-5)
        kernel = self.weights[f"{name}.conv.weight"] * factor[:, None, None, None]
        return kernel, bias - mean * factor

    def convolve(self, name: str, *parts: Tensor, stride: int = 1) -> Tensor:
        kernel, bias = self.folded(name)
        return self.sum_of_convolutions(kernel, parts, stride) + bias[:, None, None]

    @staticmethod
    def sum_of_convolutions(kernel: Tensor, parts: tuple[Tensor, ...], stride: int = 1) -> Tensor:
        kernels = kernel.split([part.shape[1] for part in parts], dim=1)
        pairs = zip(parts, kernels, strict=True)
        padding = kernel.shape[-1] // 2
        return torch.stack(
            [functional.conv2d(*pair, stride=stride, padding=padding) for pair in pairs]
        ).sum(dim=0)

    def up(self, name: str, features: Tensor) -> Tensor:
        """A transposed convolution: every spike reaches 4x4 finer pixels."""
        kernel, bias = self.folded(f"{name}.convolve")
        # Each of the 2x2 copies of a spike is seen through the flipped 3x3 kernel.
        spread = sum(
            functional.pad(kernel.flip(2, 3), (column, 1 - column, row, 1 - row))
            for row in (0, 1)
            for column in (0, 1)
        )
        assert isinstance(spread, Tensor)
        spikes = self.fire(f"{name}.neuron", features)
        transposed = functional.conv_transpose2d(
            spikes, spread.transpose(0, 1), stride=2, padding=1
        )
        return transposed + bias[:, None, None]

    def block(self, name: str, features: Tensor) -> Tensor:
        spikes = [self.fire(f"{name}.neurons.0", features)]
        for unit in range(self.config.units):
            current = self.convolve(f"{name}.units.{unit}", *spikes)
            spikes.append(self.fire(f"{name}.neurons.{unit + 1}", current))
        merge = self.weights[f"{name}.merge.weight"]
        return features + self.sum_of_convolutions(merge, tuple(spikes))

    def step(self, embedded: Tensor) -> Tensor:
        """Returns the features that the output convolution reads, before their sum over time."""
        fine = self.block("encoder1.0", embedded)
        of_fine = self.fire("down1.neuron", fine)
        middle = self.block("encoder2.0", self.convolve("down1.convolve", of_fine, stride=2))
        of_middle = self.fire("down2.neuron", middle)
        coarse = self.block("encoder3.0", self.convolve("down2.convolve", of_middle, stride=2))
        coarse = self.block("decoder3.0", coarse)
        decoded = self.fire("merge2.neuron", self.up("up2", coarse))
        merged = self.convolve("merge2.convolve", decoded, of_middle)
        decoded = self.fire("merge1.neuron", self.up("up1", self.block("decoder2.0", merged)))
        merged = self.convolve("merge1.convolve", decoded, of_fine)
        return self.block("decoder1.0", merged)

    def run(self, image: Tensor) -> Tensor:
        unshuffled = functional.pixel_unshuffle(image, self.config.shuffle)
        embedded = functional.conv2d(unshuffled, self.weights["embed.weight"], padding=1)
        shares = torch.softmax(self.weights["fuse.weights"], 0)
        fused = torch.stack([share * self.step(embedded) for share in shares]).sum(dim=0)
        output = functional.conv2d(
            fused, self.weights["output.weight"], self.weights["output.bias"], padding=1
        )
        return image + functional.pixel_shuffle(output, self.config.shuffle)


def test_nano_spike_is_a_simulation_of_neurons_and_synapses() -> None:
    network = randomised(variants()["nano-spike"]).double()
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(4)).double()
    simulation = Simulation(network)

    with torch.no_grad():
        simulated = simulation.run(image)
        restored = network(image)

    rates = [torch.stack(spikes).mean().item() for spikes in simulation.spikes.values()]
    # Six blocks of four layers, two on the way down, two on the way up, two before the merges.
    assert len(rates) == 30
    assert all(0.01 < rate < 0.99 for rate in rates), "a silent layer would hide differences"
    torch.testing.assert_close(restored, simulated, rtol=0, atol=1e-9)
