"""What the engines share that run a graph and its probe graph from an ONNX file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference.engine import (
    Activity,
    Closing,
    Images,
    Rates,
    inputs_of,
)
from spikerain_edge.spec import ModelSpec


class GraphEngine(Closing):
    """Runs a SpikeRain graph or probe graph.

    Attributes:
        spec: description of the graph.
        backend: runtime and device, as shown to users.
    """

    spec: ModelSpec
    backend: str

    def infer(self, images: Images, previous: Images | None = None) -> Images:
        """Derains images; see `Engine.infer`.

        Raises:
            InputError: the type, shape or size of the images is not supported.
            TooLargeError: memory is short.
            ModelError: the runtime fails, or the engine has been closed.
        """
        (derained,) = self._run(images, previous, [self.spec.image_output])
        return derained

    def probe(self, images: Images, previous: Images | None = None) -> tuple[Images, Rates]:
        """Derains images and measures the firing rates of the neuron layers.

        Args:
            images: as for `infer`.
            previous: as for `infer`.

        Returns:
            The derained images, and the firing rates, float32 (layers, T).

        Raises:
            InputError: the type, shape or size of the images is not supported.
            ModelError: the graph is not a probe graph, the runtime fails, or the engine has been
                closed.
        """
        self._require_probe()
        outputs = [self.spec.image_output, self.spec.rates_output]
        derained, rates = self._run(images, previous, outputs)
        return derained, rates

    def activity(self, images: Images, previous: Images | None = None) -> Activity:
        """Measures the activity of the neurons on images.

        Args:
            images: as for `infer`.
            previous: as for `infer`.

        Raises:
            InputError: the type, shape or size of the images is not supported.
            ModelError: the graph is not a probe graph, the runtime fails, or the engine has been
                closed.
        """
        self._require_probe()
        outputs = [self.spec.rates_output, self.spec.silent_output]
        rates, silent = self._run(images, previous, outputs)
        return Activity(rates, silent)

    @abstractmethod
    def _compute(
        self, inputs: Mapping[str, Images], outputs: Sequence[str]
    ) -> list[npt.NDArray[Any]]:
        """Runs the graph on inputs that its description allows; returns the named outputs.

        Raises:
            TooLargeError: memory is short.
            ModelError: the runtime fails, or the engine has been closed.
        """

    def _require_probe(self) -> None:
        if not self.spec.probe:
            raise ModelError(
                f"{self.spec.name} is not a probe graph", "load its .probe.onnx file instead"
            )

    def _run(
        self, images: Images, previous: Images | None, outputs: Sequence[str]
    ) -> list[npt.NDArray[Any]]:
        inputs = inputs_of(images, previous, self.spec)
        _require_size(images, self.spec)
        return self._compute(inputs, outputs)


def _require_size(images: Images, spec: ModelSpec) -> None:
    """Checks that a graph of a fixed size gets images of that size.

    Raises:
        InputError: the images have another size.
    """
    height, width = images.shape[1:3]
    if spec.height and (height, width) != (spec.height, spec.width):
        raise InputError(
            f"{spec.name} takes images of {spec.width}x{spec.height} only, not {width}x{height}",
            "derain in tiles of this size: --tile auto, scale images to it: --imgsz "
            f"{spec.width}x{spec.height}, or export the model without --imgsz",
        )


def reason_of(error: Exception) -> str:
    """Returns the message of a runtime in one line of printable characters.

    Messages repeat names from the file, which may contain control characters.
    """
    text = " ".join(str(error).split())[:200]
    return "".join(character if character.isprintable() else "?" for character in text)
