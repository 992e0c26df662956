"""Emits SpikeRain's attention: MDSA inside the blocks and ARFE on the fused features."""

from __future__ import annotations

from collections.abc import Sequence

from spikerain_export.layers import Feature, LayerEmitter, each_step


def attend(emit: LayerEmitter, name: str, features: Feature) -> Feature:
    """Emits MDSA.

    Computes the means of the gated features from the means of the features, which saves a pass
    over the feature maps.
    """
    graph = emit.graph
    means = each_step(
        lambda t, step: graph.node("GlobalAveragePool", [step], f"{name}/mean/{t}"),
        features.steps,
    )
    gates = _temporal_gates(emit, name, means)
    gated_means = each_step(
        lambda t, pair: graph.node("Mul", pair, f"{name}/gated_mean/{t}"),
        list(zip(means, gates, strict=True)),
    )
    mean = graph.node("Mean", gated_means, f"{name}/channel_mean")
    channel = emit.squeeze_excite(name, mean, f"{name}.squeeze", f"{name}.excite")
    steps = []
    for t, (step, gate) in enumerate(zip(features.steps, gates, strict=True)):
        both = graph.node("Mul", [gate, channel], f"{name}/gate/{t}")
        gated = graph.node("Mul", [step, both], f"{name}/gated/{t}")
        flat = graph.node("ReduceMean", [gated], f"{name}/spatial_mean/{t}", axes=[1], keepdims=1)
        logits = emit.apply(f"{name}.spatial", flat, f"{name}/spatial_logits/{t}")
        spatial = graph.node("Sigmoid", [logits], f"{name}/spatial_gate/{t}")
        steps.append(graph.node("Mul", [gated, spatial], f"{name}/{t}"))
    return Feature(tuple(steps), features.channels, features.reduction)


def _temporal_gates(emit: LayerEmitter, name: str, means: Sequence[str]) -> tuple[str, ...]:
    """Emits sigmoid(slope * mean + offset), per timestep or on the mean of all timesteps."""
    graph = emit.graph
    slope = graph.constant(
        f"{name}.temporal/weight", emit.array(f"{name}.temporal.weight").reshape(())
    )
    offset = graph.constant(
        f"{name}.temporal/bias", emit.array(f"{name}.temporal.bias").reshape(())
    )

    def gate(mean: str, suffix: str) -> str:
        scaled = graph.node("Mul", [mean, slope], f"{name}/temporal_scaled{suffix}")
        shifted = graph.node("Add", [scaled, offset], f"{name}/temporal_logit{suffix}")
        return graph.node("Sigmoid", [shifted], f"{name}/temporal_gate{suffix}")

    pooled = each_step(
        lambda t, mean: graph.node(
            "ReduceMean", [mean], f"{name}/temporal_mean/{t}", axes=[1], keepdims=1
        ),
        means,
    )
    if emit.config.temporal_gate == "per-timestep":
        return tuple(gate(mean, f"/{t}") for t, mean in enumerate(pooled))
    shared = gate(graph.node("Mean", pooled, f"{name}/temporal_mean"), "")
    return (shared,) * len(means)


def enhance(emit: LayerEmitter, source: str) -> str:
    """Emits ARFE on the fused features: `g * ca + (1 - g) * sa + x`."""
    graph = emit.graph
    mean = graph.node("GlobalAveragePool", [source], "enhance/mean")
    channel = emit.squeeze_excite(
        "enhance", mean, "enhance.channel_squeeze", "enhance.channel_excite"
    )
    squeezed = emit.apply("enhance.spatial_squeeze", source, "enhance.spatial_squeeze/out")
    active = graph.node("Relu", [squeezed], "enhance/active")
    spatial = emit.apply("enhance.spatial_excite", active, "enhance.spatial_excite/out")
    place = graph.node("Sigmoid", [spatial], "enhance/place")
    by_channel = graph.node("Mul", [source, channel], "enhance/by_channel")
    by_place = graph.node("Mul", [source, place], "enhance/by_place")
    everything = [source, by_channel, by_place]
    joined = graph.node("Concat", everything, "enhance/joined", axis=1)
    logits = emit.apply("enhance.gate", joined, "enhance.gate/out")
    gate = graph.node("Sigmoid", [logits], "enhance/gate")
    # g * ca + (1 - g) * sa = sa + g * (ca - sa) saves one product per pixel.
    difference = graph.node("Sub", [by_channel, by_place], "enhance/difference")
    gated = graph.node("Mul", [gate, difference], "enhance/gated")
    mixed = graph.node("Add", [by_place, gated], "enhance/mixed")
    return graph.node("Add", [mixed, source], "enhance/sum")
