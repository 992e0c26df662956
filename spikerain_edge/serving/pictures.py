"""JPEGs of the newest frame: encoded only while somebody looks, and once for all viewers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg

from spikerain_edge.images import Image
from spikerain_edge.serving.feed import Feed, Shown
from spikerain_edge.serving.pace import Pace
from spikerain_edge.serving.priority import give_way

VIEWS = ("before", "after")
# Pictures per second at most, and how often the feed is looked at meanwhile.
_FASTEST = 10.0
_LOOK = 0.02
# Seconds between two frames of which stills are made.
_STILL_EVERY = 0.25
# Longer side of a streamed picture in pixels.
_LONGEST = 1280
_STREAM_QUALITY = 80
_STILL_QUALITY = 92


@dataclass(frozen=True)
class Picture:
    """A frame as JPEGs, one for each view that somebody watches."""

    number: int
    jpegs: dict[str, bytes]


class Pictures:
    """Encodes the frames of a feed for its viewers. Belongs to the event loop of the server.

    Args:
        feed: where the frames come from.
        pace: says when the next picture may be encoded; shared by all cameras.
    """

    def __init__(self, feed: Feed, pace: Pace) -> None:
        self._feed = feed
        self._pace = pace
        self._watched: Counter[str] = Counter()
        self._newest: Picture | None = None
        self._news = asyncio.Event()
        self._encoding: asyncio.Task[None] | None = None
        self._still: tuple[Shown, dict[str, bytes]] | None = None
        self._still_time = 0.0
        self._lock = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "jpeg", initializer=give_way)
        self._closed = False

    @property
    def viewers(self) -> int:
        """Number of streams that are being watched."""
        return self._watched["streams"]

    def count_sending(self, seconds: float) -> None:
        """Counts processor time of sending pictures, in seconds; the next ones pay for it."""
        self._pace.count_sending(seconds)

    async def stream(self, views: tuple[str, ...]) -> AsyncGenerator[Picture, None]:
        """Yields the newest picture again and again; a slow viewer misses those in between."""
        seen = 0
        self._watched.update((*views, "streams"))
        if self._encoding is None:
            self._encoding = asyncio.create_task(self._encode())
        try:
            while not self._closed:
                picture = self._newest
                if (
                    picture is None
                    or picture.number == seen
                    or not picture.jpegs.keys() >= {*views}
                ):
                    await self._news.wait()
                    continue
                seen = picture.number
                yield picture
        finally:
            self._watched.subtract((*views, "streams"))

    async def still(self, view: str) -> bytes | None:
        """Returns the newest frame as a JPEG in its own size; None before the first frame."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            if self._still is None or loop.time() - self._still_time > _STILL_EVERY:
                await self._pace.rest()
                newest = self._feed.newest
                if newest is None:
                    return None
                self._still, self._still_time = (newest, {}), loop.time()
            shown, jpegs = self._still
            if view not in jpegs:
                jpegs |= await self._jpegs(shown, [view], _STILL_QUALITY, None)
            return jpegs[view]

    async def close(self) -> None:
        """Ends every stream."""
        self._closed = True
        self._announce()
        if self._encoding is not None:
            self._encoding.cancel()
            with suppress(asyncio.CancelledError):
                await self._encoding
        self._worker.shutdown(wait=False)

    async def _encode(self) -> None:
        """Encodes while there are viewers; ends with the last one."""
        loop = asyncio.get_running_loop()
        try:
            while self.viewers:
                await self._pace.rest()
                began, shown = loop.time(), self._feed.newest
                views = [view for view in VIEWS if self._watched[view]]
                if shown is None or not self._is_news(shown, views):
                    await asyncio.sleep(_LOOK)
                    continue
                jpegs = await self._jpegs(shown, views, _STREAM_QUALITY, _LONGEST)
                self._pace.spend_sending()
                self._newest = Picture(shown.number, jpegs)
                self._announce()
                await asyncio.sleep(max(0.0, began + 1 / _FASTEST - loop.time()))
        finally:
            self._encoding = None
            self._newest = None

    def _is_news(self, shown: Shown, views: list[str]) -> bool:
        newest = self._newest
        return (
            newest is None or newest.number != shown.number or not newest.jpegs.keys() >= {*views}
        )

    def _announce(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _jpegs(
        self, shown: Shown, views: Sequence[str], quality: int, longest: int | None
    ) -> dict[str, bytes]:
        """Encodes views of a frame on the worker, and counts what that took."""

        def work() -> tuple[dict[str, bytes], float]:
            began = time.thread_time()
            made = {view: jpeg(shown.view(view), quality, longest) for view in views}
            return made, time.thread_time() - began

        made, took = await asyncio.get_running_loop().run_in_executor(self._worker, work)
        self._pace.spend(took)
        return made


def jpeg(image: Image, quality: int, longest: int | None = None) -> bytes:
    """Encodes an image, uint8 (H, W, 3) BGR, as a JPEG.

    Args:
        image: the image.
        quality: 1 to 100.
        longest: pixels to which the longer side is scaled down, if it is longer.
    """
    side = max(image.shape[:2])
    if longest is not None and side > longest:
        height, width = (max(1, round(n * longest / side)) for n in image.shape[:2])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality, "BGR", "420", fastdct=True
    )
    return encoded
