"""The pages that a browser shows, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_FILES = {
    "style.css": "text/css",
    "live.css": "text/css",
    "live.js": "text/javascript",
    "stream.js": "text/javascript",
    "charts.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def page_routes(cameras: Sequence[str]) -> list[Route]:
    """The page and the files that it asks for: these and no others.

    Args:
        cameras: what the cameras are called.
    """
    template = _environment().get_template("live.html")

    async def page(request: Request) -> Response:
        asked = request.query_params.get("camera", "0")
        if asked not in map(str, range(len(cameras))):
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such camera")
        return HTMLResponse(template.render(cameras=cameras, camera=int(asked)))

    return [Route("/", page), *(_file(name, kind) for name, kind in _FILES.items())]


def login_page(problem: str = "") -> str:
    """The page on which a person enters the token.

    Args:
        problem: why it is shown again.
    """
    return _environment().get_template("login.html").render(problem=problem)


def _file(name: str, kind: str) -> Route:
    content = (files("spikerain_edge.serving") / "static" / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return Route(f"/{name}", answer)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("spikerain_edge.serving"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
