from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving_parts import Clock, FakeRun, Served

from spikerain_edge.serving.address import Address
from spikerain_edge.serving.feed import Feed
from spikerain_edge.serving.server import LivePage
from spikerain_edge.serving.token import Token

SECRET = "a secret of this test"  # noqa: S105


def serve(token: Token | None) -> Iterator[Served]:
    clock = Clock()
    page = LivePage(Address("127.0.0.1", 0), [Feed("gate", clock)], 10.0, token=token)
    with page.opened():
        served = Served(page, FakeRun(), clock)
        served.wait_until(lambda: served.get("/healthz").status == 200)
        yield served


@pytest.fixture
def served() -> Iterator[Served]:
    """A live page that everybody may see, before its run has begun."""
    yield from serve(None)


@pytest.fixture
def closed() -> Iterator[Served]:
    """A live page that needs the token `SECRET`."""
    yield from serve(Token(SECRET))


@pytest.fixture
def secret() -> str:
    return SECRET
