"""Where the MQTT broker is, and how to log in there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from spikerain_edge.errors import InputError
from spikerain_edge.stream.credentials import with_credentials

DEFAULT_PREFIX = "spikerain"
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_EXAMPLE = "mqtt://USER:{MQTT_PASSWORD}@HOST:1883"


@dataclass(frozen=True)
class Broker:
    """An MQTT broker.

    Attributes:
        host: name or address.
        port: TCP port.
        tls: whether the connection is encrypted.
        user: none where the broker asks for none.
        password: none where the broker asks for none.
        prefix: what the names of all topics begin with, but those of discovery.
        prefixed: whether the user chose the prefix.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    prefix: str
    prefixed: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Broker({self})"


def parse_broker(url: str) -> Broker:
    """Reads `mqtt://USER:{NAME}@HOST:PORT/PREFIX`; all but the host may be left out.

    Raises:
        InputError: it is not such a URL, its password can be seen by others, or a secret that it
            names has no value.
    """
    _refuse_seen_password(url)
    try:
        parts = urlsplit(with_credentials(url))
        port = parts.port
    except ValueError:
        raise _invalid() from None
    prefix = unquote(parts.path).strip("/")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise _invalid()
    if re.search(r"[+#\0]|^\$", prefix):
        raise InputError(
            f"the prefix {prefix!r} of --mqtt is not valid in a topic",
            "use letters, digits, - and /, such as mqtt://HOST/garden/rain",
        )
    return Broker(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "mqtts",
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        prefix or DEFAULT_PREFIX,
        bool(prefix),
    )


def _refuse_seen_password(url: str) -> None:
    credentials = re.match(r"mqtts?://(.*)@", url)
    _, separator, password = credentials[1].partition(":") if credentials else ("", "", "")
    if separator and not re.fullmatch(r"\{[A-Z][A-Z0-9_]*\}", password):
        raise InputError(
            "the password in --mqtt can be seen by every user of this machine",
            f"set the variable MQTT_PASSWORD or MQTT_PASSWORD_FILE and type --mqtt '{_EXAMPLE}'",
        )


def _invalid() -> InputError:
    return InputError("--mqtt needs the URL of a broker", f"write it as {_EXAMPLE}")
