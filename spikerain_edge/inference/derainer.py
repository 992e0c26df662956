"""Derains images of any size: pads or tiles, calls the engine, crops."""

from __future__ import annotations

import logging

import numpy as np

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align
from spikerain_edge.inference.backends import open_graph
from spikerain_edge.inference.engine import (
    Activity,
    Closing,
    Engine,
    Images,
    Rates,
)
from spikerain_edge.inference.graph_engine import GraphEngine
from spikerain_edge.inference.opening import open_model
from spikerain_edge.inference.openvino import OpenVinoEngine
from spikerain_edge.inference.padding import pad, padded_size, require_image
from spikerain_edge.inference.probe_graph import open_probe_graph
from spikerain_edge.inference.providers import CPU
from spikerain_edge.inference.tensorrt import TensorRTEngine
from spikerain_edge.inference.tile_size import Tiler, describe
from spikerain_edge.inference.tiling import Grid, in_tiles
from spikerain_edge.inference.video_stream import VideoStream
from spikerain_edge.sizes import Tile
from spikerain_edge.spec import ModelSpec

_log = logging.getLogger(__name__)


class Derainer(Closing):
    """Removes rain from images, one at a time, and from video; see `stream`.

    Examples:
        >>> derainer = Derainer.load("nano")
        >>> clean = derainer(image_bgr)

    Args:
        engine: executes the graph.
        prober: executes the probe graph, which also reports firing rates; optional.
        tile: height and width of the tiles in which images are derained, or `auto`; None derains
            them whole. Tiles overlap and are blended.

    Raises:
        InputError: the graph cannot take tiles of this size.
        ModelError: the graph takes more than one image per call.
    """

    def __init__(
        self, engine: Engine, prober: GraphEngine | None = None, tile: Tile | None = None
    ) -> None:
        if engine.spec.batch != 1:
            engine.close()
            raise ModelError(
                f"{engine.spec.name} takes {engine.spec.batch} images per call, not a single one",
                f"export it for one image: spikerain-edge export {engine.spec.name} --batch 1",
            )
        self._engine = engine
        self._prober = prober
        try:
            self._tiler = None if tile is None else _tiler(engine, prober, tile)
        except InputError:
            self.close()
            raise
        self._tiles_told = False

    @classmethod
    def load(
        cls,
        model: str = "nano",
        *,
        provider: str = CPU,
        threads: int | None = None,
        probe: bool = False,
        tile: Tile | None = None,
        spin: bool = True,
    ) -> Derainer:
        """Loads a shipped model by name, or an exported ONNX file or TensorRT engine by path.

        Args:
            model: name of a shipped model, or the path of an ONNX or `.engine` file.
            provider: execution provider of ONNX Runtime, `openvino`, or `auto`: OpenVINO on x86
                where it is installed, else ONNX Runtime. Engines accept only `auto` and the
                default.
            threads: CPU threads; all cores if None.
            probe: also load the probe graph if the model has one, for `derain_and_probe`.
                Engines have none.
            tile: as for the class.
            spin: whether threads of ONNX Runtime that wait keep their core. That is faster, unless
                other work, such as an encoder, needs the cores.

        Raises:
            InputError: the model does not exist or cannot take tiles of this size, or the provider
                is not available.
            ModelError: the model cannot be loaded.
        """
        engine, prober = open_model(model, provider, threads, probe=probe, spin=spin)
        return cls(engine, prober, tile)

    @classmethod
    def from_bytes(
        cls, content: bytes, *, probe: bytes | None = None, provider: str = CPU
    ) -> Derainer:
        """Loads an ONNX model from memory.

        Args:
            content: the ONNX file.
            probe: the ONNX file of its probe graph; optional.
            provider: execution provider of ONNX Runtime, `openvino` or `auto`.

        Raises:
            InputError: the provider is not available.
            ModelError: a file cannot be loaded, or the probe graph belongs to another model.
        """
        engine = open_graph(content, "the graph in memory", provider, None)
        if probe is None:
            return cls(engine)
        return cls(engine, open_probe_graph(engine, probe, "the probe graph in memory", provider))

    @property
    def spec(self) -> ModelSpec:
        """Description of the model."""
        return self._engine.spec

    @property
    def engine(self) -> Engine:
        """Engine that executes the graph; it accepts the output of `prepare`."""
        return self._engine

    @property
    def backend(self) -> str:
        """Runtime and device that execute the graph, as text."""
        return self._engine.backend

    @property
    def can_probe(self) -> bool:
        """Whether `derain_and_probe` is available."""
        return self._prober is not None

    def __call__(self, image: Image, previous: Image | None = None) -> Image:
        """Derains one image.

        Args:
            image: uint8 (H, W, 3) BGR as OpenCV reads it, at least 16x16 pixels.
            previous: the frame before it, of the same shape, which video models read. It is aligned
                if the camera has moved (see `align`). Without it, they derain the image as a still
                picture. Models for single images ignore it.

        Returns:
            A new uint8 array of the same shape.

        Raises:
            InputError: the type, shape or size of an image is not supported.
            ModelError: the engine fails or has been closed.
        """
        previous, grid = self._read(image, previous), self._grid(image)
        if grid is None:
            return self.finish(self._engine.infer(*self._prepared(image, previous)), image)
        return in_tiles(image, previous, grid, self._engine.infer)

    def stream(self) -> VideoStream:
        """Returns a stream that derains the frames of one camera or video in their order.

        It remembers the frame before, which video models read.

        >>> with derainer.stream() as stream:
        ...     clean = stream(frame)
        """
        return VideoStream(self)

    def derain_and_probe(self, image: Image, previous: Image | None = None) -> tuple[Image, Rates]:
        """Derains one image with the probe graph; the arguments are those of a call.

        Returns:
            The derained image, and the firing rates, float32 (layers, T), in the order of
            `spec.neurons`; of tiles, the mean.

        Raises:
            InputError: no probe graph is loaded, or the image is not supported.
            ModelError: the engine fails or has been closed.
        """
        prober, previous, grid = self._probe(), self._read(image, previous), self._grid(image)
        if grid is None:
            derained, rates = prober.probe(*self._prepared(image, previous))
            return self.finish(derained, image), rates
        rates_of_tiles: list[Rates] = []

        def infer(tile: Images, before: Images | None = None) -> Images:
            derained, rates = prober.probe(tile, before)
            rates_of_tiles.append(rates)
            return derained

        blended = in_tiles(image, previous, grid, infer)
        return blended, np.mean(rates_of_tiles, axis=0, dtype=np.float32)

    def activity(self, image: Image, previous: Image | None = None) -> Activity:
        """Measures the activity of the neurons on one image, which is never tiled.

        Raises:
            InputError: no probe graph is loaded, or the image is not supported.
            ModelError: the engine fails or has been closed.
        """
        return self._probe().activity(*self._prepared(image, self._read(image, previous)))

    def padded_size(self, image: Image) -> tuple[int, int]:
        """Height and width in pixels that the network computes.

        They are those of the image after padding to the stride. Of tiles, they are those of an
        image of as many pixels as all tiles have.
        """
        height, width = image.shape[:2]
        if self._tiler is not None:
            return self._tiler.grid((height, width)).computed
        return padded_size((height, width), self.spec.stride)

    def prepare(self, image: Image) -> Images:
        """Prepares a whole image for the engine.

        Returns:
            uint8 (1, H', W', 3), padded by reflection on the right and at the bottom.

        Raises:
            InputError: the type, shape or size of the image is not supported.
        """
        require_image(image)
        height, width = image.shape[:2]
        padded = pad(image, padded_size((height, width), self.spec.stride))
        return np.ascontiguousarray(padded[None])

    def finish(self, derained: Images, image: Image) -> Image:
        """Crops the output of the engine (1, H', W', 3) to the size of the image."""
        height, width = image.shape[:2]
        return derained[0, :height, :width]

    def _read(self, image: Image, previous: Image | None) -> Image | None:
        """Returns the previous frame, aligned with the image, if the model reads it.

        Raises:
            InputError: it does not have the type and shape of the image.
        """
        if previous is None or not self.spec.reads_video:
            return None
        require_image(image)
        require_image(previous)
        if previous.shape != image.shape:
            raise InputError(
                f"the previous frame is {previous.shape[1]}x{previous.shape[0]}, but the image is "
                f"{image.shape[1]}x{image.shape[0]}",
                "give frames of one size, or leave the previous frame out",
            )
        return align(previous, image)

    def _prepared(self, image: Image, previous: Image | None) -> list[Images]:
        frames = [image] if previous is None else [image, previous]
        return [self.prepare(frame) for frame in frames]

    def _grid(self, image: Image) -> Grid | None:
        """Tiles of an image; None if it is derained whole."""
        if self._tiler is None:
            return None
        require_image(image)
        size = image.shape[0], image.shape[1]
        grid = self._tiler.grid(size)
        if not self._tiles_told:
            self._tiles_told = True
            _log.info("%s", describe(size, grid))
        return grid

    def _probe(self) -> GraphEngine:
        if self._prober is None:
            raise InputError(
                "the model was loaded without a probe graph", "load it with probe=True"
            )
        return self._prober

    def interrupt(self) -> None:
        """Ends a call that runs on another thread, with a ModelError, where the runtime can."""
        self._engine.interrupt()
        if self._prober is not None:
            self._prober.interrupt()

    def close(self) -> None:
        """Releases the engines; the derainer cannot be used afterwards."""
        self._engine.close()
        if self._prober is not None:
            self._prober.close()


def _tiler(engine: Engine, prober: GraphEngine | None, tile: Tile) -> Tiler:
    largest = engine.largest if isinstance(engine, TensorRTEngine) else None
    pools = 2 if isinstance(prober, OpenVinoEngine) else 1
    return Tiler.choosing(engine.spec, tile, largest, pools)
