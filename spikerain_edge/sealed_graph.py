"""Reads the description of an ONNX file of SpikeRain's, before any library reads the graph.

A sealed file is a graph followed by its description; see `ModelSpec.seals`. Finding the description
takes no more than walking over the outermost fields of a protobuf message.
"""

from __future__ import annotations

from collections.abc import Iterator

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import MAX_SPEC_BYTES, METADATA_KEY, ModelSpec

# Numbers of fields: of `ModelProto`, and of an entry of its metadata.
_GRAPH, _METADATA = 7, 14
_KEY, _VALUE = 1, 2
# How protobuf lays out a field: by these numbers, in its lowest three bits.
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES = 10


def read_description(content: bytes, origin: str) -> ModelSpec:
    """The description of a file whose seal is right.

    Args:
        content: the file.
        origin: what to call it in messages.

    Raises:
        ModelError: it is no ONNX graph, none of SpikeRain's, of another version, or changed.
    """
    try:
        text = _description(content)
    except ValueError as error:
        raise ModelError(
            f"{origin} is no usable ONNX graph ({error})", "export it again"
        ) from error
    if text is None:
        raise ModelError(
            f"{origin} is an ONNX graph, but none of SpikeRain's",
            "make one with: spikerain-edge export CHECKPOINT",
        )
    if len(text) > MAX_SPEC_BYTES:
        raise ModelError(f"the description in {origin} is too large", "export the model again")
    try:
        spec = ModelSpec.from_json(text.decode())
    except UnicodeDecodeError as error:
        raise ModelError(
            f"the description in {origin} is damaged", "export the model again"
        ) from error
    except ModelError as error:
        raise ModelError(f"{origin}: {error.cause}", error.remedy) from error
    if not spec.seals(content):
        raise ModelError(
            f"{origin} has been changed since it was exported (its SHA-256 is wrong)",
            "export it again",
        )
    return spec


def _description(content: bytes) -> bytes | None:
    """The last entry of the metadata that is a description; none where a graph has none.

    Raises:
        ValueError: the content is no ONNX file.
    """
    found, graphs = None, 0
    for number, field in _fields(memoryview(content)):
        graphs += number == _GRAPH
        if number == _METADATA:
            entry = {part: bytes(value) for part, value in _fields(field)}
            if entry.get(_KEY) == METADATA_KEY.encode():
                found = entry.get(_VALUE, b"")
    if not graphs:
        raise ValueError("it holds no graph")
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field of a protobuf message, those inside them left alone.

    Raises:
        ValueError: it is no such message, or cut off.
    """
    place = 0
    while place < len(message):
        tag, start = _varint(message, place)
        layout = tag & 7
        if layout == _VARINT:
            _, end = _varint(message, start)
        elif layout == _DELIMITED:
            length, start = _varint(message, start)
            end = start + length
        elif layout in _FIXED_BYTES:
            end = start + _FIXED_BYTES[layout]
        else:
            raise ValueError("it is not a protobuf message")
        if end > len(message):
            raise ValueError("it is cut off or damaged")
        yield tag >> 3, message[start:end]
        place = end


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """A number of seven bits to a byte, and where it ends.

    Raises:
        ValueError: it does not end.
    """
    value = 0
    for count, byte in enumerate(message[start : start + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, start + count + 1
    raise ValueError("it is cut off or damaged")
