"""Checks what reads and writes pictures: decoders, encoders, GStreamer, cameras."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from shlex import quote
from typing import Literal

import av
import av.error
import cv2

from spikerain_edge.diagnosis.finding import Finding, Status, absent, found
from spikerain_edge.diagnosis.v4l2 import pixel_formats
from spikerain_edge.system import read_text

_DECODERS = ("h264", "hevc", "mjpeg", "av1")
_ENCODER = "libx264"
_NVIDIA = "h264_nvenc"
_ELEMENTS = {
    "v4l2src": ("USB cameras", "gstreamer1.0-plugins-good"),
    "rtspsrc": ("RTSP cameras", "gstreamer1.0-plugins-good"),
    "x264enc": ("H.264 on the CPU", "gstreamer1.0-plugins-ugly"),
}
_JETSON_ELEMENTS = {
    "nvarguscamerasrc": ("CSI cameras of a Jetson (csi://)", "nvidia-l4t-gstreamer"),
    "nvv4l2h264enc": ("H.264 on a Jetson's encoder", "nvidia-l4t-gstreamer"),
}
_OWN_ELEMENT = "spikerain"
_PYTHON_LOADER = "gstreamer1.0-python3-plugin-loader gir1.2-gst-plugins-base-1.0"
_LONGEST = 20.0


def check_codecs() -> Iterator[Finding]:
    """Reports the decoders and encoders of FFmpeg's libraries, and OpenCV."""
    yield found("video", "OpenCV", cv2.__version__)
    decoders = [name for name in _DECODERS if _has(name, "r")]
    yield found("video", "decoders", f"{', '.join(decoders)} (PyAV {av.__version__})")
    if _has(_ENCODER, "w"):
        yield found("video", "H.264 encoder", _ENCODER)
    else:
        fix = "pip install --force-reinstall av"
        yield Finding("video", "H.264 encoder", Status.BROKEN, f"PyAV has no {_ENCODER}", fix)
    reason = _why_nvenc_fails()
    if reason:
        yield absent("video", "NVENC", reason)
    else:
        yield found("video", "NVENC", _NVIDIA)


def check_gstreamer(root: Path = Path("/")) -> Iterator[Finding]:
    """Reports GStreamer's tools and the elements that cameras need.

    Args:
        root: where the file system starts.
    """
    launch, inspect = shutil.which("gst-launch-1.0"), shutil.which("gst-inspect-1.0")
    if launch is None or inspect is None:
        fix = "sudo apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good"
        yield absent("video", "GStreamer", "its tools are not installed: not checked", fix)
        return
    told = (_run([launch, "--version"]) or launch).partition("\n")[0]
    yield found("video", "GStreamer", told.removeprefix("gst-launch-1.0 "))
    jetson = (root / "etc/nv_tegra_release").exists()
    elements = {**_ELEMENTS, **(_JETSON_ELEMENTS if jetson else {})}
    for element, (task, package) in elements.items():
        if _run([inspect, "--exists", element]) is not None:
            yield found("video", element, task)
        else:
            fix = f"sudo apt-get install {package}"
            yield absent("video", element, f"not installed; it is for {task}", fix)
    yield _own_element(inspect, root)


def _own_element(inspect: str, root: Path) -> Finding:
    """Reports whether GStreamer finds the element `spikerain`."""
    if _run([inspect, "--exists", _OWN_ELEMENT]) is not None:
        return found("video", _OWN_ELEMENT, "element that removes rain in pipelines of GStreamer")
    if not any(root.glob("usr/lib/*/gstreamer-1.0/libgstpython.so")):
        fix = f"sudo apt-get install {_PYTHON_LOADER}"
        return absent("video", _OWN_ELEMENT, "GStreamer has no loader of Python plugins", fix)
    folder = str(Path(__file__).parents[1] / "gstreamer")
    if folder not in os.environ.get("GST_PLUGIN_PATH", "").split(os.pathsep):
        fix = f"export GST_PLUGIN_PATH={quote(folder)}"
        return absent("video", _OWN_ELEMENT, "GStreamer does not look for it", fix)
    # An environment without the system's packages lacks gi, and GStreamer remembers the failure.
    fix = "deactivate; rm -r ~/.cache/gstreamer-1.0"
    return absent("video", _OWN_ELEMENT, "the Python of this environment does not load it", fix)


def check_cameras(root: Path = Path("/")) -> Iterator[Finding]:
    """Reports the cameras of this machine with their pixel formats.

    Args:
        root: where the file system starts.
    """
    devices = sorted(root.glob("sys/class/video4linux/video*"), key=lambda path: path.name)
    for device in devices:
        name, node = read_text(device, "name"), root / "dev" / device.name
        try:
            formats = pixel_formats(node)
        except PermissionError:
            fix = "sudo usermod -aG video $USER, then log in again"
            yield absent("cameras", f"/dev/{device.name}", f"{name}: no permission", fix)
        except OSError as error:
            yield absent("cameras", f"/dev/{device.name}", f"{name}: {error.strerror}")
        else:
            if formats:
                yield found("cameras", f"/dev/{device.name}", f"{name}: {', '.join(formats)}")
    if not devices:
        yield absent("cameras", "V4L2", "no camera is connected; URLs and files work")


def _has(codec: str, mode: Literal["r", "w"]) -> bool:
    try:
        av.Codec(codec, mode)
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _why_nvenc_fails() -> str:
    """Why NVIDIA's encoder does not open; empty if it does."""
    try:
        coder = av.CodecContext.create(_NVIDIA, "w")
        if not isinstance(coder, av.VideoCodecContext):
            return f"{_NVIDIA} is not an encoder of video"
        coder.width, coder.height, coder.pix_fmt = 640, 480, "yuv420p"
        coder.framerate = Fraction(25)
        coder.open()
    except (av.error.FFmpegError, ValueError) as error:
        return f"does not open ({getattr(error, 'strerror', None) or error}); {_ENCODER} is used"
    return ""


def _run(command: list[str]) -> str | None:
    """What a program prints; None if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of GStreamer, no shell
            command, capture_output=True, text=True, timeout=_LONGEST
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
