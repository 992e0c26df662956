"""A video file that gets its name when it is complete."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.files import partial_name
from spikerain_edge.images import Image
from spikerain_edge.stream.encoder import CodedFrame, Encoder, frames_in
from spikerain_edge.stream.formats import FORMATS
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.image_sinks import FolderSink, opaque_notice, unwritable
from spikerain_edge.stream.sound import Sound, tell_lost
from spikerain_edge.stream.truncation import is_cut_off_avi


@dataclass(frozen=True)
class CodedVideo:
    """A video whose frames are copied without coding them again.

    Attributes:
        size: width and height of the frames that were coded.
        pixel_shape: width of a pixel divided by its height.
        parameters: headers of the codec.
    """

    size: tuple[int, int]
    pixel_shape: Fraction
    parameters: bytes


_FULL = "check whether the disk is full"


class VideoSink:
    """A video of a file's frames. MP4, MOV, MKV and TS hold H.264, AVI holds MJPEG.

    Args:
        path: file to write; the suffix chooses container and codec.
        rate: frames per second, nominal.
        sound: a file whose sound is copied, where the container can hold it.
        keep: if the file cannot be completed, what plays of it is kept and named.

    Raises:
        StreamError: its folder cannot be made or written.
    """

    separate = False

    def __init__(
        self, path: Path, rate: float, sound: Path | None = None, *, keep: bool = True
    ) -> None:
        self.label = str(path)
        self._path = path
        self._rate = rate
        self._sound = sound
        self._keep = keep
        self._partial = partial_name(path.absolute())
        self._encoder: Encoder | None = None
        self._frames = 0
        self._folder = FolderSink(path.parent)
        self._say_opaque = opaque_notice(path)

    def write(self, frame: Frame, image: Image) -> None:
        """Appends a frame.

        Raises:
            InputError: its size is not that of the first.
            StreamError: the file cannot be written.
        """
        size = (image.shape[1], image.shape[0])
        encoder = self._opened(size, frame.pixel_shape)
        first = encoder.size
        if size != first:
            raise InputError(
                f"{frame.called} is {size[0]}x{size[1]}, the video is {first[0]}x{first[1]}",
                "give one size with --imgsz WxH, or write into a folder",
            )
        if frame.alpha is not None:
            self._say_opaque(frame)
        try:
            encoder.write(frame, image)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._frames += 1

    def copy(self, coded: CodedFrame, source: CodedVideo) -> None:
        """Appends a frame that is coded already; frames are either all copied or all written.

        Args:
            coded: the frame.
            source: the video it is copied from.

        Raises:
            StreamError: the file cannot be written, or the frame is coded in another way.
        """
        encoder = self._opened(source.size, source.pixel_shape)
        if encoder.parameters != source.parameters:
            raise StreamError(
                f"the parts of {self._path} were coded by different versions of x264",
                "install the same version of av on all machines",
            )
        try:
            encoder.copy(coded)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._frames += 1

    def close(self) -> None:
        """Completes the file, so that it plays.

        Raises:
            StreamError: it could not be written to its end; what plays of it is kept if `keep`.
        """
        try:
            if self._encoder is not None:
                whole = self._encoder.finish()
                self._encoder = None
                self._complete(whole=whole)
        finally:
            self._folder.close()

    def discard(self) -> None:
        """Closes and removes the file; for a video that broke off."""
        if self._encoder is not None:
            self._encoder.finish()
            self._encoder = None
        self._discard()
        self._folder.close()

    def _opened(self, size: tuple[int, int], pixel_shape: Fraction) -> Encoder:
        """The encoder, which the first frame opens."""
        if self._encoder is None:
            self._encoder = self._open(size, pixel_shape)
            if self._sound is not None and not self._encoder.has_sound:
                tell_lost(str(self._sound), self.label)
        return self._encoder

    def _open(self, size: tuple[int, int], pixel_shape: Fraction) -> Encoder:
        try:
            # A name that is too long must not fail at the end of a recording.
            self._path.is_symlink()
            return Encoder(
                # FFmpeg takes what is before a colon for a protocol.
                f"file:{self._partial}",
                FORMATS[self._path.suffix.lower()],
                self._rate,
                size=size,
                pixel_shape=pixel_shape,
                label=self.label,
                sound=Sound(self._sound) if self._sound is not None else None,
            )
        except OSError as error:
            self._discard()
            raise unwritable(self._path, error) from error
        except StreamError:
            self._discard()
            raise

    def _complete(self, *, whole: bool) -> None:
        """Gives the file its name, unless it is not whole."""
        held = frames_in(str(self._partial))
        if held == 0:
            self._discard()
            raise StreamError(f"{self._path} could not be completed, nothing of it plays", _FULL)
        if held != self._frames or not whole or is_cut_off_avi(self._partial):
            if not self._keep:
                self._discard()
                raise StreamError(f"{self._path} could not be completed", _FULL)
            raise StreamError(
                f"{self._path} could not be completed, {self._partial} holds {held} of "
                f"{self._frames} frames, the last perhaps cut off",
                _FULL,
            )
        try:
            self._partial.replace(self._path)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def _discard(self) -> None:
        with suppress(OSError):
            self._partial.unlink()
