"""Options of `run` about the live page, and the page for the time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from spikerain_edge.commands.extras import extra_required
from spikerain_edge.stream.uris import without_password

if TYPE_CHECKING:
    from spikerain_edge.images import Image
    from spikerain_edge.run_options import RunOptions
    from spikerain_edge.session import Session

Serve = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Serve a live page, metrics and streams. A port alone is for this machine only; "
        "other hosts need a token in SPIKERAIN_TOKEN.",
    ),
]
ServeNames = Annotated[
    list[str] | None,
    typer.Option(
        "--serve-name",
        metavar="NAME",
        help="Answer requests for this host name too, of a reverse proxy for example; repeatable.",
    ),
]


@dataclass(frozen=True)
class Page:
    """What a run hands to its live page; without a page, nothing happens to it.

    Attributes:
        show: takes the number of a camera and each frame, before and after the network.
        watch: takes the run.
    """

    show: Callable[[int, Image, Image], None] = lambda camera, before, after: None
    watch: Callable[[Session], None] = lambda session: None


@contextmanager
def live_page(options: RunOptions, serve: str | None, names: Sequence[str]) -> Iterator[Page]:
    """Serves the live page within the context, if it is asked for.

    Raises:
        InputError: the address is not valid, a token is missing, or a package is not installed.
        StreamError: the port is in use.
    """
    if serve is None:
        yield Page()
        return
    with extra_required("the live page", "serve"):
        from spikerain_edge.serving.address import parse_address
        from spikerain_edge.serving.feed import Feed
        from spikerain_edge.serving.server import LivePage
        from spikerain_edge.serving.token import required_token

    address = parse_address(serve)
    feeds = [Feed(name) for name in _names(options.cameras)]
    stall = options.capture.stall_timeout
    page = LivePage(address, feeds, stall, names=names, token=required_token(address))
    with page.opened():
        yield Page(page.show, page.watch)


def _names(cameras: Sequence[str]) -> list[str]:
    """Names of cameras without their passwords; those that are alike have their numbers."""
    shown = [without_password(camera) for camera in cameras]
    return [
        name if shown.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(shown)
    ]
