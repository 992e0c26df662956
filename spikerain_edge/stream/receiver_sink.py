"""Frames for a receiver that takes them as they come, and may come and go."""

from __future__ import annotations

from contextlib import suppress

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.receivers import Opener, Receiver


class ReceiverGoneError(StreamError):
    """A receiver has gone for good."""


class ReceiverSink:
    """Opens a receiver with the first frame, and again after a failure or a change of size.

    Args:
        label: what to call it in messages, without password.
        opener: opens it for frames of one size.
        returns: whether it may come back once it has gone; standard output does not.
    """

    separate = False

    def __init__(self, label: str, opener: Opener, *, returns: bool = True) -> None:
        self.label = label
        self._opener = opener
        self._returns = returns
        self._receiver: Receiver | None = None
        self._size = (0, 0)

    def write(self, frame: Frame, image: Image) -> None:
        """Hands over a frame.

        Raises:
            StreamError: nobody takes it; the next frame opens the receiver again.
            ReceiverGoneError: nobody will take any.
        """
        size = (image.shape[1], image.shape[0])
        try:
            if self._receiver is not None and size != self._size:
                self.close()
            if self._receiver is None:
                self._receiver, self._size = self._opener(frame, size), size
            self._receiver.write(frame, image)
        except OSError as error:
            self._give_up()
            kind = StreamError if self._returns else ReceiverGoneError
            reason = "nobody reads it" if isinstance(error, BrokenPipeError) else error.strerror
            raise kind(f"cannot write {self.label}: {reason}", "check what reads it") from error
        except StreamError:
            self._give_up()
            raise

    def close(self) -> None:
        """Ends the stream.

        Raises:
            StreamError: its end could not be sent.
        """
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        try:
            receiver.finish()
        except OSError as error:
            raise StreamError(
                f"the end of {self.label} could not be sent: {error.strerror}",
                "check what reads it",
            ) from error

    def _give_up(self) -> None:
        with suppress(StreamError):
            self.close()


class NullSink:
    """Takes every frame and keeps none."""

    label = "null"
    separate = True

    def write(self, frame: Frame, image: Image) -> None:
        """Keeps nothing."""

    def close(self) -> None:
        """Nothing to close."""
