"""Where frames come from: one grammar of URIs, four kinds of source."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from spikerain_edge.errors import InputError
from spikerain_edge.stream.capture import open_camera
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.credentials import with_credentials
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame
from spikerain_edge.stream.gstreamer import csi_pipeline, open_pipeline
from spikerain_edge.stream.local import is_candidate, open_files
from spikerain_edge.stream.network import open_url
from spikerain_edge.stream.uris import (
    LOCAL_SCHEMES,
    NETWORK_SCHEMES,
    check_local_camera,
    local_path,
    without_password,
)

_log = logging.getLogger(__name__)

_DEVICES = ("/dev/video", "/dev/v4l/")


class Source(Protocol):
    """Yields frames once.

    Attributes:
        live: whether frames come when they come; a live source is never waited for.
        rate: frames per second, nominal.
        length: number of frames, where it is known before.
        paths: files it reads.
        missing: frames that could not be decoded, or that the file lacks at its end.
    """

    live: bool
    rate: float
    length: int | None
    paths: Sequence[Path]
    missing: int

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Releases the camera or file; a live source may be closed while it is read."""
        ...


class DemoSource:
    """The built-in camera: a rendered street in the rain, six seconds long.

    Args:
        frames: how many frames it shows.
    """

    live = False
    rate = DEFAULT_RATE
    missing = 0

    def __init__(self, frames: int = 150) -> None:
        self.length: int | None = frames
        self.paths: Sequence[Path] = ()
        self._scene = DemoScene()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.length or 0):
            captured = time.perf_counter()
            yield Frame(self._scene.rainy(index), index, captured, f"frame_{index:06d}")

    def close(self) -> None:
        """Nothing to release."""


_AS_USUAL = CaptureOptions()


def open_source(uri: str, options: CaptureOptions = _AS_USUAL) -> Source:
    """Opens what `--camera` names: `demo`, a camera, files, a URL or a pipeline.

    Args:
        uri: names it.
        options: how a camera or a stream is opened and watched.

    Raises:
        InputError: a file or folder is missing, empty or unreadable, a scheme is unknown, or a
            size or rate is asked of what is not a camera of this machine.
        StreamError: a camera or stream cannot be opened.
    """
    check_uri(uri, options)
    if _is_word(uri):
        return DemoSource() if uri == "demo" else open_camera(int(uri), f"camera {uri}", options)
    path = local_path(uri)
    if path is None:
        return _open_remote(uri, options)
    if path.startswith(_DEVICES):
        return open_camera(path, path, options)
    try:
        return open_files(path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", "check the path and its permissions"
        ) from error


def check_uri(uri: str, options: CaptureOptions = _AS_USUAL) -> None:
    """Checks what can be known of a source before it is there.

    Raises:
        InputError: a scheme is unknown, a secret has no value, or a size or rate is asked of what
            is not a camera of this machine.
    """
    if options.size or options.rate:
        check_local_camera(uri)
    scheme = uri.partition("://")[0]
    if local_path(uri) is not None or scheme in LOCAL_SCHEMES:
        return
    if scheme not in NETWORK_SCHEMES:
        raise InputError(
            f"unknown scheme {scheme}:// of a camera",
            f"use one of {', '.join([*LOCAL_SCHEMES, *NETWORK_SCHEMES])}, or a path",
        )
    with_credentials(uri)


def _open_remote(uri: str, options: CaptureOptions) -> Source:
    scheme, _, rest = uri.partition("://")
    label = without_password(uri)
    if scheme == "gst":
        return open_pipeline(rest, label, options)
    if scheme == "csi":
        return open_pipeline(csi_pipeline(rest, options), label, options)
    return open_url(with_credentials(uri), label, options)


def may_be_absent(uri: str) -> bool:
    """Whether a URI names a camera or a stream, rather than files or the demo."""
    path = local_path(uri)
    if path is None or path.startswith(_DEVICES):
        return True
    return uri != "demo" and _is_name(uri) and not Path(uri).exists()


def sends_video(uri: str) -> bool:
    """Whether a URI names a camera, a stream, the demo or a video file, rather than images."""
    if may_be_absent(uri) or (uri == "demo" and not Path(uri).exists()):
        return True
    path = Path(local_path(uri) or "")
    return path.is_file() and not is_candidate(path)


def _is_name(uri: str) -> bool:
    return uri == "demo" or re.fullmatch(r"\d{1,4}", uri, re.ASCII) is not None


def _is_word(uri: str) -> bool:
    """Whether a URI means the demo or a camera by its number; a file of this name comes first."""
    if not _is_name(uri):
        return False
    if not Path(uri).exists():
        return True
    meant = "the built-in scene" if uri == "demo" else f"the camera /dev/video{uri}"
    _log.warning("%s is a file or folder here and is read; for %s, use another folder", uri, meant)
    return False
