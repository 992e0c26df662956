"""Where a person enters the token, which the browser then shows as a cookie."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from spikerain_edge.serving.guard import LONGEST_BODY
from spikerain_edge.serving.pages import login_page
from spikerain_edge.serving.rates import RateLimit
from spikerain_edge.serving.token import COOKIE, Token

_PATIENCE = 10.0
_MONTH = 30 * 24 * 3600


class Login:
    """The form of the token.

    Args:
        token: what viewers must show.
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self._tries = RateLimit(burst=10, per_second=0.1)

    def routes(self) -> list[Route]:
        """The form, and where it is sent."""
        return [
            Route("/login", self.form),
            Route("/login", self.enter, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """Shows the form."""
        return HTMLResponse(login_page())

    async def enter(self, request: Request) -> Response:
        """Checks the token and sets the cookie."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return HTMLResponse(login_page("Open this page itself."), HTTPStatus.FORBIDDEN)
        client = request.client.host if request.client else ""
        if not self._tries.take(client):
            problem = "Too many tries. Wait for ten seconds."
            return HTMLResponse(login_page(problem), HTTPStatus.TOO_MANY_REQUESTS)
        if not self._token.matches(await _entered(request)):
            return HTMLResponse(login_page("This is not the token."), HTTPStatus.UNAUTHORIZED)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            COOKIE,
            self._token.cookie,
            max_age=_MONTH,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


async def _entered(request: Request) -> str:
    """The token of a form; empty if there is none, or if it is too long or too slow."""
    try:
        body = await asyncio.wait_for(_body(request), _PATIENCE)
    except (asyncio.TimeoutError, ClientDisconnect):
        return ""
    return parse_qs(body.decode("ascii", "replace")).get("token", [""])[0].strip()


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            return b""
    return body
