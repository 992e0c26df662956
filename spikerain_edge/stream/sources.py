"""Where frames come from: one grammar of URIs, four kinds of source."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import cv2
import numpy as np

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import IMAGE_SUFFIXES, is_image
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame
from spikerain_edge.stream.stills import ImageSource

# Containers that keep no count have theirs estimated from duration and rate.
_ROUNDED = 2
_DEVICES = ("/dev/video", "/dev/v4l/")


class Source(Protocol):
    """Yields frames once.

    Attributes:
        live: whether frames come when they come; a live source is never waited for.
        rate: frames per second, nominal.
        length: number of frames, where it is known before.
        paths: files it reads.
        missing: frames that were announced and that could not be decoded, known at the end.
    """

    live: bool
    rate: float
    length: int | None
    paths: Sequence[Path]
    missing: int

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Releases the camera or file."""
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
            yield Frame(self._scene.rainy(index), index, captured, _numbered(index))

    def close(self) -> None:
        """Nothing to release."""


class CaptureSource:
    """A camera, a stream or a video file, through OpenCV.

    Args:
        target: what `cv2.VideoCapture` opens.
        label: what to call it in messages.
        live: whether it is a camera or a stream.

    Raises:
        StreamError: it cannot be opened, or ends although it is live.
        InputError: the file cannot be opened or holds no frames.
    """

    def __init__(self, target: int | str, label: str, *, live: bool) -> None:
        self.live = live
        self.missing = 0
        self.paths: Sequence[Path] = () if live else (Path(str(target)),)
        self._label = label
        self._capture = cv2.VideoCapture(target)
        if not self._capture.isOpened():
            raise _not_opened(label, live=live)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= 1000 else DEFAULT_RATE
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.length: int | None = count if not live and count > 0 else None

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            captured, image = self._read()
            if image is None:
                break
            yield Frame(image, index, captured, _numbered(index))
            index += 1
        if index == 0:
            raise _not_opened(self._label, live=self.live)
        if self.live:
            raise StreamError(f"{self._label} stopped sending frames after {index}")
        if self.length is not None and self.length - index > _ROUNDED:
            self.missing = self.length - index
        self.length = index

    def close(self) -> None:
        """Releases the camera or file."""
        self._capture.release()

    def _read(self) -> tuple[float, Image | None]:
        """The next frame, none at the end, and when it was captured.

        A file is there before it is read; a camera's frame only once the wait for it is over.
        """
        captured = time.perf_counter()
        grabbed = self._capture.grab()
        if self.live:
            captured = time.perf_counter()
        decoded, image = self._capture.retrieve() if grabbed else (False, None)
        return captured, np.asarray(image, np.uint8) if decoded else None


def open_source(uri: str) -> Source:
    """Opens `demo`, a camera number, `/dev/videoN`, a video, an image, a folder, a glob or a URL.

    Raises:
        InputError: a file or folder is missing, empty or unreadable.
        StreamError: a camera or stream cannot be opened.
    """
    if uri == "demo":
        return DemoSource()
    if re.fullmatch(r"\d{1,4}", uri, re.ASCII):
        return CaptureSource(int(uri), f"camera {uri}", live=True)
    path = _local_path(uri)
    if path is None:
        return CaptureSource(uri, without_password(uri), live=True)
    if path.startswith(_DEVICES):
        return _open_device(path)
    try:
        return _open_files(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def without_password(uri: str) -> str:
    """A URI as messages may show it: without user, password and query."""
    if _local_path(uri) is not None:
        return uri
    # A password may hold any character, if its owner forgot to encode it.
    return re.sub(r"\?.*", "", re.sub(r"(?<=://).*@", "", uri))


def _local_path(uri: str) -> str | None:
    """The path that a URI means, or none where it is a URL."""
    scheme, separator, path = uri.partition("://")
    if not separator or "/" in scheme:
        return uri
    return unquote(path.removeprefix("localhost")) if scheme in {"file", "v4l2"} else None


def _open_device(path: str) -> CaptureSource:
    if not Path(path).exists():
        raise StreamError(f"there is no camera {path}", "list the cameras with: ls /dev/video*")
    return CaptureSource(path, path, live=True)


def _open_files(path: str) -> Source:
    if path and Path(path).is_dir():
        files = [entry for entry in Path(path).iterdir() if is_image(entry)]
        if not files:
            raise InputError(f"the folder {path} holds no images", _suffix_hint())
        return ImageSource(sorted(files))
    if Path(path).is_file():
        if is_image(Path(path)):
            return ImageSource([Path(path)])
        # FFmpeg takes what is before a colon in a relative path for a protocol.
        return CaptureSource(str(Path(path).absolute()), path, live=False)
    if glob.has_magic(path):
        files = [Path(match) for match in glob.glob(path) if is_image(Path(match))]
        if not files:
            raise InputError(f"no image matches {path}", _suffix_hint())
        return ImageSource(sorted(files))
    raise InputError(
        f"there is no file or folder {path}",
        "give demo, a camera number, /dev/videoN, a video, an image, a folder, a glob or a URL",
    )


def _suffix_hint() -> str:
    return f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}"


def _numbered(index: int) -> str:
    return f"frame_{index:06d}"


def _not_opened(label: str, *, live: bool) -> InputError | StreamError:
    if live:
        return StreamError(
            f"{label} cannot be opened or sends no frames",
            "check that it is there and that no other program uses it",
        )
    return InputError(f"{label} is no video that can be decoded")
