"""Colour profiles (ICC) of image files: what their levels look like."""

from __future__ import annotations

import io
import warnings
import zlib

# Larger ones exist for printers; those of cameras and screens have a few kilobytes.
_MAX_PROFILE_BYTES = 4_000_000
# What the formats write before a profile, and formats that write nothing of the kind.
_SIGNS = (b"ICC_PROFILE", b"iCCP", b"ICCP", b"prof")
_UNSIGNED = {"TIFF"}
_AFTER_HEADER = 33


def colour_profile(content: bytes, form: str) -> bytes | None:
    """The RGB profile inside an image file; None if there is none that can be used.

    Args:
        content: the whole file.
        form: its format, as `format_of` names it.
    """
    if form not in _UNSIGNED and not any(sign in content for sign in _SIGNS):
        return None
    # A tenth of a second that only images with a profile shall wait for.
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Pillow.open(io.BytesIO(content)) as image:
                profile = image.info.get("icc_profile")
        except (
            # Pillow has no error of its own for what it cannot read.
            *(OSError, ValueError, SyntaxError, KeyError, RuntimeError),
            Pillow.DecompressionBombError,
        ):
            return None
    if not isinstance(profile, bytes) or profile[16:20] != b"RGB ":
        return None
    return profile if len(profile) <= _MAX_PROFILE_BYTES else None


def with_profile(png: bytes, profile: bytes) -> bytes:
    """A PNG file with a colour profile, in a chunk `iCCP` after its header."""
    body = b"iCCPICC profile\0\0" + zlib.compress(profile)
    size, check = (number.to_bytes(4, "big") for number in (len(body) - 4, zlib.crc32(body)))
    return png[:_AFTER_HEADER] + size + body + check + png[_AFTER_HEADER:]
