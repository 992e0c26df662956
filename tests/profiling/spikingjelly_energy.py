"""Prints what SpikingJelly 2's estimators say of a small network. Runs where it is installed."""

from __future__ import annotations

import json

import torch
from spikingjelly.activation_based import neuron
from spikingjelly.activation_based.op_counter import (
    LemaireEnergyCostConfig,
    SimpleEnergyCostConfig,
    estimate_simple_energy,
)

TIMESTEPS, SIDE, CHANNELS, OUTPUTS = 2, 8, 64, 4
KILOBYTES = (8, 32, 1024)


class Network(torch.nn.Module):
    """Three channels through a 3x3 convolution, LIF neurons and a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Conv2d(3, CHANNELS, 3, padding=1, bias=False)
        self.neurons = neuron.LIFNode(tau=2.0, v_threshold=0.15, v_reset=0.0, decay_input=False)
        self.convolve = torch.nn.Conv2d(CHANNELS, OUTPUTS, 1, bias=False)
        self.rates: list[float] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        current = self.embed(image)
        spikes = [self.neurons(current) for _ in range(TIMESTEPS)]
        self.rates = [each.mean().item() for each in spikes]
        return torch.stack([self.convolve(each) for each in spikes]).sum(0)


def main() -> None:
    torch.manual_seed(0)
    network = Network().eval()
    with torch.no_grad():
        report = estimate_simple_energy(network, torch.rand(1, 3, SIDE, SIDE))
    presets = {name: getattr(SimpleEnergyCostConfig, name)() for name in ("fp32", "fp16", "int8")}
    memory = LemaireEnergyCostConfig()
    found = {
        "rates": network.rates,
        "counts": report.counts,
        "prices": {name: (each.e_mac_pj, each.e_ac_pj) for name, each in presets.items()},
        "memory": {size: memory.memory_cost_pj(size * 1024) for size in KILOBYTES},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
