"""Building blocks of SpikeRain.

Feature maps between blocks are analogue tensors `(T * B, C, H, W)`: time is folded into the batch,
time-major. Only neurons and the means of the attention combine different timesteps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spikerain_training.config import NetworkConfig
from spikerain_training.neuron import LIF


def neuron(config: NetworkConfig) -> LIF:
    """Returns a neuron layer with the settings of `config`."""
    return LIF(config.timesteps, config.tau, config.threshold, config.alpha)


class ConvNorm(nn.Module):
    """Convolution of spikes without bias, followed by batch norm over the `T * B` images."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, spikes: Tensor) -> Tensor:
        return self.norm(self.conv(spikes))


class MDSA(nn.Module):
    """Multi-dimensional spiking attention: a temporal, a channel and a spatial gate in turn."""

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        squeezed = max(1, channels // config.attention_reduction)
        self.timesteps = config.timesteps
        self.per_timestep = config.temporal_gate == "per-timestep"
        self.temporal = nn.Linear(1, 1)
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)
        self.spatial = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        steps = features.unflatten(0, (self.timesteps, -1))
        means = steps.mean(dim=(3, 4))
        pooled = means.mean(dim=2, keepdim=True)
        if not self.per_timestep:
            pooled = pooled.mean(dim=0, keepdim=True)
        temporal = torch.sigmoid(self.temporal(pooled))
        # The means of the gated features follow from `means`, without a second pass over pixels.
        gated_means = (means * temporal).mean(dim=0)
        channel = torch.sigmoid(self.excite(functional.relu(self.squeeze(gated_means))))
        gated = (steps * (temporal * channel)[..., None, None]).flatten(0, 1)
        spatial = torch.sigmoid(self.spatial(gated.mean(dim=1, keepdim=True)))
        return gated * spatial


class DSRB(nn.Module):
    """Dense spiking residual block.

    SCU `i` (spiking convolution unit) reads the spikes of the block input and of all earlier SCUs.
    A neuron acts per element and has no parameters, so the spikes of a feature are computed once
    and used by all later SCUs.
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        widths = [channels + i * config.growth for i in range(config.units + 1)]
        self.units = nn.ModuleList(ConvNorm(width, config.growth, 3) for width in widths[:-1])
        self.neurons = nn.ModuleList(neuron(config) for _ in widths)
        self.merge = nn.Conv2d(widths[-1], channels, 1, bias=False)
        self.attention = MDSA(channels, config) if config.gates else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        spikes = self.neurons[0](features)
        for unit, fire in zip(self.units, self.neurons[1:], strict=True):
            spikes = torch.cat([spikes, fire(unit(spikes))], dim=1)
        return features + self.attention(self.merge(spikes))


class Down(nn.Module):
    """Halves height and width: neuron, strided convolution and batch norm."""

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.neuron = neuron(config)
        self.convolve = ConvNorm(channels, 2 * channels, 3, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        return self.convolve(self.neuron(features))


class Up(nn.Module):
    """Doubles height and width; neuron, convolution and batch norm.

    Bilinear upsampling (half-pixel centres) comes before the neurons. Nearest upsampling comes
    after them: it repeats spikes, so a quarter of the neurons is enough.
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.nearest = config.upsampling == "nearest"
        self.neuron = neuron(config)
        self.convolve = ConvNorm(channels, channels // 2, 3)

    def forward(self, features: Tensor) -> Tensor:
        if self.nearest:
            return self.convolve(
                functional.interpolate(self.neuron(features), scale_factor=2, mode="nearest")
            )
        doubled = functional.interpolate(
            features, scale_factor=2, mode="bilinear", align_corners=False
        )
        return self.convolve(self.neuron(doubled))


class Merge(nn.Module):
    """Concatenates decoder and skip connection, and reduces the channels by a convolution."""

    def __init__(self, inputs: int, outputs: int, config: NetworkConfig) -> None:
        super().__init__()
        self.neuron = neuron(config)
        self.convolve = ConvNorm(inputs, outputs, 1)

    def forward(self, decoded: Tensor, skipped: Tensor) -> Tensor:
        return self.convolve(self.neuron(torch.cat([decoded, skipped], dim=1)))


class TemporalFusion(nn.Module):
    """Weighted sum over time, `(T * B, C, H, W) -> (B, C, H, W)`, with softmax weights."""

    def __init__(self, timesteps: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(timesteps))

    def forward(self, features: Tensor) -> Tensor:
        steps = features.unflatten(0, (len(self.weights), -1))
        return torch.einsum("t,tbchw->bchw", torch.softmax(self.weights, 0).to(steps), steps)


class ARFE(nn.Module):
    """Adaptive residual feature enhancement of the fused analogue features.

    `g * ca + (1 - g) * sa + x`, where `ca` and `sa` are `x` after channel attention and spatial
    attention, and the gate `g` is computed from `[x, ca, sa]`.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        squeezed = max(1, channels // reduction)
        self.channel_squeeze = nn.Conv2d(channels, squeezed, 1)
        self.channel_excite = nn.Conv2d(squeezed, channels, 1)
        self.spatial_squeeze = nn.Conv2d(channels, squeezed, 1)
        self.spatial_excite = nn.Conv2d(squeezed, 1, 5, padding=2)
        self.gate = nn.Conv2d(3 * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        mean = features.mean(dim=(2, 3), keepdim=True)
        channel = self.channel_excite(functional.relu(self.channel_squeeze(mean)))
        spatial = self.spatial_excite(functional.relu(self.spatial_squeeze(features)))
        by_channel = features * torch.sigmoid(channel)
        by_place = features * torch.sigmoid(spatial)
        gate = torch.sigmoid(self.gate(torch.cat([features, by_channel, by_place], dim=1)))
        return gate * by_channel + (1 - gate) * by_place + features
