"""The structure of GIF files: their frames, and whether they are damaged."""

from __future__ import annotations

_EXTENSION, _FRAME, _END = 0x21, 0x2C, 0x3B
_HEADER, _FRAME_HEADER = 13, 9
_HAS_TABLE, _TABLE_BITS = 0x80, 0x07
# The extension that says for how long the next frame is shown.
_CONTROL = b"\x21\xf9\x04"
_TICK = 0.01


def is_damaged_gif(content: bytes) -> bool:
    """Whether a block of a GIF is damaged or cut off; a missing end mark is no damage."""
    return _walk(content)[1]


def durations_of_gif(content: bytes) -> list[float]:
    """For how many seconds each frame is shown, as the file says; 0 where it does not."""
    return _walk(content)[0]


def _walk(content: bytes) -> tuple[list[float], bool]:
    """Durations of the frames, and whether a block is none or goes beyond the end of the file."""
    durations: list[float] = []
    if len(content) < _HEADER:
        return durations, True
    at, duration = _HEADER + _table(content[10]), 0.0
    while at < len(content) and content[at] != _END:
        kind = content[at]
        if content[at : at + 3] == _CONTROL:
            duration = int.from_bytes(content[at + 4 : at + 6], "little") * _TICK
        if kind == _EXTENSION:
            at += 2
        elif kind == _FRAME and at + _FRAME_HEADER < len(content):
            # The frame's own colours, and the size of its first codes.
            at += 1 + _FRAME_HEADER + _table(content[at + _FRAME_HEADER]) + 1
        else:
            return durations, True
        while at < len(content) and content[at]:
            at += 1 + content[at]
        if at >= len(content):
            return durations, True
        at += 1
        if kind == _FRAME:
            durations.append(duration)
            duration = 0.0
    return durations, at > len(content)


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & _TABLE_BITS) + 1 if flags & _HAS_TABLE else 0
