"""A page under attack: who is turned away, with which answer, and who is served all the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from serving_parts import Served, is_closed, read_until

from spikerain_edge.serving import connections, door, guard, server
from spikerain_edge.serving.door import MOST_CONNECTIONS, network

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
NEVER = 1e-6


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes the connections of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not get in is told soon."""
    monkeypatch.setattr(door, "_WAIT", 0.05)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three connections at a time; silent ones do not give way."""
    monkeypatch.setattr(door, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(door, "_SILENT", 1e6)


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address of loopback counts as another machine, which may have four connections."""
    monkeypatch.setattr(door, "network", lambda host: host)
    monkeypatch.setattr(door, "MOST_OF_ONE_ADDRESS", 4)


def connect(served: Served, address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), 60, source_address=(address, 0))


@pytest.fixture
def one_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty turns, and then none."""
    monkeypatch.setattr(server, "BURST", 50)
    monkeypatch.setattr(server, "PER_SECOND", NEVER)


@pytest.mark.usefixtures("one_burst")
def test_a_viewer_goes_on_while_no_request_is_taken(served: Served, opened: ExitStack) -> None:
    served.show()
    viewer = opened.enter_context(served.watch())
    read_until(viewer, b"X-Frame: 1\r\n")
    flood = opened.enter_context(served.connect())
    flood.sendall(REQUEST * 60)
    read_until(flood, b"\r\n\r\nok\n")
    for number in (2, 3):
        served.show()
        read_until(viewer, b"X-Frame: %d\r\n" % number)


@pytest.fixture
def short_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two turns, and then all wait for theirs; nobody is closed because he is slow."""
    monkeypatch.setattr(server, "BURST", 2)
    monkeypatch.setattr(connections, "_PATIENCE", 1e6)


@pytest.mark.usefixtures("short_burst")
def test_a_request_that_breaks_behind_its_answer_closes_its_connection_alone(
    served: Served, opened: ExitStack
) -> None:
    served.show()
    broken = opened.enter_context(served.connect())
    broken.sendall(
        b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    read_until(broken, b"X-Frame: 1\r\n")
    broken.sendall(b"zz\r\n")
    broken.settimeout(30)
    assert is_closed(broken)
    assert served.get("/healthz").status == 200


def test_who_is_refused_is_told_why_and_what_to_do(
    served: Served, opened: ExitStack, few: None
) -> None:
    for _ in range(3):
        viewer = opened.enter_context(served.watch())
        served.show()
        read_until(viewer, b"X-Frame: ")
    refused = opened.enter_context(served.connect())
    refused.sendall(REQUEST)
    answer = read_until(refused, b"again\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"close other pages of this run" in answer
    assert is_closed(refused)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests for each client, and then one in two seconds."""
    monkeypatch.setattr(guard, "_BURST", 20)
    monkeypatch.setattr(guard, "_PER_SECOND", 0.5)
    monkeypatch.setattr(guard, "_PAUSE", 0.01)


@pytest.mark.slow
@pytest.mark.usefixtures("strict")
def test_too_many_requests_are_refused_for_a_while(served: Served) -> None:
    with served.connect() as client:
        client.sendall(REQUEST * 60)
        refused = read_until(client, b"429 Too Many Requests")
        assert b"200 OK" in refused
        assert is_closed(client)
    served.wait_until(lambda: served.get("/healthz").status == 200)


@pytest.mark.usefixtures("strict")
def test_clients_of_a_proxy_have_limits_of_their_own(served: Served) -> None:
    with served.connect() as proxy:
        named = REQUEST[:-2] + b"X-Forwarded-For: 192.0.2.1\r\n\r\n"
        proxy.sendall(named * 30)
        read_until(proxy, b"429 Too Many Requests")
    assert served.get("/healthz", X_Forwarded_For="192.0.2.2").status == 200


@pytest.mark.usefixtures("few")
def test_one_connection_too_many_is_told_to_come_back(served: Served, opened: ExitStack) -> None:
    served.show()
    for _ in range(3):
        viewer = opened.enter_context(served.watch())
        read_until(viewer, b"X-Frame: 1\r\n")
    refused = served.get("/healthz")
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "1"


@pytest.mark.usefixtures("few")
def test_silent_connections_give_way_to_new_ones(
    served: Served, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.show()
    viewer = opened.enter_context(served.watch())
    read_until(viewer, b"X-Frame: 1\r\n")
    silent = [opened.enter_context(served.connect()) for _ in range(2)]
    monkeypatch.setattr(door, "_SILENT", 1e-6)
    served.wait_until(lambda: served.get("/healthz").status == 200)
    assert is_closed(silent[0])
    served.show()
    read_until(viewer, b"X-Frame: 2\r\n")


@pytest.mark.usefixtures("machines", "few")
def test_the_address_with_most_connections_makes_room_for_others(
    served: Served, opened: ExitStack
) -> None:
    served.show()
    viewer = opened.enter_context(connect(served, "127.0.0.3"))
    viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    read_until(viewer, b"X-Frame: 1\r\n")
    greedy = [opened.enter_context(connect(served, "127.0.0.2")) for _ in range(2)]
    served.wait_until(lambda: len(served.page._server.server_state.connections) == 3)  # type: ignore[union-attr]
    served.wait_until(lambda: served.get("/healthz").status == 200)
    for one in greedy:
        one.sendall(REQUEST)
    answers = [answer_of(one) for one in greedy]
    assert answers.count(b"") == 1
    served.show()
    read_until(viewer, b"X-Frame: 2\r\n")


def answer_of(connection: socket.socket) -> bytes:
    """The status line; empty if the connection was closed."""
    with suppress(ConnectionError):
        return connection.recv(1 << 16)[:12]
    return b""


@pytest.mark.usefixtures("machines")
def test_one_address_does_not_take_the_connections_of_others(
    served: Served, opened: ExitStack
) -> None:
    for _ in range(4):
        opened.enter_context(connect(served, "127.0.0.2"))
    with connect(served, "127.0.0.2") as refused:
        assert refused.recv(100).startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert is_closed(refused)
    assert served.get("/healthz").status == 200


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine may connect five times."""
    monkeypatch.setattr(door, "_BURST_OF_ONE", 5)
    monkeypatch.setattr(door, "_PER_SECOND_OF_ONE", NEVER)


@pytest.mark.usefixtures("machines", "seldom")
def test_one_address_may_not_connect_again_and_again(served: Served, opened: ExitStack) -> None:
    answers = []
    for _ in range(6):
        with connect(served, "127.0.0.2") as one:
            one.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answers.append(read_until(one, b"\r\n\r\n").split()[1])
    assert answers == [b"200"] * 5 + [b"429"]
    other = opened.enter_context(connect(served, "127.0.0.3"))
    other.sendall(REQUEST)
    assert b"200 OK" in read_until(other, b"\r\n\r\n")


def test_a_head_that_is_not_complete_in_time_is_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.3)
    with served.connect() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert is_closed(slow)
    with served.connect() as silent:
        assert is_closed(silent)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are taken at once, and soon given up."""
    monkeypatch.setattr(door, "_BURST", 2000)
    monkeypatch.setattr(server, "BURST", 2000)
    monkeypatch.setattr(connections, "_PATIENCE", 1.0)


@pytest.mark.slow
@pytest.mark.usefixtures("brisk")
def test_five_hundred_connections_harm_nobody(served: Served, opened: ExitStack) -> None:
    clients = [opened.enter_context(served.connect()) for _ in range(500)]
    held = len(served.page._server.server_state.connections)  # type: ignore[union-attr]
    assert held <= MOST_CONNECTIONS
    assert all(is_closed(client) for client in clients)
    assert served.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
    ],
)
def test_an_address_counts_as_its_machine(host: str, counts_as: str) -> None:
    assert network(host) == counts_as
