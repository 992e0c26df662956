"""The SpikeRain network: spiking encoder and decoder, temporal fusion, analogue output."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spikerain_training.blocks import ARFE, DSRB, Down, Merge, TemporalFusion, Up
from spikerain_training.config import NetworkConfig

START_LOGIT = -3.0
"""Logit of the share of the previous frame in a network that has not learned it yet."""


def _blocks(count: int, channels: int, config: NetworkConfig) -> nn.Sequential:
    return nn.Sequential(*(DSRB(channels, config) for _ in range(count)))


class SpikeRain(nn.Module):
    """The SpikeRain network, which removes rain from images (WACV 2026) or frames of a video.

    The forward pass keeps no state. Inputs and output are RGB in [0, 1], float, of shape
    `(B, 3, H, W)`, with H and W of at least two pixels. Sizes that are not multiples of
    `config.stride` are reflect-padded on the right and bottom, and the output is cropped. The
    output is not clipped.

    With `config.frames == 2`, the patch embedding also reads how the image differs from the
    previous frame: `change = image - previous`. The output convolution has a fourth channel, the
    logit of the share `a` that is taken from the previous frame, per pixel:

        a = sigmoid(logit)
        restored = image + residual - a * change

    Where rain hides a place in one frame only, `a = 1` shows what the previous frame saw there.
    Without a previous frame the change is zero, as in a still picture.

    **Primitives.** With `gates = false` and `upsampling = "nearest"` (`nano-spike`), the network
    consists of LIF neurons, convolutions and sums. A convolution of a concatenation is the sum of
    convolutions of its parts, and nearest upsampling followed by a 3x3 convolution is a fixed set
    of synapses. Batch norm folds into the convolution before it. `conv` below includes it, `[...]`
    is a concatenation, and each stage has one block of three units. At every timestep:

        f0 = embed(pixel_unshuffle(image))           the same current at every timestep
        block(f): s0 = LIF(f), s1 = LIF(units.0(s0)), s2 = LIF(units.1([s0, s1])),
                  s3 = LIF(units.2([s0, s1, s2])); returns f + merge([s0, s1, s2, s3])

        f1 = encoder1(f0);        m0 = down1.conv(LIF(f1))                  stride 2
        m1 = encoder2(m0);        c0 = down2.conv(LIF(m1))                  stride 2
        c2 = decoder3(encoder3(c0))
        m2 = up2.conv(nearest(LIF(c2)))
        m3 = decoder2(merge2.conv([LIF(m2), LIF(m1)]))                      1x1
        f2 = up1.conv(nearest(LIF(m3)))
        f3 = decoder1(merge1.conv([LIF(f2), LIF(f1)]))                      1x1

        restored = image + pixel_shuffle(output(sum over t of softmax(fuse.weights)[t] * f3[t]))

    `LIF(f1)` occurs twice, and so does `LIF(m1)`: these neurons have the same spikes, and one layer
    is enough. Only `f0` and `output` convolve other values than spikes. All neurons start at zero.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = (config.width * scale for scale in (1, 2, 4))
        tail, pixels = config.tail_width, 3 * config.shuffle**2

        self.embed = nn.Conv2d(config.frames * pixels, fine, 3, padding=1, bias=False)
        self.encoder1 = _blocks(config.encoder[0], fine, config)
        self.down1 = Down(fine, config)
        self.encoder2 = _blocks(config.encoder[1], middle, config)
        self.down2 = Down(middle, config)
        self.encoder3 = _blocks(config.encoder[2], coarse, config)
        self.decoder3 = _blocks(config.decoder[2], coarse, config)
        self.up2 = Up(coarse, config)
        self.merge2 = Merge(2 * middle, middle, config)
        self.decoder2 = _blocks(config.decoder[1], middle, config)
        self.up1 = Up(middle, config)
        self.merge1 = Merge(2 * fine, fine, config) if config.merge_finest else None
        self.decoder1 = _blocks(config.decoder[0], tail, config)
        self.fuse = TemporalFusion(config.timesteps)
        reduction = config.enhancement_reduction
        self.enhance = ARFE(tail, reduction) if config.gates else nn.Identity()
        # One more channel per pixel for the share of the previous frame.
        channels = config.frames + 2
        self.output = nn.Conv2d(tail, channels * config.shuffle**2, 3, padding=1)

    def forward(self, image: Tensor, previous: Tensor | None = None) -> Tensor:
        """Restores images.

        Args:
            image: the rainy images.
            previous: the rainy frames before them, like `image`; None for still pictures.

        Returns:
            The restored images, like `image`.

        Raises:
            ValueError: `previous` is given, but the network reads one frame, or it does not have
                the shape of `image`.
        """
        height, width = image.shape[-2:]
        padded = pad_to_multiple(image, self.config.stride)
        before = None if previous is None else pad_to_multiple(previous, self.config.stride)
        return (padded + self.residual(padded, before))[..., :height, :width]

    def residual(self, image: Tensor, previous: Tensor | None = None) -> Tensor:
        """Returns what the network adds to an image; its size is a multiple of the stride."""
        if self.config.frames == 1:
            if previous is not None:
                raise ValueError("this network reads one frame, but a previous frame was given")
            return self._decoded(image)
        change = _change(image, previous)
        decoded = self._decoded(torch.cat([image, change], dim=1))
        return decoded[:, :3] - torch.sigmoid(decoded[:, 3:]) * change

    def _decoded(self, seen: Tensor) -> Tensor:
        """Returns the output convolution at full resolution, for what the embedding reads."""
        shuffled = functional.pixel_unshuffle(seen, self.config.shuffle)
        # The image is the same at every timestep (direct encoding): embed it once.
        fine = self.embed(shuffled).repeat(self.config.timesteps, 1, 1, 1)
        fine = self.encoder1(fine)
        middle = self.encoder2(self.down1(fine))
        coarse = self.decoder3(self.encoder3(self.down2(middle)))
        middle = self.decoder2(self.merge2(self.up2(coarse), middle))
        decoded = self.up1(middle)
        if self.merge1 is None:
            fine = torch.cat([decoded, fine], dim=1)
        else:
            fine = self.merge1(decoded, fine)
        fused = self.fuse(self.decoder1(fine))
        return functional.pixel_shuffle(self.output(self.enhance(fused)), self.config.shuffle)


def _change(image: Tensor, previous: Tensor | None) -> Tensor:
    if previous is None:
        return torch.zeros_like(image)
    if previous.shape != image.shape:
        raise ValueError(
            f"the previous frames have the shape {tuple(previous.shape)}, the images have "
            f"{tuple(image.shape)}"
        )
    return image - previous


def start_near_identity(network: SpikeRain) -> None:
    """Scales the output convolution by 0.1: an untrained network then barely changes the image.

    The share of the previous frame starts at sigmoid(-3) = 0.05.
    """
    nn.init.zeros_(network.output.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        network.output.weight.mul_(0.1)
        network.output.bias[3 * network.config.shuffle**2 :] = START_LOGIT  # type: ignore[index]


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Reflect-pads `(B, C, H, W)` on the right and bottom to multiples of `multiple`.

    A side that is shorter than its padding is reflected repeatedly.
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        missing = -size % multiple
        if missing:
            index = reflected_indices(size, size + missing)
            image = image.index_select(axis, index.to(image.device))
    return image


def reflected_indices(size: int, length: int) -> Tensor:
    """Returns indices `0 .. length-1` reflected into `0 .. size-1`; the border is not repeated."""
    period = max(1, 2 * (size - 1))
    index = torch.arange(length) % period
    return torch.minimum(index, period - index) if size > 1 else torch.zeros_like(index)
