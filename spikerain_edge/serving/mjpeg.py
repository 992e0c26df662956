"""A stream of JPEGs that browsers, Home Assistant and ffmpeg read (multipart/x-mixed-replace)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from spikerain_edge.serving.metering import metered
from spikerain_edge.serving.pictures import Picture, Pictures

_BOUNDARY = b"spikerain"
_END = b"\r\n--" + _BOUNDARY + b"\r\n"


class MjpegStream:
    """Answers a request with pictures until the viewer goes or the run ends (ASGI).

    Args:
        pictures: encodes the frames.
        views: `before`, `after` or both; of both, each frame is two parts, in this order.
    """

    def __init__(self, pictures: Pictures, views: tuple[str, ...]) -> None:
        self._pictures = pictures
        self._views = views

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        kind = b"multipart/x-mixed-replace; boundary=" + _BOUNDARY
        headers = [(b"content-type", kind), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        sending = asyncio.create_task(self._metered(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _metered(self, send: Send) -> None:
        await metered(self._send(send), self._pictures.count_sending)

    async def _send(self, send: Send) -> None:
        await send(_body(_END[2:]))
        async with aclosing(self._pictures.stream(self._views)) as pictures:
            async for picture in pictures:
                await send(_body(b"".join(_part(picture, view) for view in self._views)))
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(content: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": True}


def _part(picture: Picture, view: str) -> bytes:
    """A picture with what ends it, so that a browser shows it at once."""
    jpeg = picture.jpegs[view]
    head = (
        f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
        f"X-View: {view}\r\nX-Frame: {picture.number}\r\n\r\n"
    )
    return head.encode() + jpeg + _END
