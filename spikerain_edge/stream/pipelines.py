"""Pipelines of GStreamer as text: secrets filled in, checked, and started in a child."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.stream import launch
from spikerain_edge.stream.child import Child
from spikerain_edge.stream.credentials import NAME, value_of

# Seconds that the construction of a pipeline may take; the first one makes GStreamer's registry.
_PATIENCE = 60.0
# `{NV12}` in a description of pictures or sound is a list with one element.
_CAPS = re.compile(r"(^|=)\"?(video|audio|image|application)/")
_SPECIAL = re.compile(r"([^A-Za-z0-9_.~/:@%+-])")
_USER = re.compile(r"(?<=://)[^\s/]*@")
_TRY = "try the pipeline with gst-launch-1.0"
_INSTALL = "install it: apt install gstreamer1.0-plugins-base gstreamer1.0-plugins-good"


class PipelineText:
    """A pipeline as the user wrote it, with the values of its secrets.

    A value inside a URL is encoded as a URL needs it. Elsewhere it is one value of a property,
    whatever characters it has.

    Args:
        written: as `gst-launch-1.0` takes it, with `{NAME}` for secrets.
        label: what to call it in messages.

    Attributes:
        text: as GStreamer takes it.
        label: what to call it in messages.

    Raises:
        InputError: a quotation is open, there is no element, or a secret has no value.
    """

    def __init__(self, written: str, label: str) -> None:
        self.label = label
        self._secrets: set[str] = set()
        try:
            words = shlex.split(written)
        except ValueError as error:
            raise InputError(
                f"the pipeline {label} is not valid: {error}", "close its quotation"
            ) from None
        if not words:
            raise InputError("gst:// names no element", "name one, such as gst://videotestsrc")
        self.text = " ".join(map(self._filled, words))

    def censored(self, message: str) -> str:
        """A message without the values of secrets, and without the users of URLs."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            message = message.replace(secret, "...")
        return _USER.sub("...@", message)

    def _filled(self, word: str) -> str:
        if _CAPS.search(word):
            return _one_word(word)
        filled, end = "", 0
        for found in NAME.finditer(word):
            value = value_of(found[1])
            encoded = quote(value, safe="")
            self._secrets |= {each for each in (value, encoded) if each}
            inside_url = "://" in word[: found.start()]
            filled += _one_word(word[end : found.start()])
            filled += encoded if inside_url else _SPECIAL.sub(r"\\\1", value)
            end = found.end()
        return filled + _one_word(word[end:])


def started(
    text: str,
    pipeline: PipelineText,
    role: str,
    *,
    passed: Sequence[int] = (),
    heard: Callable[[str], bool] = lambda line: False,
) -> Child:
    """Starts a child with a pipeline.

    Args:
        text: the pipeline with what is put before and behind it.
        pipeline: what the user wrote of it.
        role: `check`, `source` or `sink`; see `launch`.
        passed: open files that the child inherits.
        heard: called with each line that the child writes; returns whether it is no complaint.
    """

    def complaint(line: str) -> str | None:
        return None if heard(line) else pipeline.censored(line)

    command = [sys.executable, "-I", str(Path(launch.__file__))]
    child = Child(command, pipeline.label, passed=passed, heard=complaint)
    child.write(json.dumps({"pipeline": text, "role": role}).encode() + b"\n")
    return child


def failure(child: Child, pipeline: PipelineText, what: str) -> InputError | StreamError:
    """Why a child has ended.

    Args:
        child: it is ending or has ended.
        pipeline: what the user wrote of it.
        what: what cannot be done with the pipeline.
    """
    reason, code = child.reason(), child.wait(0)
    if code == launch.MISSING:
        return InputError(f"gst:// needs GStreamer: {reason}", _INSTALL)
    kind = InputError if code == launch.INVALID else StreamError
    return kind(f"{pipeline.label} {what}: {reason}", _TRY)


def check(text: str, pipeline: PipelineText) -> None:
    """Checks that GStreamer can construct a pipeline.

    Raises:
        InputError: it cannot, or it is not installed.
    """
    child = started(text, pipeline, "check")
    try:
        if child.wait(_PATIENCE) != 0:
            raise failure(child, pipeline, "is not valid")
    finally:
        child.close()


def _one_word(text: str) -> str:
    """A word of a command line as GStreamer reads it: spaces outside of quotes are escaped."""
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(piece if piece[:1] == '"' else piece.replace(" ", "\\ ") for piece in pieces)
