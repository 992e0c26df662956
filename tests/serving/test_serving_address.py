from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spikerain_edge.errors import InputError, StreamError
from spikerain_edge.serving.address import Address, HostNames, listen, parse_address
from spikerain_edge.serving.rates import RateLimit
from spikerain_edge.serving.token import Token, required_token

Run = Callable[..., subprocess.CompletedProcess[str]]
BEYOND = Address("0.0.0.0", 8080)  # noqa: S104


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("8080", Address("127.0.0.1", 8080), True),
        (":8080", Address("127.0.0.1", 8080), True),
        ("localhost:0", Address("localhost", 0), True),
        ("127.0.0.2:80", Address("127.0.0.2", 80), True),
        ("[::1]:8080", Address("::1", 8080), True),
        ("[::]:8080", Address("::", 8080), False),
        ("0.0.0.0:8080", BEYOND, False),
        ("camera.example:8080", Address("camera.example", 8080), False),
    ],
)
def test_addresses_are_read(text: str, address: Address, loopback: bool) -> None:
    assert parse_address(text) == address
    assert parse_address(text).loopback is loopback


@pytest.mark.parametrize("text", ["", "localhost", "host:", "1:2:3", "::1:80", "a@b:80", "99999"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="write HOST:PORT"):
        parse_address(text)


def test_beyond_loopback_numeric_hosts_and_names_of_the_machine_are_answered() -> None:
    names = HostNames(BEYOND, ["rain.example"])
    for host in ("192.0.2.7:8080", "[2001:db8::1]:80", "rain.example", "RAIN.example.:443"):
        assert names.allow(host)
    assert names.allow(socket.gethostname())
    assert not names.allow("evil.example")


def test_a_page_for_other_machines_needs_a_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SPIKERAIN_TOKEN", raising=False)
    assert required_token(Address("127.0.0.1", 80)) is None
    with pytest.raises(InputError, match="there is no token; create one: export SPIKERAIN_TOKEN"):
        required_token(BEYOND)

    monkeypatch.setenv("SPIKERAIN_TOKEN", "short")
    with pytest.raises(InputError, match="shorter than 16"):
        required_token(BEYOND)

    monkeypatch.delenv("SPIKERAIN_TOKEN")
    (tmp_path / "SPIKERAIN_TOKEN").write_text("from a credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    token = required_token(Address("127.0.0.1", 80))
    assert token is not None
    assert token.matches("from a credential")


def test_a_cookie_of_another_token_is_not_admitted() -> None:
    token, other = Token("a token of 2026 a"), Token("a token of 2026 b")
    assert token.admits("", f"theme=dark; spikerain={token.cookie}")
    assert not token.admits("", f"spikerain={other.cookie}")
    assert not token.admits("Basic a token of 2026 a", "")


def test_the_password_of_basic_authorization_is_the_token() -> None:
    token = Token("a token: of 2026")

    def basic(text: str) -> str:
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    assert token.admits(basic("anybody:a token: of 2026"), "")
    for wrong in ("a token: of 2026:", "anybody:a token", "anybody", ""):
        assert not token.admits(basic(wrong), "")


def test_a_bucket_of_requests_fills_again() -> None:
    now = [0.0]
    limit = RateLimit(burst=2, per_second=0.5, clock=lambda: now[0])
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    assert limit.take("b")
    now[0] = 2.0
    assert [limit.take("a") for _ in range(2)] == [True, False]


def test_a_name_that_no_host_can_have_is_an_error() -> None:
    with pytest.raises(StreamError, match=r"cannot serve on a\.\.b:8080"):
        listen(Address("a..b", 8080))


def test_a_run_with_a_page_that_cannot_be_served_says_why(
    spikerain: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPIKERAIN_TOKEN", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = spikerain("--camera", "demo", "--max-frames", "1", "--serve", str(port))
    assert ended.returncode == 3
    assert f"cannot serve on 127.0.0.1:{port}: address already in use" in ended.stderr

    ended = spikerain("--camera", "demo", "--max-frames", "1", "--serve", "0.0.0.0:0")
    assert ended.returncode == 2
    assert "export SPIKERAIN_TOKEN=$(openssl rand -hex 16)" in ended.stderr


def test_a_run_with_a_page_ends_by_itself(spikerain: Run) -> None:
    options = ("--imgsz", "32x32", "--max-frames", "2", "--serve", "0", "--json", "-")
    ended = spikerain("--camera", "demo", *options)
    assert ended.returncode == 0
    assert "live page: http://127.0.0.1:" in ended.stderr
    assert json.loads(ended.stdout)["frames"] == 2


@pytest.mark.parametrize(
    ("option", "missing", "told"),
    [
        (("--serve", "0"), "uvicorn", "the live page needs the package uvicorn"),
        (("--mqtt", "mqtt://localhost"), "paho.mqtt.client", "--mqtt needs the package paho"),
    ],
)
def test_a_missing_extra_is_named(
    spikerain: Run,
    monkeypatch: pytest.MonkeyPatch,
    option: tuple[str, ...],
    missing: str,
    told: str,
) -> None:
    for name in tuple(sys.modules):
        if name.startswith(("spikerain_edge.serving.", "spikerain_edge.mqtt.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ended = spikerain("--camera", "demo", "--max-frames", "1", *option)
    assert ended.returncode == 2
    extra = option[0].removeprefix("--")
    assert f"{told}; install it: pip install 'spikerain-edge[{extra}]'" in ended.stderr
