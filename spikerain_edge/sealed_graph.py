"""Reads and checks the description in a SpikeRain ONNX file before any library reads the graph.

A file is a graph followed by its description; see `ModelSpec.seals`. The description is found by
reading the top-level fields of the protobuf message only.
"""

from __future__ import annotations

from collections.abc import Iterator

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import MAX_SPEC_BYTES, METADATA_KEY, ModelSpec

# Field numbers of `ModelProto`, and of an entry of its metadata.
_GRAPH, _METADATA = 7, 14
_KEY, _VALUE = 1, 2
# Protobuf wire types, which the lowest three bits of a tag hold.
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES = 10
_EXPORT_AGAIN = "export the model again: spikerain-edge export MODEL"


def read_description(content: bytes, origin: str) -> ModelSpec:
    """Reads the description in an ONNX file and checks the file's SHA-256.

    Args:
        content: the ONNX file.
        origin: name of the file in messages.

    Raises:
        ModelError: the file is not an ONNX graph or not a SpikeRain model, has an unsupported
            version, or was changed after export.
    """
    try:
        text = _description(content)
    except ValueError as error:
        raise ModelError(f"{origin} is not a usable ONNX graph ({error})", _EXPORT_AGAIN) from error
    if text is None:
        raise ModelError(
            f"{origin} is an ONNX graph but not a SpikeRain model",
            "export a model: spikerain-edge export CHECKPOINT",
        )
    if len(text) > MAX_SPEC_BYTES:
        raise ModelError(f"the description in {origin} is too large", _EXPORT_AGAIN)
    try:
        spec = ModelSpec.from_json(text.decode())
    except UnicodeDecodeError as error:
        raise ModelError(f"the description in {origin} is damaged", _EXPORT_AGAIN) from error
    except ModelError as error:
        raise ModelError(f"{origin}: {error.cause}", error.remedy) from error
    if not spec.seals(content):
        raise ModelError(
            f"{origin} was changed after it was exported (its SHA-256 does not match)",
            _EXPORT_AGAIN,
        )
    return spec


def _description(content: bytes) -> bytes | None:
    """Returns the last description in the metadata; None if there is none.

    Raises:
        ValueError: the content is not an ONNX file.
    """
    found, graphs = None, 0
    for number, field in _fields(memoryview(content)):
        graphs += number == _GRAPH
        if number == _METADATA:
            entry = {part: bytes(value) for part, value in _fields(field)}
            if entry.get(_KEY) == METADATA_KEY.encode():
                found = entry.get(_VALUE, b"")
    if not graphs:
        raise ValueError("the file contains no graph")
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yields the number and content of each top-level field of a protobuf message.

    Raises:
        ValueError: the message is not valid protobuf, or is incomplete.
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
            raise ValueError("it is not a protobuf message, as ONNX files are")
        if end > len(message):
            raise ValueError("it is incomplete or damaged")
        yield tag >> 3, message[start:end]
        place = end


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """Reads a varint (7 bits per byte) and returns its value and the offset after it.

    Raises:
        ValueError: the varint is incomplete or too long.
    """
    value = 0
    for count, byte in enumerate(message[start : start + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, start + count + 1
    raise ValueError("it is incomplete or damaged")
