"""Asks a camera of this machine which pixel formats it has (Video4Linux2, `VIDIOC_ENUM_FMT`)."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

# struct v4l2_fmtdesc: index, type, flags, description, pixelformat, mbus_code, reserved.
_DESCRIPTION = struct.Struct("=III32s4s4x12x")
# _IOWR('V', 2, struct v4l2_fmtdesc)
_ENUM_FMT = 0xC0405602
_CAPTURE = 1
_MOST = 64


def pixel_formats(device: Path) -> list[str]:
    """Returns the pixel formats that a device captures, such as `MJPG`.

    Args:
        device: such as `/dev/video0`.

    Returns:
        Four-character codes in the device's order; empty if the device captures no pictures.

    Raises:
        OSError: the device cannot be opened.
    """
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        return _listed(descriptor)
    finally:
        os.close(descriptor)


def _listed(descriptor: int) -> list[str]:
    formats = []
    for index in range(_MOST):
        asked = _DESCRIPTION.pack(index, _CAPTURE, 0, b"", b"\0\0\0\0")
        try:
            answer = fcntl.ioctl(descriptor, _ENUM_FMT, asked)
        except OSError as error:
            # The list has ended, or the device is a decoder or a file.
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                break
            raise
        formats.append(_DESCRIPTION.unpack(answer)[4].decode("ascii", "replace"))
    return formats
