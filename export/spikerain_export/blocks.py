"""Emits SpikeRain's spiking blocks and the temporal fusion."""

from __future__ import annotations

import numpy as np

from spikerain_export.attention import attend
from spikerain_export.fold import doubled_kernel, fold_batch_norm
from spikerain_export.layers import Feature, LayerEmitter, SpikeInput, each_step


def dense_block(emit: LayerEmitter, name: str, features: Feature) -> Feature:
    """Emits a DSRB. Each feature becomes spikes once; all later units read these spikes.

    All units read the block input, usually the widest part of their input. One convolution
    computes its contribution to all of them, so only spikes of earlier units are concatenated.
    """
    entry = emit.fire(f"{name}.neurons.0", features)
    currents = _enter_units(emit, name, entry)
    emitted = [emit.fire(f"{name}.neurons.1", currents[0])]
    for unit in range(1, emit.config.units):
        if len(emitted) > 1:
            emitted = [emit.gather(f"{name}.emitted.{unit}", *emitted)]
        current = _add_recurrent(emit, f"{name}.units.{unit}", currents[unit], emitted[0])
        emitted.append(emit.fire(f"{name}.neurons.{unit + 1}", current))
    spikes = emit.gather(f"{name}.spikes", entry, *emitted)
    merged = emit.convolve(f"{name}.merge", spikes, emit.array(f"{name}.merge.weight"))
    added = attend(emit, f"{name}.attention", merged) if emit.config.gates else merged
    return emit.add(name, features, added)


def _enter_units(emit: LayerEmitter, name: str, entry: SpikeInput) -> list[Feature]:
    """Emits what the block input and the biases contribute to the current of each unit."""
    width = sum(layer.channels for layer in entry.layers)
    folded = [
        fold_batch_norm(emit.weights, f"{name}.units.{unit}") for unit in range(emit.config.units)
    ]
    weight = np.concatenate([kernel[:, :width] for kernel, _ in folded])
    bias = np.concatenate([offset for _, offset in folded])
    stacked = emit.convolve(f"{name}.units.entry", entry, weight, bias)
    parts = [
        emit.graph.split(step, [f"{name}.units.{unit}.entry/{t}" for unit in range(len(folded))])
        for t, step in enumerate(stacked.steps)
    ]
    return [
        Feature(steps, emit.config.growth, stacked.reduction) for steps in zip(*parts, strict=True)
    ]


def _add_recurrent(emit: LayerEmitter, name: str, current: Feature, emitted: SpikeInput) -> Feature:
    """Adds to a unit's current what earlier units of the block contribute."""
    width = sum(layer.channels for layer in emitted.layers)
    weight, _ = fold_batch_norm(emit.weights, name)
    return emit.add(f"{name}.current", current, emit.convolve(name, emitted, weight[:, -width:]))


def up(emit: LayerEmitter, name: str, features: Feature) -> Feature:
    """Emits doubling of height and width with a neuron and a convolution.

    Bilinear doubling, with half-pixel centres, is the first of the three. Nearest doubling comes
    between neuron and convolution, and is part of the convolution's weights.
    """
    if emit.config.upsampling == "nearest":
        return _up_nearest(emit, name, features)
    scales = emit.graph.constant("doubling", np.array([1, 1, 2, 2], np.float32))
    doubled = each_step(
        lambda t, step: emit.graph.node(
            "Resize",
            [step, "", scales],
            f"{name}.doubled/{t}",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
        features.steps,
    )
    finer = Feature(doubled, features.channels, features.reduction // 4)
    return emit.normed(f"{name}.convolve", emit.fire(f"{name}.neuron", finer))


def _up_nearest(emit: LayerEmitter, name: str, features: Feature) -> Feature:
    weight, bias = fold_batch_norm(emit.weights, f"{name}.convolve")
    spikes = emit.fire(f"{name}.neuron", features)
    phases = emit.convolve(f"{name}.convolve", spikes, doubled_kernel(weight), np.repeat(bias, 4))
    doubled = each_step(
        lambda t, step: emit.graph.node(
            "DepthToSpace", [step], f"{name}.doubled/{t}", blocksize=2, mode="CRD"
        ),
        phases.steps,
    )
    return Feature(doubled, len(weight), phases.reduction // 4)


def merge(emit: LayerEmitter, name: str, decoded: Feature, skipped: Feature) -> Feature:
    """Concatenates decoder and skip connection and reduces the channels to the decoder's width.

    Firing acts per channel, so the spikes are concatenated instead of the features.
    """
    joined = emit.gather(
        f"{name}.spikes",
        emit.fire(f"{name}.neuron.decoded", decoded),
        emit.fire(f"{name}.neuron.skipped", skipped),
    )
    return emit.normed(f"{name}.convolve", joined)


def fuse(emit: LayerEmitter, features: Feature) -> str:
    """Emits the temporal fusion: after training, a sum with constant weights.

    The only timestep of a network has the weight 1.
    """
    if len(features.steps) == 1:
        return features.steps[0]
    raw = emit.weights["fuse.weights"].astype(np.float64)
    weights = np.exp(raw - raw.max())
    weights /= weights.sum()
    fused = ""
    for t, step in enumerate(features.steps):
        factor = emit.graph.constant(f"fuse/weight/{t}", np.float32(weights[t]))
        term = emit.graph.node("Mul", [step, factor], f"fuse/term/{t}")
        fused = emit.graph.node("Add", [fused, term], f"fuse/sum/{t}") if fused else term
    return fused
