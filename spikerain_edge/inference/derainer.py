"""Derains images of any size: pads, calls the engine, crops."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from spikerain_edge.engine_file import is_engine_file
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference.engine import Activity, Closing, Engine, Images, Rates
from spikerain_edge.inference.onnx_runtime import CPU, OnnxRuntimeEngine
from spikerain_edge.inference.tensorrt import open_engine
from spikerain_edge.models import find_model
from spikerain_edge.sizes import MIN_SIDE
from spikerain_edge.spec import ModelSpec

_log = logging.getLogger(__name__)


class Derainer(Closing):
    """Removes rain from single images.

    >>> derainer = Derainer.load("nano")
    >>> clean = derainer(image_bgr)

    Args:
        engine: executes the graph.
        prober: executes the probe graph, where firing rates are wanted.

    Raises:
        ModelError: the graph takes several images per call.
    """

    def __init__(self, engine: Engine, prober: OnnxRuntimeEngine | None = None) -> None:
        if engine.spec.batch != 1:
            engine.close()
            raise ModelError(
                f"{engine.spec.name} takes {engine.spec.batch} images per call, a camera gives one",
                "export it with --batch 1, or call its engine from a program of your own",
            )
        self._engine = engine
        self._prober = prober

    @classmethod
    def load(
        cls,
        model: str = "nano",
        *,
        provider: str = CPU,
        threads: int | None = None,
        probe: bool = False,
    ) -> Derainer:
        """Loads a shipped model by name, or an exported ONNX file or TensorRT engine by path.

        Args:
            model: `nano`, or a path; what ends in `.engine` is a TensorRT engine.
            provider: ONNX Runtime execution provider; an engine brings its own runtime.
            threads: threads within an operator; all cores unless given.
            probe: load the probe graph too, for `derain_and_probe`; left out where there is none.
                An engine has none.

        Raises:
            InputError: no such model or provider.
            ModelError: the model cannot be used.
        """
        files = find_model(model)
        _log.debug("loading %s", files.graph.path)
        if is_engine_file(files.graph.path):
            return cls(_open_engine(files.graph.path, provider))
        engine = OnnxRuntimeEngine(files.graph.read(), str(files.graph.path), provider, threads)
        if not probe or files.probe is None:
            return cls(engine)
        file = files.probe
        return cls(engine, _prober(engine, file.read(), str(file.path), provider, threads))

    @classmethod
    def from_bytes(
        cls, content: bytes, *, probe: bytes | None = None, provider: str = CPU
    ) -> Derainer:
        """A derainer for an ONNX file, and perhaps its probe graph, that are in memory.

        Raises:
            InputError: no such provider.
            ModelError: they cannot be used, or belong to different networks.
        """
        engine = OnnxRuntimeEngine(content, "the graph in memory", provider)
        if probe is None:
            return cls(engine)
        return cls(engine, _prober(engine, probe, "the probe graph in memory", provider))

    @property
    def spec(self) -> ModelSpec:
        """What the model says about itself."""
        return self._engine.spec

    @property
    def engine(self) -> Engine:
        """What executes the graph; takes what `prepare` makes."""
        return self._engine

    @property
    def backend(self) -> str:
        """Runtime and device that execute the graph."""
        return self._engine.backend

    @property
    def can_probe(self) -> bool:
        """Whether `derain_and_probe` is available."""
        return self._prober is not None

    def __call__(self, image: Image) -> Image:
        """Derains one image.

        Args:
            image: uint8 (H, W, 3) BGR as OpenCV reads it, at least 16x16.

        Returns:
            New uint8 array of the same shape.

        Raises:
            InputError: type, shape or size cannot be served.
        """
        return self.finish(self._engine.infer(self.prepare(image)), image)

    def derain_and_probe(self, image: Image) -> tuple[Image, Rates]:
        """Derains one image with the probe graph.

        Returns:
            What calling the derainer returns, and the firing rates, float32 (layers, T), in the
            order of `spec.neurons`.

        Raises:
            InputError: the model came without a probe graph, or the image cannot be served.
        """
        derained, rates = self._probe().probe(self.prepare(image))
        return self.finish(derained, image), rates

    def activity(self, image: Image) -> Activity:
        """What the neurons do on one image.

        Raises:
            InputError: the model came without a probe graph, or the image cannot be served.
        """
        return self._probe().activity(self.prepare(image))

    def padded_size(self, image: Image) -> tuple[int, int]:
        """Height and width of the image as the engine gets it."""
        height, width = image.shape[:2]
        return height + -height % self.spec.stride, width + -width % self.spec.stride

    def prepare(self, image: Image) -> Images:
        """The image as the engine gets it: (1, H', W', 3), reflect-padded right and bottom.

        Raises:
            InputError: type, shape or size cannot be served.
        """
        if not isinstance(image, np.ndarray):
            raise InputError(
                f"expected an image uint8 (H, W, 3) BGR, got {type(image).__name__}",
                "look whether its file could be read",
            )
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"expected an image uint8 (H, W, 3) BGR, got {image.dtype} {image.shape}",
                "read it with cv2.imread(path, cv2.IMREAD_COLOR)",
            )
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            raise InputError(
                f"the image is {width}x{height}, the smallest is {MIN_SIDE}x{MIN_SIDE}",
                "scale it up: run --imgsz WxH",
            )
        padded_height, padded_width = self.padded_size(image)
        below, beside = padded_height - height, padded_width - width
        if below or beside:
            image = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="reflect")
        return np.ascontiguousarray(image[None])

    def finish(self, derained: Images, image: Image) -> Image:
        """What the engine returned (1, H', W', 3), cropped to the size of the image."""
        height, width = image.shape[:2]
        return derained[0, :height, :width]

    def _probe(self) -> OnnxRuntimeEngine:
        if self._prober is None:
            raise InputError("this model came without a probe graph", "load it with probe=True")
        return self._prober

    def close(self) -> None:
        """Releases engine and prober."""
        self._engine.close()
        if self._prober is not None:
            self._prober.close()


def _open_engine(path: Path, provider: str) -> Engine:
    if provider != CPU:
        raise InputError(
            f"{path} is a TensorRT engine, {provider} is one of ONNX Runtime's",
            "leave out --backend, or name an ONNX file",
        )
    return open_engine(path)


def _prober(
    engine: Engine, content: bytes, origin: str, provider: str, threads: int | None = None
) -> OnnxRuntimeEngine:
    """Opens the probe graph that belongs to an engine's graph.

    Raises:
        ModelError: it cannot be used, or belongs to another network.
    """
    prober = OnnxRuntimeEngine(content, origin, provider, threads)
    require_same_network(engine.spec, prober.spec, origin)
    return prober


def require_same_network(graph: ModelSpec, probe: ModelSpec, origin: str) -> None:
    """A probe graph stands in for the graph on sampled frames: it must be the same network.

    Args:
        graph: the graph's description.
        probe: the probe graph's.
        origin: what to call the probe graph in messages.

    Raises:
        ModelError: it is another.
    """
    if not probe.probe or _identity(graph) != _identity(probe):
        raise ModelError(
            f"{origin} is not the probe graph of the model beside it",
            "export both again, or delete it to run without firing rates",
        )


def _identity(spec: ModelSpec) -> tuple[object, ...]:
    """What graph and probe graph of one export have in common."""
    network = (spec.weights_sha256, spec.variant, spec.timesteps)
    made = (spec.precision, spec.target, spec.source_sha256)
    return (*network, *made, spec.batch, spec.height, spec.width)
