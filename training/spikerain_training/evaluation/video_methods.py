"""Methods that derain clips: checkpoints, shipped models and ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from spikerain_edge import Derainer
from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_training.checkpoint import CONFIG, load_network
from spikerain_training.evaluation.methods import named_method
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore, restore_clip

Restore = Callable[[Sequence[Image]], list[Image]]


@dataclass(frozen=True)
class VideoMethod:
    """A deraining method for clips.

    Attributes:
        name: name of its rows.
        restore: restores the frames of a clip, (H, W, 3) uint8 BGR each.
    """

    name: str
    restore: Restore


@contextmanager
def open_video_method(given: str) -> Iterator[VideoMethod]:
    """Opens a value of `--model` for clips.

    A network for single images restores each frame by itself.

    Args:
        given: a checkpoint folder, a shipped model or an ONNX file; optionally with `NAME=` before
            it.

    Raises:
        InputError: the model does not exist, the checkpoint has no weights, the folder is not a
            checkpoint, or the name before `=` is empty.
        CheckpointError: the checkpoint is damaged.
        ModelError: the model cannot be used.
    """
    name, target = named_method(given)
    folder = Path(target)
    if (folder / CONFIG).is_file():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        yield VideoMethod(name, partial(_by_network, load_network(folder).to(device)))
    elif folder.is_dir():
        raise InputError(
            f"{folder} is not a checkpoint folder, and results of other code cannot be used for "
            "clips",
            "name a checkpoint folder, a shipped model or an ONNX file",
        )
    else:
        with Derainer.load(target) as derainer:
            yield VideoMethod(name, partial(_by_graph, derainer))


def _by_network(network: SpikeRain, frames: Sequence[Image]) -> list[Image]:
    if network.config.frames == 1:
        return [restore(network, frame) for frame in frames]
    return restore_clip(network, frames)


def _by_graph(derainer: Derainer, frames: Sequence[Image]) -> list[Image]:
    with derainer.stream() as stream:
        return [stream(frame) for frame in frames]
