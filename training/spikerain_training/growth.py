"""Grows a trained network into a wider and deeper network with the same output.

The larger network starts training where the smaller one ended (Chen et al., Net2Net, 2016). The
trained weights fill the first channels of every layer. The weights by which trained channels read
new channels are zero, and the output of added blocks is zero. Training then changes these zeros.

A network for single images also grows into one that reads two frames: the weights by which the
patch embedding reads the change between the frames start at zero, and the share of the previous
frame starts near zero, so it has the same output for still pictures.

A network of another number of timesteps can start from these weights too, and one without gates
from one with gates: they become constants. The output then differs until it is trained. The same
holds for another kind of upsampling.
"""

from __future__ import annotations

from torch import Tensor

from spikerain_edge.errors import InputError
from spikerain_training.config import NetworkConfig
from spikerain_training.constant_gates import with_constant_gates
from spikerain_training.network import START_LOGIT, SpikeRain

_REMEDY = "omit --initial to train from scratch, or name a checkpoint of a smaller network"
Runs = tuple[tuple[int, int, int], ...]
"""Copies of channels as (first source channel, first target channel, number of channels)."""


def grow(small: SpikeRain, config: NetworkConfig) -> SpikeRain:
    """Returns a network with configuration `config` that has the output of `small`.

    If the number of timesteps changes, the output changes, and the temporal fusion starts with
    equal weights. It also changes if the larger network has no gates, or another upsampling.

    Args:
        small: the trained network.
        config: configuration of the larger network. `growth`, `shuffle`, `merge_finest`,
            `temporal_gate`, `tau` and `threshold` must be those of `small`; width, units, blocks,
            frames and reduced widths must not be smaller. A network without gates cannot grow into
            one with gates.

    Returns:
        The larger network, in evaluation mode.

    Raises:
        InputError: a setting that must be equal differs, the larger network is smaller somewhere,
            or it is wider and does not merge the finest skip connection.
    """
    _require_room(small.config, config)
    large = SpikeRain(config)
    state, trained = large.state_dict(), small.state_dict()
    if small.config.gates and not config.gates:
        trained = with_constant_gates(trained)
    for name, value in state.items():
        if name in trained:
            _place(name, trained[name], value, small.config, config)
        elif name.endswith("merge.weight"):
            value.zero_()  # the output of an added block
    if config.frames > small.config.frames:
        learned = len(small.output.weight)
        state["output.weight"][learned:] = 0.0
        state["output.bias"][learned:] = START_LOGIT
    large.load_state_dict(state)
    return large.eval()


def _require_room(small: NetworkConfig, large: NetworkConfig) -> None:
    refusal = f"the network {large.variant} cannot be grown from {small.variant}"
    same = ["merge_finest", "growth", "shuffle", "temporal_gate", "tau", "threshold"]
    same += [] if small.gates else ["gates"]
    for name in same:
        ours, theirs = getattr(large, name), getattr(small, name)
        if ours != theirs:
            raise InputError(f"{refusal}: {name} is {ours}, not {theirs}", _REMEDY)
    sizes = zip(_sizes(small, large), _sizes(large, small), strict=True)
    if any(one > other for one, other in sizes):
        raise InputError(f"{refusal}: some of its layers are smaller", _REMEDY)
    if small.width != large.width and not small.merge_finest:
        raise InputError(
            f"{refusal}: only a network with merge_finest = true can be made wider", _REMEDY
        )


def _sizes(one: NetworkConfig, other: NetworkConfig) -> list[int]:
    """Returns the sizes that must not shrink; reduced widths get a common denominator."""
    squeezed = (one.width * other.attention_reduction, one.width * other.enhancement_reduction)
    return [one.width, one.units, one.frames, *one.encoder, *one.decoder, *squeezed]


def _place(
    name: str, trained: Tensor, value: Tensor, small: NetworkConfig, large: NetworkConfig
) -> None:
    """Copies a trained tensor into the tensor of the larger network, in place."""
    if trained.ndim == 0:
        value.copy_(trained)
        return
    if name == "fuse.weights":
        if small.timesteps == large.timesteps:
            value.copy_(trained)
        return
    ratio = large.width / small.width
    if ".attention.temporal.weight" in name or ".attention.spatial.weight" in name:
        # The input is a mean over channels. The new channels are zero, so the mean is smaller.
        value.copy_(trained * ratio)
        return
    inputs = _inputs(name, trained, small, large)
    if inputs is None:
        value[: trained.shape[0]] = trained
        return
    # Trained channels do not read new channels. In blocks, whose output is added to the features,
    # the output of new channels is zero too.
    value[: None if name.endswith(".merge.weight") else trained.shape[0]] = 0.0
    for source, target, count in inputs:
        value[: trained.shape[0], target : target + count] = trained[:, source : source + count]


def _inputs(name: str, trained: Tensor, small: NetworkConfig, large: NetworkConfig) -> Runs | None:
    """Returns how to copy the input channels of a weight; None if it has no input channels."""
    if trained.ndim < 2:
        return None
    if ".units." in name or name.endswith(".merge.weight"):
        width, wider = (_block_width(name, config) for config in (small, large))
        return (0, 0, width), (width, wider, trained.shape[1] - width)
    parts = _joined(name)
    whole = trained.shape[1]
    if parts == 1:
        return ((0, 0, whole),)
    step, wider = whole // parts, round(whole // parts * large.width / small.width)
    return tuple((part * step, part * wider, step) for part in range(parts))


def _joined(name: str) -> int:
    """Returns how many tensors of equal width are concatenated to the input of a layer."""
    if name.startswith(("merge1.", "merge2.")):
        return 2
    return 3 if name == "enhance.gate.weight" else 1


def _block_width(name: str, config: NetworkConfig) -> int:
    """Returns the input channels of the dense block that a tensor belongs to."""
    stage = name.partition(".")[0]
    if stage == "decoder1":
        return config.tail_width
    return config.width * {"1": 1, "2": 2, "3": 4}[stage[-1]]
