"""Why a stream cannot be opened, in words and with a remedy."""

from __future__ import annotations

import os
import re
import socket

import av.error

from spikerain_edge.errors import StreamError
from spikerain_edge.stream.retries import RefusedError

_PROXIED = ("http", "https")


def no_answer(label: str, seconds: float) -> StreamError:
    """What to say of a stream that does not answer; FFmpeg calls this by many names.

    Args:
        label: what to call the stream, without password.
        seconds: how long it has been waited for.
    """
    return StreamError(
        f"{label} cannot be opened: no answer within {seconds:g} seconds",
        "check that the camera is on and its address",
    )


def not_opened(error: av.error.FFmpegError, label: str) -> StreamError:
    """What to say of a stream that cannot be opened.

    Args:
        error: what FFmpeg raised; it holds the URL with its password.
        label: what to call the stream, without password.
    """
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return _refused(
            error,
            label,
            "check user and password; in a URL write % and @ in them as %25 and %40",
        )
    if isinstance(error, av.error.HTTPNotFoundError):
        return _refused(error, label, "check the path of the stream in the camera's manual")
    if isinstance(error, ConnectionRefusedError):
        return StreamError(
            f"{label} cannot be opened: connection refused",
            "check the port, and that the camera's server runs",
        )
    if isinstance(error, (av.error.HTTPError, av.error.InvalidDataError)):
        return _refused(error, label, "check the address and what it serves")
    return StreamError(
        f"{label} cannot be opened: {error.strerror}",
        "check that the camera is on, its address and its network",
    )


def check_host(url: str, label: str) -> None:
    """Looks up the name of a URL's host, which FFmpeg calls an input/output error.

    Raises:
        StreamError: the host is not known.
    """
    found = re.match(r"([a-z0-9+.-]+)://(?:[^/?#]*@)?([^/?#@:\[\]]+)(?::\d+)?(?=[/?#]|$)", url)
    if found is None or (found[1] in _PROXIED and os.environ.get("http_proxy")):
        return
    try:
        socket.getaddrinfo(found[2], None)
    except (socket.gaierror, UnicodeError):
        raise StreamError(
            f"{label} cannot be opened: unknown host {found[2]}",
            "check the name of the camera, or use its IP address",
        ) from None


def _refused(error: av.error.FFmpegError, label: str, remedy: str) -> RefusedError:
    return RefusedError(f"{label} cannot be opened: {error.strerror}", remedy)
