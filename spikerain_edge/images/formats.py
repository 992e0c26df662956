"""Recognises image formats by the first bytes of a file; file names do not matter."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 64
"""Number of bytes at the start of a file that are needed to recognise its format."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"#?RADIANCE", "HDR"),
    (b"\x76\x2f\x31\x01", "EXR"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def format_of(head: bytes) -> str | None:
    """Recognises the image format of a file.

    Args:
        head: at least the first `HEAD_BYTES` bytes of the file.

    Returns:
        The name of the format, such as `JPEG`; None if the file is not an image.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "BMP"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    # PBM, PGM, PPM, PAM and PFM begin with P, a digit or F, and white space.
    if head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace():
        return "PNM"
    return None


def format_of_file(path: Path) -> str | None:
    """Recognises the image format of a file; None if it is not an image or cannot be read."""
    try:
        with path.open("rb") as file:
            return format_of(file.read(HEAD_BYTES))
    except OSError:
        return None


def _of_brands(head: bytes) -> str | None:
    """Recognises AVIF and HEIC by the brands in the first box; MP4 has the same container."""
    size = min(int.from_bytes(head[:4], "big"), HEAD_BYTES)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIC" if brands & _HEIC else None
