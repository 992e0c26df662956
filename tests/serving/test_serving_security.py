from __future__ import annotations

from contextlib import suppress
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import numpy as np
import pytest
from serving_parts import Served, is_closed

from spikerain_edge.serving import connections

EVERYTHING = (
    "/metrics",
    "/snapshot.jpg",
    "/stream.mjpg",
    "/api/status",
    "/api/history",
    "/live.js",
)
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", EVERYTHING)
def test_nothing_is_told_without_the_token(closed: Served, path: str, secret: str) -> None:
    closed.begin()
    closed.show()
    assert closed.get(path).status == 401
    for wrong in ("", secret[:-1], f"{secret}x", secret.upper(), "é"):
        assert closed.get(path, Authorization=f"Bearer {wrong}").status == 401
        assert closed.get(path, Cookie=f"spikerain={wrong}").status == 401
    assert closed.get(f"{path}?{urlencode({'token': secret})}").status == 401
    assert closed.get(path, "HEAD", Authorization=f"Bearer {secret}").status == 200


def test_a_probe_needs_no_token(closed: Served) -> None:
    closed.show()
    assert closed.get("/healthz").status == 200
    assert closed.get("/readyz").status == 200


def test_a_browser_enters_the_token_once(closed: Served, secret: str) -> None:
    closed.show()
    sent = closed.get("/", Accept="text/html")
    assert (sent.status, sent.headers["location"]) == (303, "/login")
    assert closed.get("/login").status == 200

    wrong = closed.get("/login", "POST", b"token=wrong", Content_Type=FORM)
    assert wrong.status == 401
    assert "set-cookie" not in wrong.headers

    body = urlencode({"token": secret}).encode()
    entered = closed.get("/login", "POST", body, Content_Type=FORM)
    assert (entered.status, entered.headers["location"]) == (303, "/")
    cookie = SimpleCookie(entered.headers["set-cookie"])["spikerain"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert secret not in cookie.value
    assert closed.get("/", Cookie=f"spikerain={cookie.value}").status == 200


def test_a_form_of_another_site_is_not_taken(closed: Served, secret: str) -> None:
    body = urlencode({"token": secret}).encode()
    headers = {"Content_Type": FORM, "Sec_Fetch_Site": "cross-site"}
    assert closed.get("/login", "POST", body, **headers).status == 403


def test_tokens_cannot_be_tried_out(closed: Served, secret: str) -> None:
    body = urlencode({"token": "wrong"}).encode()
    statuses = {closed.get("/login", "POST", body, Content_Type=FORM).status for _ in range(12)}
    assert statuses == {401, 429}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "192.0.2.7"])
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    assert served.get("/healthz", Host=host).status == 421
    assert served.get("/healthz", Host=f"localhost:{served.port}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../pages.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/live.js",
        "/templates/live.html",
        "//etc/passwd",
        "/live.js/",
        "/live.js/../server.py",
        "/live.js%00",
        "/.git/config",
        "/api",
        "/api/status/../history",
    ],
)
def test_only_the_endpoints_are_served(served: Served, path: str) -> None:
    assert served.get(path).status == 404


def test_every_answer_has_the_headers_that_protect_a_browser(served: Served) -> None:
    for path in ("/", "/nothing", "/snapshot.jpg", "/live.js"):
        headers = served.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_a_request_with_a_huge_head_or_body_is_refused(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        with suppress(ConnectionError):
            for number in range(100):
                client.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1000))
        assert is_closed(client)
    assert served.get("/healthz", "POST", b"y" * 5000).status == 413
    assert served.get("/healthz").status == 200


@pytest.mark.slow
def test_a_viewer_that_does_not_read_is_dropped(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 1.0)
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)

    def viewers() -> int:
        served.page.feeds[0].show(noise, noise)
        return int(served.page._status.live()[0]["viewers"])  # type: ignore[union-attr]

    with served.watch(receive_buffer=4096) as slow:
        served.wait_until(lambda: viewers() == 1)
        assert slow.recv(1)
        served.wait_until(lambda: viewers() == 0)
    assert served.get("/healthz").status == 200
