"""Sends a coded video from standard input to a server, as a program of its own.

`main` reads the URL from the first line of its standard input, so that no list of processes shows
its password, and then the video as NUT. A server that is silent stops this program alone: FFmpeg's
libraries hold Python up while they connect.
"""

from __future__ import annotations

import os
import signal
import sys

import av
import av.error

# Seconds without an answer after which the system ends this program.
_PATIENCE = 10


def main() -> None:
    """Copies packets until the input ends or the server takes no more."""
    try:
        _copy()
    except (av.error.FFmpegError, OSError) as error:
        sys.exit(str(getattr(error, "strerror", "") or "the server sends no valid answer"))


def _copy() -> None:
    url = _first_line()
    # The head of the video says all there is to know: nothing is read ahead.
    with av.open("pipe:0", format="nut", options={"probesize": "32"}) as source:
        signal.alarm(_PATIENCE)
        stream = source.streams.video[0]
        with av.open(
            url, "w", format="rtsp", options={"rtsp_transport": "tcp"}, timeout=_PATIENCE
        ) as target:
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if not packet.size:
                    continue
                packet.stream, packet.dts = copy, packet.pts
                signal.alarm(_PATIENCE)
                target.mux(packet)
                signal.alarm(0)
            signal.alarm(_PATIENCE)


def _first_line() -> str:
    line = b""
    # What is read beyond the line would be missing from the video.
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit("nothing to send")
        line += byte
    return line.decode().strip()
