"""Measures what Loihi's number formats cost a trained network: PSNR behind seeded rain.

Weights of spiking convolutions get 8 bits, batch norm folded in, with one scale for each
convolution. Neurons compute with states of 24 bits (`loihi_lif.py`). Everything else stays as it
is, on a host. Rows: none of it, weights alone, neurons alone, both.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from loihi_lif import SHIFT, STATE_BITS, FixedPointLIF
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import psnr_luma
from spikerain_training.blocks import DSRB, ConvNorm
from spikerain_training.checkpoint import load_network
from spikerain_training.evaluation.summary import bootstrap
from spikerain_training.network import SpikeRain
from spikerain_training.neuron import LIF
from spikerain_training.restore import restore
from spikerain_training.seeded_rain import read_scenes, severities

THRESHOLD = 1024
"""Integer that stands for the threshold: currents up to 128 times as large fit into 24 bits."""
WEIGHT_LEVELS = 127
_LARGEST = (1 << (STATE_BITS - SHIFT - 1)) - 1


class FixedPoint(nn.Module):
    """Replaces a layer of neurons by one in fixed-point arithmetic."""

    def __init__(self, neuron: LIF) -> None:
        super().__init__()
        self.timesteps, self.unit = neuron.timesteps, neuron.threshold / THRESHOLD
        self.decay = round(4096 / neuron.tau)
        self.beyond, self.all = 0, 0

    def forward(self, current: Tensor) -> Tensor:
        """Returns spikes like `current`, (T * B, C, H, W)."""
        steps = current.numpy().reshape(self.timesteps, -1)
        integers = np.rint(steps / self.unit).astype(np.int64)
        self.beyond += int((np.abs(integers) > _LARGEST).sum())
        self.all += integers.size
        layer = FixedPointLIF(integers.shape[1:], THRESHOLD, voltage_decay=self.decay)
        spikes = np.stack([layer.step(each) for each in np.clip(integers, -_LARGEST, _LARGEST)])
        return torch.from_numpy(spikes.astype(np.float32)).reshape(current.shape)


def fix_neurons(network: SpikeRain) -> SpikeRain:
    """Returns a copy with all neurons in fixed-point arithmetic."""
    fixed = copy.deepcopy(network)
    for module in list(fixed.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LIF):
                setattr(module, name, FixedPoint(child))
    return fixed


def round_weights(network: SpikeRain) -> SpikeRain:
    """Returns a copy whose spiking convolutions have weights of 8 bits."""
    rounded = copy.deepcopy(network)
    for module in rounded.modules():
        if isinstance(module, ConvNorm):
            norm = module.norm
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator]
            _round(module.conv, torch.where(scale == 0, 1.0, scale)[:, None, None, None])
        elif isinstance(module, DSRB):
            _round(module.merge, torch.ones(1))
    return rounded


def _round(convolution: nn.Conv2d, scale: Tensor) -> None:
    """Rounds weights times what batch norm multiplies them with."""
    with torch.no_grad():
        folded = convolution.weight * scale
        unit = folded.abs().max() / WEIGHT_LEVELS
        convolution.weight.copy_(torch.round(folded / unit) * unit / scale)


def middle(image: Image, side: int) -> Image:
    """The central part of an image."""
    top, left = ((length - side) // 2 if length > side else 0 for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def main() -> None:
    """Prints PSNR on luma, mean over images and severities, and the difference with its interval.

    The interval is the 95 % bootstrap over photographs, each the mean of its severities: pictures
    of one photograph are not independent.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("training/checkpoints/nano"))
    parser.add_argument("--data", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--count", type=int, default=8, help="number of photographs")
    parser.add_argument("--side", type=int, default=160, help="side of the central part in pixels")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    network = load_network(options.model)
    paths = sorted(path for path in options.data.iterdir() if path.is_file())[: options.count]
    levels = severities().values()
    scenes = [scene for level in levels for scene in read_scenes(paths, level)]
    scenes = [(middle(rainy, options.side), middle(clean, options.side)) for rainy, clean in scenes]
    makers: dict[str, Callable[[SpikeRain], SpikeRain]] = {
        "float": lambda network: network,
        "8-bit weights": round_weights,
        "24-bit neurons": fix_neurons,
        "both": lambda network: fix_neurons(round_weights(network)),
    }
    print(f"{options.model.name}, {len(paths)} photographs in {len(levels)} strengths of rain")
    reference: npt.NDArray[np.float64] | None = None
    for name, make in makers.items():
        changed = make(network)
        values = [psnr_luma(restore(changed, rainy), clean) for rainy, clean in scenes]
        of_photographs = np.reshape(values, (len(levels), -1)).mean(axis=0)
        reference = of_photographs if reference is None else reference
        (gain,) = bootstrap((of_photographs - reference)[:, None])
        layers = [each for each in changed.modules() if isinstance(each, FixedPoint)]
        beyond = sum(each.beyond for each in layers) / max(1, sum(each.all for each in layers))
        interval = f"({gain.low:+.3f} to {gain.high:+.3f})"
        difference = f"{gain.mean:>+8.3f} dB {interval}"
        print(f"{name:<16}{np.mean(values):>8.3f} dB{difference}{beyond:>10.1e} beyond")


if __name__ == "__main__":
    main()
