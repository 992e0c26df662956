"""Which frames of H.264 are missing: reference frames are numbered (ITU-T H.264, 7.3 and 7.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_START = re.compile(b"\x00\x00\x01")
# Types of units: pictures, those that refer to nothing, and parameters of a sequence.
_PICTURE, _IDR, _PARAMETERS = 1, 5, 7
# Profiles whose parameters name the format of colours.
_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
# Bytes of a unit that are looked at: headers are at its beginning.
_HEAD = 400


class FrameNumbers:
    """Follows the numbers of reference frames, to tell a frame that was lost from a long pause.

    A stream that may leave out numbers, or whose headers cannot be read, has no gaps.
    """

    def __init__(self) -> None:
        # Bits of a number; none where numbers may be left out.
        self._bits: int | None = None
        self._split_colours = False
        self._latest: int | None = None

    def gap(self, data: bytes) -> bool:
        """Whether a reference frame is missing before this one.

        Args:
            data: a coded picture with start codes (Annex B).
        """
        for kind, reference, payload in _units(data):
            try:
                if kind == _PARAMETERS:
                    self._read_parameters(_Bits(payload))
                elif kind in (_PICTURE, _IDR) and self._bits is not None:
                    return self._follows(_Bits(payload), kind, reference=reference)
            except IndexError:
                self._bits = self._latest = None
        return False

    def _follows(self, bits: _Bits, kind: int, *, reference: bool) -> bool:
        """Reads the header of a picture's first slice."""
        for _ in range(3):
            bits.unsigned()
        if self._split_colours:
            bits.read(2)
        number, before = bits.read(self._bits or 0), self._latest
        if reference or kind == _IDR:
            self._latest = number
        if kind == _IDR or before is None:
            return False
        return number not in (before, (before + 1) % (1 << (self._bits or 0)))

    def _read_parameters(self, bits: _Bits) -> None:
        profile = bits.read(8)
        bits.read(16)
        bits.unsigned()
        self._split_colours = profile in _WITH_CHROMA and _read_chroma(bits)
        length = bits.unsigned() + 4
        order = bits.unsigned()
        if order == 0:
            bits.unsigned()
        elif order == 1:
            bits.read(1)
            bits.unsigned()
            bits.unsigned()
            for _ in range(min(bits.unsigned(), 255)):
                bits.unsigned()
        bits.unsigned()
        may_leave_out = bits.read(1)
        self._bits = None if may_leave_out or length > 16 else length


class _Bits:
    """Reads bits; raises IndexError beyond the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data.replace(b"\x00\x00\x03", b"\x00\x00")
        self._place = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._data[self._place >> 3]
            value = value << 1 | (byte >> (7 - (self._place & 7)) & 1)
            self._place += 1
        return value

    def unsigned(self) -> int:
        """A number of variable length (9.1); a signed one takes as many bits."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _read_chroma(bits: _Bits) -> bool:
    """Reads the format of colours; whether each colour is a picture of its own."""
    chroma = bits.unsigned()
    split = chroma == 3 and bool(bits.read(1))
    bits.unsigned()
    bits.unsigned()
    bits.read(1)
    if bits.read(1):
        for number in range(8 if chroma != 3 else 12):
            if bits.read(1):
                _pass_scaling_list(bits, 16 if number < 6 else 64)
    return split


def _pass_scaling_list(bits: _Bits, length: int) -> None:
    latest = following = 8
    for _ in range(length):
        if following:
            code = bits.unsigned()
            following = (latest + (code + 1) // 2 * (1 if code % 2 else -1)) % 256
        latest = following or latest


def _units(data: bytes) -> Iterator[tuple[int, bool, bytes]]:
    """Type of each unit, whether others refer to it, and the beginning of what is in it."""
    for found in _START.finditer(data):
        begin = found.end()
        if begin < len(data):
            yield data[begin] & 31, bool(data[begin] & 96), data[begin + 1 : begin + _HEAD]
