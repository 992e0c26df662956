"""Grows a trained network into a wider and deeper one that computes the same picture.

The larger network starts where the smaller one ended (Chen et al., Net2Net, 2016): the small
network's weights sit in the first channels of every layer, what is new reads everything and is
read by nothing, and added blocks add nothing. Training then finds a use for the new parts.
"""

from __future__ import annotations

from torch import Tensor

from spikerain_edge.errors import InputError
from spikerain_training.config import NetworkConfig
from spikerain_training.network import SpikeRain

_REMEDY = "train a new network without --initial, or start from a checkpoint of another shape"
Runs = tuple[tuple[int, int, int], ...]
"""Where channels go: (from, to, how many) for each run that stays together."""


def grow(small: SpikeRain, config: NetworkConfig) -> SpikeRain:
    """A network of shape `config` that computes what `small` does, in evaluation mode.

    Args:
        small: the trained network.
        config: shape of the other one; the same, or larger: as many timesteps and as wide a growth,
            the same neurons and gates, at least as wide, with at least as many units and blocks
            everywhere, and nothing squeezed to fewer channels.

    Raises:
        InputError: the other network would not compute the same, cannot hold the smaller one, or is
            wider and joins the finest skip connection without merging it.
    """
    _require_room(small.config, config)
    large = SpikeRain(config)
    state, trained = large.state_dict(), small.state_dict()
    for name, value in state.items():
        if name in trained:
            _place(name, trained[name], value, small.config, config)
        elif name.endswith("merge.weight"):
            value.zero_()  # an added block: its features add nothing
    large.load_state_dict(state)
    return large.eval()


def _require_room(small: NetworkConfig, large: NetworkConfig) -> None:
    refusal = f"{large.variant} cannot be grown from {small.variant}"
    same = ("merge_finest", "growth", "timesteps", "shuffle", "temporal_gate", "tau", "threshold")
    for name in same:
        ours, theirs = getattr(large, name), getattr(small, name)
        if ours != theirs:
            raise InputError(f"{refusal}: {name} is {ours}, not {theirs}", _REMEDY)
    sizes = zip(_sizes(small, large), _sizes(large, small), strict=True)
    if any(one > other for one, other in sizes):
        raise InputError(f"{refusal}: it is smaller somewhere", _REMEDY)
    if small.width != large.width and not small.merge_finest:
        raise InputError(
            f"{refusal}: only networks that merge the finest skip connection grow wider", _REMEDY
        )


def _sizes(one: NetworkConfig, other: NetworkConfig) -> list[int]:
    """What may not shrink. Squeezed widths are quotients, brought to one denominator."""
    squeezed = (one.width * other.attention_reduction, one.width * other.enhancement_reduction)
    return [one.width, one.units, *one.encoder, *one.decoder, *squeezed]


def _place(
    name: str, trained: Tensor, value: Tensor, small: NetworkConfig, large: NetworkConfig
) -> None:
    """Writes one trained tensor into the larger one, in place."""
    if trained.ndim == 0 or name == "fuse.weights":
        value.copy_(trained)
        return
    ratio = large.width / small.width
    if ".attention.temporal.weight" in name or ".attention.spatial.weight" in name:
        # A mean over more channels, of which the new ones are zero, is smaller by their share.
        value.copy_(trained * ratio)
        return
    inputs = _inputs(name, trained, small, large)
    if inputs is None:
        value[: trained.shape[0]] = trained
        return
    # What is new is not read by what was there; and of blocks, whose outputs are added to the
    # features, it adds nothing either.
    value[: None if name.endswith(".merge.weight") else trained.shape[0]] = 0.0
    for source, target, count in inputs:
        value[: trained.shape[0], target : target + count] = trained[:, source : source + count]


def _inputs(name: str, trained: Tensor, small: NetworkConfig, large: NetworkConfig) -> Runs | None:
    """Where the input channels of a weight go; none for what has no input channels."""
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
    """How many tensors of equal width a layer reads side by side."""
    if name.startswith(("merge1.", "merge2.")):
        return 2
    return 3 if name == "enhance.gate.weight" else 1


def _block_width(name: str, config: NetworkConfig) -> int:
    """Channels of the block input in the level that a dense block belongs to."""
    stage = name.partition(".")[0]
    if stage == "decoder1":
        return config.tail_width
    return config.width * {"1": 1, "2": 2, "3": 4}[stage[-1]]
