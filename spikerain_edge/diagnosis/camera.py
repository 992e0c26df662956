"""Tries a camera for some seconds: does it open, how many frames does it send, how old are they."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from spikerain_edge.errors import StreamError
from spikerain_edge.profiling.latency import percentiles_ms
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source
from spikerain_edge.stream.uris import without_password

TRIAL = 5.0
"""Seconds that a camera is tried for."""


@dataclass(frozen=True)
class CameraTrial:
    """What a camera sent.

    Attributes:
        camera: its URI, without password.
        live: whether it is a camera and not a file.
        width: of its pictures, in pixels.
        height: of its pictures, in pixels.
        frames: frames that came.
        fps: frames per second, measured between the first and the last.
        nominal_fps: frames per second that it claims.
        age_ms: age of the frames when they were handed over, by percentile (`p50` to
            `p99`); empty for a file.
        corrupt: frames that arrived damaged.
        outages: times that the connection was lost.
    """

    camera: str
    live: bool
    width: int
    height: int
    frames: int
    fps: float
    nominal_fps: float
    age_ms: dict[str, float]
    corrupt: int
    outages: int


def try_camera(uri: str, options: CaptureOptions, seconds: float = TRIAL) -> CameraTrial:
    """Opens a camera and reads its frames.

    Args:
        uri: what `run --camera` takes.
        options: how it is opened and watched.
        seconds: for how long.

    Raises:
        InputError: the URI names no camera.
        StreamError: it cannot be opened, or sends no frame.
    """
    # A read that hangs ends with the time-out of the stream, not with the alarm.
    patience = min(options.stall_timeout, seconds)
    source = open_source(uri, replace(options, stall_timeout=patience))
    alarm = threading.Timer(seconds, source.close)
    alarm.daemon = True
    shape, times, ages = (0, 0), [], []
    begun = time.perf_counter()
    if source.live:
        alarm.start()
    try:
        for frame in source:
            now = time.perf_counter()
            shape = frame.image.shape[:2]
            times.append(now)
            ages.append(now - frame.captured)
            if now - begun >= seconds:
                break
    finally:
        alarm.cancel()
        source.close()
    if not times:
        raise StreamError(
            f"{without_password(uri)} opens, but sends no frame within {seconds:g} seconds",
            "check the camera, or try another --rtsp-transport",
        )
    live = source if isinstance(source, LiveSource) else None
    span = times[-1] - times[0]
    return CameraTrial(
        camera=without_password(uri),
        live=source.live,
        width=shape[1],
        height=shape[0],
        frames=len(times),
        fps=(len(times) - 1) / span if span > 0 else 0.0,
        nominal_fps=source.rate,
        age_ms=percentiles_ms(ages) if live else {},
        corrupt=live.corrupt if live else 0,
        outages=len(live.outages) if live else 0,
    )
