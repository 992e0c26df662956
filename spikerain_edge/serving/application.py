"""The web application of the live page."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from spikerain_edge.serving.address import HostNames
from spikerain_edge.serving.guard import Guard
from spikerain_edge.serving.login import Login
from spikerain_edge.serving.pages import page_routes
from spikerain_edge.serving.pictures import Pictures
from spikerain_edge.serving.routes import Endpoints
from spikerain_edge.serving.status import Status
from spikerain_edge.serving.token import Token

_log = logging.getLogger(__name__)


def application(
    pictures: Sequence[Pictures], status: Status, names: HostNames, token: Token | None
) -> ASGIApp:
    """Makes the application.

    Args:
        pictures: encode the frames, camera by camera.
        status: tells how the run is doing.
        names: names that requests may give in the header `Host`.
        token: what viewers must show; None if everybody may look.
    """
    routes = [
        *page_routes([feed.name for feed in status.feeds]),
        *Endpoints(pictures, status).routes(),
    ]
    if token is not None:
        routes += Login(token).routes()
    app = Starlette(routes=routes, exception_handlers={Exception: _failed})
    app.router.redirect_slashes = False
    return Guard(app, names, token)


def _failed(request: Request, error: Exception) -> Response:
    """Reports a bug: the run goes on, the viewer is told nothing about it."""
    _log.error("the live page failed at %s", request.url.path, exc_info=error)
    return PlainTextResponse("internal error\n", 500)
