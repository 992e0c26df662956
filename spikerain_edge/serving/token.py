"""The token that viewers need: where it comes from, and how it is checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from spikerain_edge.errors import InputError
from spikerain_edge.serving.address import Address
from spikerain_edge.stream.credentials import find_value

VARIABLE = "SPIKERAIN_TOKEN"
COOKIE = "spikerain"
_SHORTEST = 16
_CREATE = f"create one: export {VARIABLE}=$(openssl rand -hex 16)"


class Token:
    """A secret that a viewer shows in the header `Authorization` or as a cookie.

    The header is `Bearer`, or `Basic` with any user and the token as the password, which is what
    Home Assistant and players can send.

    The cookie holds a digest of the token, and stays valid as long as the token is the same. Every
    comparison takes constant time.

    Args:
        secret: the token.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.cookie = hmac.new(
            self._secret, b"spikerain-edge live page", hashlib.sha256
        ).hexdigest()

    def matches(self, offered: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(self._secret, offered.encode())

    def admits(self, authorization: str, cookies: str) -> bool:
        """Whether a request may be answered.

        Args:
            authorization: value of the header `Authorization`.
            cookies: value of the header `Cookie`.
        """
        scheme, _, offered = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.matches(offered.strip()):
            return True
        if scheme.lower() == "basic" and self.matches(_password(offered.strip())):
            return True
        try:
            found = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(self.cookie.encode(), found.value.encode())


def _password(encoded: str) -> str:
    """The password of the scheme `Basic` (RFC 7617); empty if it is not valid."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def required_token(address: Address) -> Token | None:
    """Reads the token from the environment, a file or systemd's credentials.

    Returns:
        The token; None where there is none and only this machine can connect.

    Raises:
        InputError: there is no token but other machines can connect; or the token is too short.
    """
    secret = find_value(VARIABLE)
    if secret is None:
        if address.loopback:
            return None
        raise InputError(
            f"other machines can connect to --serve {address}, but there is no token", _CREATE
        )
    if len(secret) < _SHORTEST:
        raise InputError(f"{VARIABLE} is shorter than {_SHORTEST} characters", _CREATE)
    return Token(secret)
