"""GStreamer element `spikerain`: removes rain from RGB frames.

Debian's `gstreamer1.0-python3-plugin-loader` loads this file from a folder `python` below
`GST_PLUGIN_PATH`; see docs/gstreamer.md. The loader embeds the system's Python.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, GObject, Gst, GstBase, GstVideo

if TYPE_CHECKING:
    from spikerain_edge import Derainer
    from spikerain_edge.inference.video_stream import VideoStream

# The packages of a virtual environment are beside this one, and its embedding Python does not look
# there.
_PACKAGES = str(Path(__file__).resolve().parents[3])

_CAPS = Gst.Caps.from_string(
    "video/x-raw, format=RGB, width=[16, 16384], height=[16, 16384], framerate=[0/1, 2147483647/1]"
)


def _pad(name: str, direction: Any) -> Any:
    return Gst.PadTemplate.new(name, direction, Gst.PadPresence.ALWAYS, _CAPS)


class SpikeRain(GstBase.BaseTransform):
    """Removes rain from frames in place; time stamps and all other metadata stay.

    Properties:
        model: name of a shipped model, or the path of an ONNX file or a TensorRT engine.
        backend: `auto`, or a back end that `spikerain-edge run --backend` takes.
    """

    __gstmetadata__ = (
        "SpikeRain",
        "Filter/Effect/Video",
        "Removes rain from RGB frames with a spiking neural network",
        "the authors of spikerain-edge",
    )
    __gsttemplates__ = (_pad("sink", Gst.PadDirection.SINK), _pad("src", Gst.PadDirection.SRC))

    model = GObject.Property(
        type=str,
        default="nano-video",
        nick="Model",
        blurb="Shipped model, ONNX file or TensorRT engine; read at the start",
    )
    backend = GObject.Property(
        type=str,
        default="auto",
        nick="Back end",
        blurb="auto, openvino, cpu, cuda, ...; read at the start",
    )

    def __init__(self) -> None:
        super().__init__()
        # Where the sink is late, frames are dropped before they are derained.
        self.set_qos_enabled(True)
        self._derainer: Derainer | None = None
        self._stream: VideoStream | None = None
        self._info: Any = None

    def do_start(self) -> bool:
        """Loads the model; posts an error and returns False if that fails."""
        try:
            self._derainer = _load(self.model, self.backend)
            self._stream = self._derainer.stream()
        except Exception as error:  # noqa: BLE001 - PyGObject would print it and go on
            return self._fail(error, Gst.ResourceError, Gst.ResourceError.SETTINGS)
        return True

    def do_stop(self) -> bool:
        """Releases the model."""
        if self._derainer is not None:
            self._derainer.close()
            self._derainer = self._stream = None
        return True

    def do_set_caps(self, incaps: Any, outcaps: Any) -> bool:
        """Notes width, height and bytes per row of the frames."""
        self._info = GstVideo.VideoInfo.new_from_caps(incaps)
        return self._info is not None

    def do_transform_ip(self, buffer: Any) -> Any:
        """Derains one frame; posts an error if that fails."""
        try:
            self._derain(buffer)
        except Exception as error:  # noqa: BLE001 - PyGObject would take it for success
            self._fail(error, Gst.StreamError, Gst.StreamError.FAILED)
            return Gst.FlowReturn.ERROR
        return Gst.FlowReturn.OK

    def _derain(self, buffer: Any) -> None:
        import numpy as np

        assert self._stream is not None  # noqa: S101 - frames flow between start and stop only
        width, height = self._info.width, self._info.height
        meta = GstVideo.buffer_get_video_meta(buffer)
        start, stride = (
            (self._info.offset[0], self._info.stride[0])
            if meta is None
            else (meta.offset[0], meta.stride[0])
        )
        content = bytearray(buffer.extract_dup(0, buffer.get_size()))
        frame = np.ndarray((height, width, 3), np.uint8, content, start, strides=(stride, 3, 1))
        time = None if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts / Gst.SECOND
        # The network takes and makes BGR.
        frame[..., ::-1] = self._stream(np.ascontiguousarray(frame[..., ::-1]), time)
        buffer.fill(0, bytes(content))

    def _fail(self, error: Exception, domain: Any, code: Any) -> bool:
        """Posts an error message, which stops the pipeline. Returns False."""
        text = " ".join(str(error).split()) or type(error).__name__
        failure = GLib.Error.new_literal(domain.quark(), text, code)
        self.post_message(Gst.Message.new_error(self, failure, f"{type(error).__name__}: {text}"))
        return False


def _load(model: str, backend: str) -> Derainer:
    """Opens a model.

    Raises:
        RuntimeError: this Python cannot import spikerain_edge or what it needs.
        SpikeRainError: the model or the back end cannot be used.
    """
    if _PACKAGES not in sys.path:
        sys.path.insert(0, _PACKAGES)
    try:
        from spikerain_edge import Derainer
        from spikerain_edge.inference.backends import backend_named
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        reason = str(error).splitlines()[0]
        raise RuntimeError(
            f"Python {version}, which GStreamer embeds, cannot import spikerain_edge ({reason}); "
            f"install it for Python {version} and put the folder of its packages into PYTHONPATH"
        ) from error
    return Derainer.load(model, provider=backend_named(backend), spin=False)


GObject.type_register(SpikeRain)
__gstelementfactory__ = ("spikerain", Gst.Rank.NONE, SpikeRain)
