"""Options of `run` about those who watch it: the live page and an MQTT broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from spikerain_edge.commands.extras import extra_required
from spikerain_edge.stream.uris import without_password

if TYPE_CHECKING:
    from spikerain_edge.images import Image
    from spikerain_edge.mqtt.publisher import Publisher
    from spikerain_edge.run_options import RunOptions
    from spikerain_edge.serving.feed import Feed
    from spikerain_edge.serving.server import LivePage
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


Mqtt = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Report the run to an MQTT broker, for Home Assistant for example: "
        "mqtt://USER:{MQTT_PASSWORD}@HOST:1883/PREFIX. {NAME} is a secret as for --camera.",
    ),
]


@dataclass(frozen=True)
class Watching:
    """Who watches a run, and how.

    Attributes:
        serve: address of the live page; None without one.
        names: further host names of the page.
        mqtt: URL of an MQTT broker; None without one.
    """

    serve: str | None = None
    names: Sequence[str] = ()
    mqtt: str | None = None


@dataclass(frozen=True)
class Watchers:
    """What a run hands to those who watch it; nothing where nobody does.

    Attributes:
        show: takes the number of a camera and each frame, before and after the network.
        watch: takes the run.
    """

    show: Callable[[int, Image, Image], None] = lambda camera, before, after: None
    watch: Callable[[Session], None] = lambda session: None


@contextmanager
def watched(options: RunOptions, watching: Watching) -> Iterator[Watchers]:
    """Serves the live page and publishes to the broker within the context, as it is asked for.

    Raises:
        InputError: an address or URL is not valid, a token is missing, or a package is not
            installed.
        StreamError: the port is in use.
    """
    if watching.serve is None and watching.mqtt is None:
        yield Watchers()
        return
    from spikerain_edge.serving.feed import Feed

    feeds = [Feed(name) for name in _names(options.cameras)]
    with ExitStack() as opened:
        takers: list[LivePage | Publisher] = []
        if watching.mqtt is not None:
            takers.append(opened.enter_context(_publisher(options, watching.mqtt, feeds).opened()))
        if watching.serve is not None:
            takers.append(opened.enter_context(_page(options, watching, feeds).opened()))

        def show(camera: int, before: Image, after: Image) -> None:
            feeds[camera].show(before, after)

        def watch(session: Session) -> None:
            for taker in takers:
                taker.watch(session)

        yield Watchers(show, watch)


def _page(options: RunOptions, watching: Watching, feeds: list[Feed]) -> LivePage:
    with extra_required("the live page", "serve"):
        from spikerain_edge.serving.address import parse_address
        from spikerain_edge.serving.server import LivePage
        from spikerain_edge.serving.token import required_token

    address = parse_address(watching.serve or "")
    token = required_token(address)
    stall = options.capture.stall_timeout
    return LivePage(address, feeds, stall, names=watching.names, token=token)


def _publisher(options: RunOptions, url: str, feeds: list[Feed]) -> Publisher:
    with extra_required("--mqtt", "mqtt"):
        from spikerain_edge.mqtt.broker import parse_broker
        from spikerain_edge.mqtt.publisher import Publisher

    return Publisher(parse_broker(url), feeds, options.capture.stall_timeout, options.model)


def _names(cameras: Sequence[str]) -> list[str]:
    """Names of cameras without their passwords; those that are alike have their numbers."""
    shown = [without_password(camera) for camera in cameras]
    return [
        name if shown.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(shown)
    ]
