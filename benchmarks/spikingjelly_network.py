"""SpikeRain in its published form without optimisations, built from the layers of SpikingJelly.

It was written from the description of the network only. Tests compare results with it, and
benchmarks compare speed. Tensors are `(T, B, C, H, W)`. Every unit runs its own neuron on the
concatenation that it reads, the image is embedded at every timestep, and attention computes means
of gated features. Neurons keep their membrane potentials between calls, so call `reset_net` before
every call.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from spikingjelly.activation_based import layer, neuron, surrogate
from spikingjelly.activation_based.functional import reset_net
from torch import Tensor, nn
from torch.nn import functional

from spikerain_edge.images import Image
from spikerain_training.config import NetworkConfig
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore

__all__ = ["SpikingJellySpikeRain", "copy_weights", "published_form", "reset_net"]


class SpikingJellySpikeRain(nn.Module):
    """SpikeRain from SpikingJelly layers; input and output are `(B, 3, H, W)` float, RGB."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width, pixels = config.width, 3 * config.shuffle**2
        tail = width if config.merge_finest else 2 * width
        self.patch_embedding = layer.Conv2d(pixels, width, 3, padding=1, bias=False, step_mode="m")
        self.level1 = _dense_blocks(config.encoder[0], width, config)
        self.to_level2 = _spiking_conv(width, 2 * width, 3, config, stride=2)
        self.level2 = _dense_blocks(config.encoder[1], 2 * width, config)
        self.to_level3 = _spiking_conv(2 * width, 4 * width, 3, config, stride=2)
        self.level3 = _dense_blocks(config.encoder[2], 4 * width, config)
        self.back3 = _dense_blocks(config.decoder[2], 4 * width, config)
        self.from_level3 = _upsampling(4 * width, config)
        self.join2 = _spiking_conv(4 * width, 2 * width, 1, config)
        self.back2 = _dense_blocks(config.decoder[1], 2 * width, config)
        self.from_level2 = _upsampling(2 * width, config)
        self.join1 = (
            _spiking_conv(2 * width, width, 1, config) if config.merge_finest else nn.Identity()
        )
        self.back1 = _dense_blocks(config.decoder[0], tail, config)
        self.time_weights = nn.Parameter(torch.ones(config.timesteps))
        self.arfe = _ARFE(tail, config.enhancement_reduction) if config.gates else nn.Identity()
        self.to_image = nn.Conv2d(tail, pixels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Returns the derained images; H and W must be multiples of 4 (8 with `shuffle=2`)."""
        shuffled = functional.pixel_unshuffle(image, self.config.shuffle)
        presented = torch.stack([shuffled] * self.config.timesteps)
        fine = self.level1(self.patch_embedding(presented))
        middle = self.level2(self.to_level2(fine))
        coarse = self.back3(self.level3(self.to_level3(middle)))
        middle = torch.cat([self.from_level3(coarse), middle], dim=2)
        middle = self.back2(self.join2(middle))
        fine = torch.cat([self.from_level2(middle), fine], dim=2)
        fine = self.back1(self.join1(fine))
        weights = torch.softmax(self.time_weights, dim=0)
        fused = torch.stack([weight * step for weight, step in zip(weights, fine, strict=True)])
        residual = self.to_image(self.arfe(fused.sum(dim=0)))
        return image + functional.pixel_shuffle(residual, self.config.shuffle)


def _lif(config: NetworkConfig) -> nn.Module:
    node: nn.Module = neuron.LIFNode(
        tau=config.tau,
        decay_input=False,
        v_threshold=config.threshold,
        v_reset=0.0,
        surrogate_function=surrogate.Sigmoid(alpha=config.alpha),
        step_mode="m",
    )
    return node


def _spiking_conv(
    inputs: int, outputs: int, kernel: int, config: NetworkConfig, stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        _lif(config),
        layer.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, step_mode="m"),
        layer.BatchNorm2d(outputs, step_mode="m"),
    )


def _upsampling(channels: int, config: NetworkConfig) -> nn.Sequential:
    corners = False if config.upsampling == "bilinear" else None
    doubled = nn.Upsample(scale_factor=2, mode=config.upsampling, align_corners=corners)
    return nn.Sequential(
        layer.SeqToANNContainer(doubled), _spiking_conv(channels, channels // 2, 3, config)
    )


def _dense_blocks(count: int, channels: int, config: NetworkConfig) -> nn.Sequential:
    return nn.Sequential(*(_DSRB(channels, config) for _ in range(count)))


class _DSRB(nn.Module):
    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.scus = nn.ModuleList(
            _spiking_conv(channels + i * config.growth, config.growth, 3, config)
            for i in range(config.units)
        )
        dense = channels + config.units * config.growth
        self.fusion = nn.Sequential(
            _lif(config), layer.Conv2d(dense, channels, 1, bias=False, step_mode="m")
        )
        self.mdsa = _MDSA(channels, config) if config.gates else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for scu in self.scus:
            features.append(scu(torch.cat(features, dim=2)))
        attended: Tensor = self.mdsa(self.fusion(torch.cat(features, dim=2)))
        return x + attended


class _MDSA(nn.Module):
    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.pools_time = config.temporal_gate == "pooled"
        self.temporal = nn.Linear(1, 1)
        self.channel = nn.Sequential(
            nn.Linear(channels, channels // config.attention_reduction),
            nn.ReLU(),
            nn.Linear(channels // config.attention_reduction, channels),
        )
        self.spatial = layer.Conv2d(1, 1, 3, padding=1, step_mode="m")

    def forward(self, x: Tensor) -> Tensor:
        per_pixel = x.mean(dim=2, keepdim=True)
        pooled_axes = (0, 2, 3, 4) if self.pools_time else (2, 3, 4)
        pooled = per_pixel.mean(dim=pooled_axes, keepdim=True)
        x = x * torch.sigmoid(self.temporal(pooled))
        per_channel = x.mean(dim=(0, 3, 4))
        x = x * torch.sigmoid(self.channel(per_channel))[None, :, :, None, None]
        return x * torch.sigmoid(self.spatial(x.mean(dim=2, keepdim=True)))


class _ARFE(nn.Module):
    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // reduction, 1),
            nn.ReLU(),
            nn.Conv2d(channels // reduction, channels, 1),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, channels // reduction, 1),
            nn.ReLU(),
            nn.Conv2d(channels // reduction, 1, 5, padding=2),
            nn.Sigmoid(),
        )
        self.gate = nn.Sequential(nn.Conv2d(3 * channels, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        by_channel, by_place = x * self.channel(x), x * self.spatial(x)
        gate = self.gate(torch.cat([x, by_channel, by_place], dim=1))
        enhanced: Tensor = x + gate * by_channel + (1 - gate) * by_place
        return enhanced


# Replacements from tensor names of `spikerain_training.network.SpikeRain` to names of this module.
_RENAMED = (
    (r"^embed\.", "patch_embedding."),
    (r"^encoder(\d)\.", r"level\1."),
    (r"^decoder(\d)\.", r"back\1."),
    (r"^down1\.convolve\.", "to_level2."),
    (r"^down2\.convolve\.", "to_level3."),
    (r"^up2\.convolve\.", "from_level3.1."),
    (r"^up1\.convolve\.", "from_level2.1."),
    (r"^merge(\d)\.convolve\.", r"join\1."),
    (r"^fuse\.weights$", "time_weights"),
    (r"^output\.", "to_image."),
    (r"\.units\.(\d+)\.", r".scus.\1."),
    (r"\.conv\.", ".1."),
    (r"\.norm\.", ".2."),
    (r"(\.\d+)\.merge\.", r"\1.fusion.1."),
    (r"\.attention\.squeeze\.", ".mdsa.channel.0."),
    (r"\.attention\.excite\.", ".mdsa.channel.2."),
    (r"\.attention\.(temporal|spatial)\.", r".mdsa.\1."),
    (r"^enhance\.channel_squeeze\.", "arfe.channel.1."),
    (r"^enhance\.channel_excite\.", "arfe.channel.3."),
    (r"^enhance\.spatial_squeeze\.", "arfe.spatial.0."),
    (r"^enhance\.spatial_excite\.", "arfe.spatial.2."),
    (r"^enhance\.gate\.", "arfe.gate.0."),
)


def copy_weights(ours: nn.Module, theirs: SpikingJellySpikeRain) -> None:
    """Copies weights and batch norm statistics from a `SpikeRain` network.

    Raises:
        ValueError: the networks differ: a tensor has no counterpart or more than one.
    """
    state: dict[str, Tensor] = {}
    for name, value in ours.state_dict().items():
        place = name
        for pattern, replacement in _RENAMED:
            place = re.sub(pattern, replacement, place)
        if place in state:
            raise ValueError(f"{name} and another tensor would both be copied to {place}")
        state[place] = value
    try:
        theirs.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def published_form(network: SpikeRain, *, compiled: bool = False) -> Callable[[Image], Image]:
    """Returns a function that derains with the weights of a network in its published form.

    The function takes and returns images (H, W, 3) uint8 BGR, and resets the neurons after each.

    Args:
        network: has the weights.
        compiled: whether `torch.compile` compiles it.
    """
    published = SpikingJellySpikeRain(network.config).eval()
    copy_weights(network, published)
    if compiled:
        published.compile()

    def derain(image: Image) -> Image:
        restored = restore(published, image)
        reset_net(published)
        return restored

    return derain
