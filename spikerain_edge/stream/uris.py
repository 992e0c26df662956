"""What a URI means: a path of this machine, or something to show without its password."""

from __future__ import annotations

import re
from urllib.parse import unquote

# Some cameras take their password in the path: /user=admin_password=secret_channel=1
_SECRET = re.compile(
    r"(?<=/)[^/]*\b_?(?:user(?:name)?|pass(?:word|wd)?|pwd|token)=.*", re.IGNORECASE
)


def local_path(uri: str) -> str | None:
    """The path that a URI means, or none where it is a URL."""
    scheme, separator, path = uri.partition("://")
    if not separator or "/" in scheme:
        return uri
    return unquote(path.removeprefix("localhost")) if scheme in {"file", "v4l2"} else None


def without_password(uri: str) -> str:
    """A URI as messages may show it: without user, password, query and fragment."""
    if local_path(uri) is not None:
        return uri
    # A password may hold any character, if its owner forgot to encode it.
    shown = re.sub(r"[?#].*", "", re.sub(r"(?<=://).*@", "", uri))
    return _SECRET.sub("...", shown)
