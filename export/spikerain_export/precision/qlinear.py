"""Emits spiking convolutions for ONNX Runtime: `QLinearConv` on bytes, channels last.

Each reads spikes as unsigned bytes and signed weights with one scale per output channel, and rounds
its output to bytes once. One `DequantizeLinear` then converts the output to float32 for the
membrane. The sum of two products of a spike and a weight cannot overflow 16 bits, so the result is
the same with and without VNNI instructions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikerain_export.builder import GraphBuilder
from spikerain_export.precision.dense import SpikingConvolution
from spikerain_export.precision.scales import OutputScale, quantise_weight


class IntegerConvolutionWriter:
    """Emits spiking convolutions in integers, and the concatenations of spikes that they read.

    Attributes:
        levels: the bytes of the outputs in float32, by their names.

    Args:
        builder: builder that receives the nodes.
        scales: the output scale of each convolution, by layer.
    """

    def __init__(self, builder: GraphBuilder, scales: Mapping[str, OutputScale]) -> None:
        self._builder = builder
        self._scales = scales
        self.levels: dict[str, str] = {}
        self._joined: dict[tuple[str, ...], str] = {}

    def write(self, convolution: SpikingConvolution) -> str:
        """Emits a convolution from bytes to bytes, then to float32.

        Returns:
            The name of its output, float32 (1, H, W, C).
        """
        output = self._scales[convolution.layer]
        levels = self.write_bytes(convolution, output)
        self.levels[convolution.output] = levels
        inputs = [levels, *self._step(convolution.layer, output)]
        return self._builder.node("DequantizeLinear", inputs, convolution.output)

    def write_bytes(self, convolution: SpikingConvolution, output: OutputScale) -> str:
        """Emits a convolution from bytes to bytes.

        Args:
            convolution: the convolution.
            output: how its output is rounded.

        Returns:
            The name of its output, uint8 (1, H, W, C).
        """
        builder, layer = self._builder, convolution.layer
        levels, steps = quantise_weight(convolution.weight, convolution.bias)
        # The accumulators count in steps of the weights, and so must the bias.
        bias = np.rint(convolution.bias.astype(np.float64) / steps).astype(np.int32)
        return builder.node(
            "QLinearConv",
            [
                self._concatenate(convolution.spikes),
                builder.constant("spike/scale", np.float32(1)),
                builder.constant("spike/zero", np.uint8(0)),
                builder.constant(f"{layer}/weight", levels),
                builder.constant(f"{layer}/weight/scale", steps),
                builder.constant(f"{layer}/weight/zero", np.zeros(len(levels), np.int8)),
                *self._step(layer, output),
                builder.constant(f"{layer}/bias", bias),
            ],
            f"{layer}/{convolution.output.rpartition('/')[2]}/bytes",
            domain="com.microsoft",
            channels_last=1,
            **convolution.settings,
        )

    def _step(self, layer: str, output: OutputScale) -> tuple[str, str]:
        """Returns the constants of a scale. Timesteps may represent 0 by different bytes."""
        return (
            self._builder.constant(f"{layer}/output/scale", np.float32(output.scale)),
            self._builder.constant(f"level/{output.zero}", np.uint8(output.zero)),
        )

    def _concatenate(self, spikes: tuple[str, ...]) -> str:
        """Concatenates spikes over channels; extends the longest concatenation that exists."""
        if len(spikes) == 1:
            return spikes[0]
        if spikes not in self._joined:
            known = max(
                (length for length in range(1, len(spikes)) if spikes[:length] in self._joined),
                default=1,
            )
            parts = [self._concatenate(spikes[:known]), *spikes[known:]]
            self._joined[spikes] = self._builder.node(
                "Concat", parts, f"{spikes[-1]}/gathered", axis=3
            )
        return self._joined[spikes]
