"""What every request passes before it is answered, and the headers of every answer."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spikerain_edge.serving.address import HostNames
from spikerain_edge.serving.rates import RateLimit
from spikerain_edge.serving.token import Token

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/style.css", "/icon.svg"})
"""What is answered without a token: nothing about the pictures."""
LONGEST_BODY = 4096
# Requests that one client may make at once, and in a second.
_BURST, _PER_SECOND = 60, 15
# Seconds that a client which asks too often waits for its answer.
_PAUSE = 1.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses requests of foreign sites, too many, too large ones, and those without the token.

    Args:
        app: answers the others.
        names: names that the header `Host` may hold.
        token: what viewers must show; None if everybody may look.
    """

    def __init__(self, app: ASGIApp, names: HostNames, token: Token | None) -> None:
        self._app = app
        self._names = names
        self._token = token
        self._requests = RateLimit(_BURST, _PER_SECOND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request (ASGI)."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None and refusal.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            # An answer at once would invite the next request.
            await asyncio.sleep(_PAUSE)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or not self._names.allow(headers["host"]):
            return _text(421, "unknown host; name it with --serve-name")
        client = scope.get("client") or ("",)
        if not self._requests.take(client[0]):
            return _text(429, "too many requests", {"Retry-After": "1", "Connection": "close"})
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            return _text(413, "the request is too large", {"Connection": "close"})
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request without the token."""
        if self._token is None or scope["path"] in OPEN_PATHS:
            return None
        if self._token.admits(headers.get("authorization", ""), headers.get("cookie", "")):
            return None
        if scope["path"] == "/" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        return _text(401, "a token is required", {"WWW-Authenticate": "Bearer"})


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers)
