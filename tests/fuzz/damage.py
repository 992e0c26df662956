"""Hypothesis strategies of damaged files: edits of bytes, of lengths and chunks, and of JSON."""

from __future__ import annotations

import copy
import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

# First bytes of other kinds of files, some of which FFmpeg plays whatever their names.
FOREIGN = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a\x01\x00\x01\x00",
    b"RIFF\xff\xff\xff\x7fAVI LIST",
    b"II*\x00\x08\x00\x00\x00\xff\xff",
    b"\x1a\x45\xdf\xa3",
    b"\x00\x00\x00\x18ftypmp42",
    b"P6 99999 99999 255\n",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/dev/zero\n",
    b"ffconcat version 1.0\nfile /dev/zero\n",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 9 RTP/AVP 96\r\n",
    b"SpikeRain engine",
    b"ftrt\x00\x00\x00\x00",
    b"\x08\x08\x12\x00",
    b"PK\x03\x04",
    b"\x7fELF\x02\x01\x01",
    b"\x80\x04\x95",
    b"<html>404: not found</html>\n",
    "plain text, with an é\n".encode("latin-1") * 8,
)
_LENGTHS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x00FFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Names of chunks and boxes, beside which PNG, RIFF and MP4 put 32-bit lengths.
_TAG = re.compile(rb"[A-Za-z][A-Za-z0-9 ]{3}")
_DEEP = "[" * 5_000 + "]" * 5_000
_MOST_EDITS = 3

Edit = st.SearchStrategy[bytes]


def damaged(seeds: Sequence[bytes]) -> Edit:
    """One of the files after one to three edits."""
    return st.sampled_from(seeds).flatmap(
        lambda content: st.integers(1, _MOST_EDITS).flatmap(lambda times: _edited(content, times))
    )


def _edited(content: bytes, times: int) -> Edit:
    edits = st.sampled_from(_EDITS)
    once = edits.flatmap(lambda edit: edit(content))
    return once if times == 1 else once.flatmap(lambda changed: _edited(changed, times - 1))


def _places(content: bytes) -> st.SearchStrategy[int]:
    """An offset; heads and tails, where descriptions stand, as often as all the rest."""
    last = max(0, len(content) - 1)
    head, tail = st.integers(0, min(last, 256)), st.integers(max(0, last - 512), last)
    return st.one_of(head, tail, st.integers(0, last))


def _ranges(content: bytes) -> st.SearchStrategy[tuple[int, int]]:
    length = st.sampled_from((1, 4, 16, 64, 256, 4096))
    return st.tuples(_places(content), length).map(lambda part: (part[0], part[0] + part[1]))


def _flipped(content: bytes) -> Edit:
    def flip(place: int, bit: int) -> bytes:
        changed = bytearray(content)
        if changed:
            changed[place] ^= 1 << bit
        return bytes(changed)

    return st.builds(flip, _places(content), st.integers(0, 7))


def _overwritten(content: bytes) -> Edit:
    return st.builds(
        lambda place, new: content[:place] + new + content[place + len(new) :],
        _places(content),
        st.binary(min_size=1, max_size=8),
    )


def _truncated(content: bytes) -> Edit:
    return _places(content).map(lambda place: content[:place])


def _zeroed(content: bytes) -> Edit:
    def zero(part: tuple[int, int]) -> bytes:
        start, end = part
        return content[:start] + bytes(len(content[start:end])) + content[end:]

    return _ranges(content).map(zero)


def _removed(content: bytes) -> Edit:
    return _ranges(content).map(lambda part: content[: part[0]] + content[part[1] :])


def _repeated(content: bytes) -> Edit:
    return _ranges(content).map(lambda part: content[: part[1]] + content[part[0] :])


def _swapped_chunks(content: bytes) -> Edit:
    tags = [found.start() for found in _TAG.finditer(content)]
    if len(tags) < 3:
        return _repeated(content)

    def swap(chosen: list[int]) -> bytes:
        first, second, third = sorted(chosen)
        return content[:first] + content[second:third] + content[first:second] + content[third:]

    return st.lists(st.sampled_from(tags), min_size=3, max_size=3, unique=True).map(swap)


def _blown_up_length(content: bytes) -> Edit:
    """A 32-bit length beside the name of a chunk, or in any place, of either byte order."""
    beside = [found.start() + offset for found in _TAG.finditer(content) for offset in (-4, 4, 8)]
    places = [place for place in beside if 0 <= place <= len(content) - 4]
    chosen = st.one_of(_places(content), st.sampled_from(places)) if places else _places(content)

    def write(place: int, length: int, order: str) -> bytes:
        return content[:place] + struct.pack(f"{order}I", length) + content[place + 4 :]

    return st.builds(write, chosen, st.sampled_from(_LENGTHS), st.sampled_from("<>"))


def _grown_varint(content: bytes) -> Edit:
    """A length of protobuf that says more than any file holds."""
    return _places(content).map(
        lambda place: content[:place] + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + content[place:]
    )


def _foreign(content: bytes) -> Edit:
    return st.sampled_from(FOREIGN).flatmap(
        lambda start: st.sampled_from(
            (start, start + content, start + content[len(start) :], content + start)
        )
    )


_EDITS: tuple[Callable[[bytes], Edit], ...] = (
    _flipped,
    _overwritten,
    _truncated,
    _zeroed,
    _removed,
    _repeated,
    _swapped_chunks,
    _blown_up_length,
    _grown_varint,
    _foreign,
)


def with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have right checksums, so that decoders go on to what they hold."""
    start, changed = 8, bytearray(png)
    while start + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, start)
        end = start + 8 + length
        if end + 4 > len(png):
            break
        struct.pack_into(">I", changed, end, zlib.crc32(changed[start + 4 : end]))
        start = end + 4
    return bytes(changed)


def odd_values() -> st.SearchStrategy[Any]:
    """Values of JSON that a program expects nowhere."""
    return st.sampled_from(
        (
            *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, 1e400),
            *(float("nan"), float("-inf"), "", "x", "0", "é", "\ud800", "\x00", "\x1b[31m", "a\nb"),
            *([], {}, [0], [[]], ["x", "x"], {"x": 0}, "x" * 5_000, "[red]", "../../x"),
        )
    )


def damaged_json(document: Any) -> st.SearchStrategy[bytes]:
    """A document with one or two values replaced, removed, doubled or renamed."""

    def edited(value: Any, times: int) -> st.SearchStrategy[Any]:
        places = list(_nodes(value))
        once = st.builds(
            lambda place, kind, new: _replaced(value, place, kind, new),
            st.sampled_from(places),
            st.sampled_from(("replace", "replace", "remove", "double", "add")),
            odd_values(),
        )
        return once if times == 1 else once.flatmap(lambda changed: edited(changed, times - 1))

    texts = st.integers(1, 2).flatmap(lambda times: edited(document, times)).map(_text)
    raw = damaged([_text(document)])
    return st.one_of(texts, texts, texts, raw, st.just(_DEEP.encode()))


def _text(document: Any) -> bytes:
    return json.dumps(document).encode()


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    # Lists of layers are alike: the first and the last stand for all.
    keys = value if isinstance(value, dict) else ()
    if isinstance(value, list) and value:
        keys = sorted({0, len(value) - 1})
    for key in keys:
        yield from _nodes(value[key], (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], kind: str, new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    if kind == "remove":
        del parent[key]
    elif kind == "double" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif kind == "add" and isinstance(parent[key], dict):
        parent[key]["extra"] = new
    else:
        parent[key] = new
    return changed
