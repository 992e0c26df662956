"""The endpoints of the live page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from spikerain_edge.serving.metrics import CONTENT_TYPE, Metrics
from spikerain_edge.serving.mjpeg import MjpegStream
from spikerain_edge.serving.pictures import VIEWS, Pictures
from spikerain_edge.serving.status import Status

_VIEWS = "no such view; ask for ?view=before or ?view=after"
# Seconds without a step after which the process does not recover by itself.
_STUCK = 60.0
# Seconds for which an answer serves all who ask.
_FRESH = 1.0


class Fresh:
    """An answer that is made again when it is older than a second.

    Args:
        make: makes it.
        clock: returns a time in seconds.
    """

    def __init__(
        self, make: Callable[[], bytes], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._clock = clock
        self._made: tuple[float, bytes] | None = None

    def __call__(self) -> bytes:
        """Returns the answer."""
        now = self._clock()
        if self._made is None or now - self._made[0] > _FRESH:
            self._made = now, self._make()
        return self._made[1]


class Endpoints:
    """Answers requests.

    Args:
        pictures: encode the frames, camera by camera.
        status: tells how the run is doing.
    """

    def __init__(self, pictures: Sequence[Pictures], status: Status) -> None:
        self._pictures = pictures
        self._status = status
        self._metrics = Fresh(Metrics(status).text)
        self._document = Fresh(lambda: json.dumps(status.document()).encode())
        self._history = Fresh(lambda: json.dumps(status.history()).encode())

    def routes(self) -> list[Route]:
        """All endpoints but those of the page itself."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics),
            Route("/snapshot.jpg", self.snapshot),
            Route("/stream.mjpg", self.stream),
            Route("/api/status", self.status),
            Route("/api/history", self.history),
        ]

    async def health(self, request: Request) -> Response:
        """Whether the process works or can recover by itself."""
        run = self._status.run
        if run is not None and run.stuck > _STUCK:
            return _unavailable(f"stuck for {run.stuck:.0f} seconds")
        return PlainTextResponse("ok\n")

    async def readiness(self, request: Request) -> Response:
        """Whether a frame is newer than the stall time-out, of any camera or of the one asked."""
        cameras = range(len(self._pictures))
        if "camera" in request.query_params:
            cameras = range(found := self._camera(request), found + 1)
        if any(self._status.ready(camera) for camera in cameras):
            return PlainTextResponse("ready\n")
        states = ", ".join(self._status.state(camera) for camera in cameras)
        return _unavailable(f"no frame: {states}")

    async def metrics(self, request: Request) -> Response:
        """Metrics for Prometheus."""
        return Response(self._metrics(), media_type=CONTENT_TYPE)

    async def snapshot(self, request: Request) -> Response:
        """The newest frame as one JPEG."""
        views = _views(request)
        if len(views) != 1:
            raise HTTPException(HTTPStatus.BAD_REQUEST, _VIEWS)
        jpeg = await self._pictures[self._camera(request)].still(views[0])
        if jpeg is None:
            return _unavailable("no frame yet")
        return Response(jpeg, media_type="image/jpeg")

    async def stream(self, request: Request) -> MjpegStream:
        """The newest frames as JPEGs, one after another."""
        views = _views(request)
        return MjpegStream(self._pictures[self._camera(request)], views)

    async def status(self, request: Request) -> Response:
        """The summary of the run so far, and how its cameras are doing now."""
        if self._status.run is None:
            return JSONResponse(self._status.document(), HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(self._document(), media_type="application/json")

    async def history(self, request: Request) -> Response:
        """The latest five minutes."""
        return Response(self._history(), media_type="application/json")

    def _camera(self, request: Request) -> int:
        """The number of the camera that a request asks for; the first one where it does not."""
        asked = request.query_params.get("camera", "0")
        if asked not in map(str, range(len(self._pictures))):
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such camera")
        return int(asked)


def _views(request: Request) -> tuple[str, ...]:
    """The views that a request asks for."""
    asked = request.query_params.get("view", "after")
    if asked == "both":
        return VIEWS
    if asked not in VIEWS:
        raise HTTPException(HTTPStatus.BAD_REQUEST, _VIEWS)
    return (asked,)


def _unavailable(text: str) -> Response:
    return PlainTextResponse(f"{text}\n", HTTPStatus.SERVICE_UNAVAILABLE)
