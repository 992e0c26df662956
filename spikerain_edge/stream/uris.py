"""What a URI means: a path of this machine, or something to show without its password."""

from __future__ import annotations

import re
from urllib.parse import unquote

from spikerain_edge.errors import InputError

# Some cameras take their password in the path: /user=admin_password=secret_channel=1
_SECRET = re.compile(r"(?<=/)[^/]*?(?:user|pass|pwd|token|key|auth|secret)[a-z]*=.*", re.IGNORECASE)
LOCAL_SCHEMES = ("v4l2", "csi", "gst", "file")
NETWORK_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtp", "tcp", "rtmp", "rtmps")


def local_path(uri: str) -> str | None:
    """The path that a URI means, or none where it is a URL."""
    scheme, separator, path = uri.partition("://")
    if not separator or "/" in scheme:
        return uri
    return unquote(path.removeprefix("localhost")) if scheme in {"file", "v4l2"} else None


def check_local_camera(uri: str) -> None:
    """Checks that a URI names a camera of this machine, whose size and rate can be chosen.

    Raises:
        InputError: it does not.
    """
    if not re.match(r"\d+$|/dev/|v4l2://|csi://", uri):
        raise InputError(
            f"{without_password(uri)} cannot be asked for a size or rate",
            "leave out --capture-size and --capture-fps, and scale with --imgsz WxH",
        )


def without_password(uri: str) -> str:
    """A URI as messages may show it: without user, password, query and fragment."""
    if local_path(uri) is not None:
        return uri
    if uri.startswith("gst://"):
        # A property of any element may be a secret.
        return f"{uri.split()[0]} ..."
    # A password may hold any character, if its owner forgot to encode it.
    shown = re.sub(r"[?#].*", "", re.sub(r"(?<=://).*@", "", uri))
    return _SECRET.sub("...", shown)
