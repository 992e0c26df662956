"""Where the live page is served: the address, its socket and the names it answers to."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from spikerain_edge.errors import InputError, StreamError

_WRITTEN = re.compile(r"(?:(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]*):)?(?P<port>[0-9]{1,5})")
_LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
# Bytes that the kernel holds for a viewer, so that a slow one sees old pictures only briefly.
_SEND_BUFFER = 256 << 10
# Bytes of requests that it holds for each connection.
_RECEIVE_BUFFER = 16 << 10
_BACKLOG = 128


@dataclass(frozen=True)
class Address:
    """A host and a port to listen on.

    Attributes:
        host: a name or an address of this machine; IPv6 without brackets.
        port: 0 takes any free port.
    """

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine can connect."""
        if self.host == "localhost":
            return True
        address = _ip(self.host)
        return address is not None and address.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Reads `HOST:PORT`, `[IPV6]:PORT` or `PORT`; without a host it is loopback.

    Raises:
        InputError: it is none of these.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or int(found["port"]) > 65535:
        raise InputError(
            f"--serve {text} is not an address", "write HOST:PORT, such as --serve 127.0.0.1:8080"
        )
    return Address((found["host"] or _LOOPBACK).strip("[]"), int(found["port"]))


def listen(address: Address) -> socket.socket:
    """Opens the listening socket of an address.

    Raises:
        StreamError: the port is in use, or the address is not of this machine.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, where = found[0]
        dual = address.host == "::" and socket.has_dualstack_ipv6()
        opened = socket.create_server(
            where[:2],
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=dual,
        )
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StreamError(
            f"cannot serve on {address}: {reason.lower()}",
            "choose another address, such as --serve 127.0.0.1:8081",
        ) from None
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return opened


class HostNames:
    """Names that a request may give in its header `Host`.

    A foreign name means that somebody else's web site leads a browser here (DNS rebinding). Such a
    site needs a name, so any numeric address is accepted beyond loopback.

    Args:
        address: where the page is served.
        names: further names, of a reverse proxy for example.
    """

    def __init__(self, address: Address, names: Iterable[str] = ()) -> None:
        own = () if address.loopback else (socket.gethostname(), f"{socket.gethostname()}.local")
        known = (*_LOOPBACK_NAMES, address.host, *own, *names)
        self._names = {name.strip("[]").rstrip(".").lower() for name in known}
        self._numeric = not address.loopback

    def allow(self, header: str) -> bool:
        """Whether the value of a header `Host` names this machine."""
        host = re.sub(r":[0-9]{0,5}$", "", header.strip()).strip("[]").rstrip(".").lower()
        return host in self._names or (self._numeric and _ip(host) is not None)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
