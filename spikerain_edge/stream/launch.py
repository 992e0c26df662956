"""Runs a pipeline of GStreamer in a program of its own, and tells the format of its pictures.

It reads one line of JSON from its standard input, so that no list of processes shows a password in
the pipeline: `pipeline` is the text of the pipeline and `role` is one of

- `check`: construct the pipeline and end;
- `source`: run it, until standard input ends; pictures leave through the element `frames`;
- `sink`: run it, until it has written all that comes from standard input.

It calls GStreamer's own library and needs no binding for Python. On standard error it writes the
line `caps ...` before the first picture leaves, and at a failure its cause as the last line.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

# Exit codes: what is wrong with the pipeline, with the machine, with the run.
INVALID, MISSING, FAILED = 2, 3, 1
_LIBRARY = "libgstreamer-1.0.so.0"
# Of GStreamer's interface.
_NULL, _PAUSED, _PLAYING = 1, 3, 4
_FAILURE = 0
_EOS, _ERROR, _CLOCK_LOST, _LATENCY = 1, 2, 1 << 10, 1 << 19
_BUFFERS, _PASS = 1 << 4, 1
_NANOSECONDS = 10**9
# Seconds between two looks at the program that has started this one, and what a sink then gets.
_LOOK_EVERY = 0.25
_LAST = 5.0

_Pointer = ctypes.c_void_p
_Probe = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, _Pointer)
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "gst_init_check": (ctypes.c_int, [_Pointer, _Pointer, _Pointer]),
    "gst_parse_launch": (_Pointer, [ctypes.c_char_p, _Pointer]),
    "gst_element_get_bus": (_Pointer, [_Pointer]),
    "gst_element_set_state": (ctypes.c_int, [_Pointer, ctypes.c_int]),
    "gst_element_get_static_pad": (_Pointer, [_Pointer, ctypes.c_char_p]),
    "gst_bin_get_by_name": (_Pointer, [_Pointer, ctypes.c_char_p]),
    "gst_bin_recalculate_latency": (ctypes.c_int, [_Pointer]),
    "gst_bus_timed_pop_filtered": (_Pointer, [_Pointer, ctypes.c_uint64, ctypes.c_int]),
    "gst_message_parse_error": (None, [_Pointer, _Pointer, _Pointer]),
    "gst_mini_object_unref": (None, [_Pointer]),
    "gst_pad_add_probe": (ctypes.c_ulong, [_Pointer, ctypes.c_int, _Probe, _Pointer, _Pointer]),
    "gst_pad_get_current_caps": (_Pointer, [_Pointer]),
    "gst_caps_to_string": (_Pointer, [_Pointer]),
}


class _MiniObject(ctypes.Structure):
    """What each message of GStreamer begins with."""

    _fields_ = (
        ("type", ctypes.c_size_t),
        ("counts", ctypes.c_int * 2),
        ("flags", ctypes.c_uint),
        ("functions", _Pointer * 3),
        ("private", ctypes.c_uint),
        ("data", _Pointer),
    )


class _Message(ctypes.Structure):
    _fields_ = (("object", _MiniObject), ("type", ctypes.c_uint))


class _Error(ctypes.Structure):
    """GLib's GError."""

    _fields_ = (("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p))


class Pipeline:
    """A pipeline of GStreamer.

    Args:
        text: as `gst-launch-1.0` takes it.
    """

    def __init__(self, text: str) -> None:
        try:
            self._library = ctypes.CDLL(_LIBRARY)
        except OSError:
            _fail(MISSING, f"{_LIBRARY} is not installed")
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        error = ctypes.POINTER(_Error)()
        if not self._library.gst_init_check(None, None, ctypes.byref(error)):
            _fail(FAILED, _text(error))
        self._pipeline = self._library.gst_parse_launch(text.encode(), ctypes.byref(error))
        if error or not self._pipeline:
            _fail(INVALID, _text(error))
        self._probe = _Probe(self._tell_caps)
        self._pad: int | None = None
        self._latest: int | None = None
        self._caps: bytes | None = None

    def watch_caps(self) -> None:
        """Tells the format of pictures before the first leaves; ends before one of another does."""
        element = self._library.gst_bin_get_by_name(self._pipeline, b"frames")
        self._pad = self._library.gst_element_get_static_pad(element, b"sink")
        self._library.gst_pad_add_probe(self._pad, _BUFFERS, self._probe, None, None)

    def run(self, ended: Callable[[], bool]) -> None:
        """Runs it until it has ended, or `ended` turns true.

        Args:
            ended: asked several times a second.
        """
        bus = self._library.gst_element_get_bus(self._pipeline)
        kinds = _EOS | _ERROR | _CLOCK_LOST | _LATENCY
        wait = int(_LOOK_EVERY * _NANOSECONDS)
        if self._library.gst_element_set_state(self._pipeline, _PLAYING) == _FAILURE:
            message = self._library.gst_bus_timed_pop_filtered(bus, wait, _ERROR)
            self._fail_with(message)
        while not ended():
            message = self._library.gst_bus_timed_pop_filtered(bus, wait, kinds)
            if message is None:
                continue
            kind = _Message.from_address(message).type
            if kind == _ERROR:
                self._fail_with(message)
            if kind == _EOS:
                break
            if kind == _CLOCK_LOST:
                self._library.gst_element_set_state(self._pipeline, _PAUSED)
                self._library.gst_element_set_state(self._pipeline, _PLAYING)
            else:
                self._library.gst_bin_recalculate_latency(self._pipeline)
            self._library.gst_mini_object_unref(message)
        self._library.gst_element_set_state(self._pipeline, _NULL)

    def _fail_with(self, message: int | None) -> None:
        error = ctypes.POINTER(_Error)()
        if message is not None:
            self._library.gst_message_parse_error(message, ctypes.byref(error), None)
        reason = _text(error)
        self._library.gst_element_set_state(self._pipeline, _NULL)
        _fail(FAILED, reason)

    def _tell_caps(self, pad: int, info: int, data: int) -> int:
        """Called for each picture on the thread that writes it."""
        caps = self._library.gst_pad_get_current_caps(self._pad)
        if caps == self._latest:
            self._library.gst_mini_object_unref(caps)
            return _PASS
        text = ctypes.string_at(self._library.gst_caps_to_string(caps))
        if self._caps not in (None, text):
            # A reader that expects the old format would take the bytes for other pictures.
            _fail(FAILED, "it has changed its format")
        if self._caps is None:
            os.write(2, b"caps " + text + b"\n")
        self._latest, self._caps = caps, text
        return _PASS


def main() -> None:
    """Runs what the first line of standard input says."""
    given = json.loads(_first_line())
    parent = os.getppid()
    pipeline = Pipeline(given["pipeline"])
    if given["role"] == "source":
        pipeline.watch_caps()
    if given["role"] != "check":
        # A state change may block, and a sink's pipeline may ignore the end of its input.
        threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
        pipeline.run(_input_ended if given["role"] == "source" else lambda: False)
    # The library's threads may be blocked in a driver.
    os._exit(0)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    time.sleep(_LAST)
    os._exit(FAILED)


def _input_ended() -> bool:
    ready, _, _ = select.select([0], [], [], 0)
    return bool(ready) and not os.read(0, 1)


def _first_line() -> bytes:
    line = b""
    # What is read beyond the line would be missing from the pictures.
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line


def _text(error: Any) -> str:
    message = error.contents.message if error else None
    return message.decode(errors="replace") if message else "GStreamer does not say why"


def _fail(code: int, reason: str) -> None:
    os.write(2, " ".join(reason.split()).encode() + b"\n")
    os._exit(code)


if __name__ == "__main__":
    main()
