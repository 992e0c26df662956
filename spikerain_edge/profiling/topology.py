"""Reads which node of an ONNX file feeds which, without the onnx package.

ONNX Runtime executes a graph but does not show its wiring. The file is one protobuf message, of
which three levels are needed (field numbers of onnx.proto): `ModelProto.graph = 7`,
`GraphProto.node = 1, initializer = 5`, of a node `input = 1, output = 2, name = 3, op_type = 4`,
and of an initializer `name = 8, raw_data = 9`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spikerain_edge.errors import ModelError

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _NAME, _OPERATOR = 1, 2, 3, 4
_INITIALIZER_NAME, _RAW_DATA = 8, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Node:
    """One node of a graph.

    Attributes:
        name: the node's own name.
        operator: what it does, such as `Conv`.
        inputs: names of the tensors it reads; empty for an optional one left out.
        outputs: names of the tensors it makes.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_nodes(content: bytes) -> tuple[Node, ...]:
    """The nodes of an ONNX file, in the order in which they are written.

    Args:
        content: the whole file.

    Raises:
        ModelError: it is no ONNX file.
    """
    return tuple(_node(message) for message in _parts(content, _NODE))


def read_initializers(content: bytes) -> dict[str, memoryview]:
    """Bytes of the initializers, by name; those are left out that have none as such.

    Args:
        content: the whole file.

    Raises:
        ModelError: it is no ONNX file.
    """
    return {
        bytes(name).decode(): data
        for initializer in _parts(content, _INITIALIZER)
        for name in _messages(initializer, _INITIALIZER_NAME)
        for data in _messages(initializer, _RAW_DATA)
    }


def _parts(content: bytes, wanted: int) -> list[memoryview]:
    """Every field of the graph that has the number wanted."""
    try:
        (graph,) = _messages(memoryview(content), _GRAPH)
        return list(_messages(graph, wanted))
    except (IndexError, ValueError) as error:
        raise ModelError(f"the file is no ONNX graph ({error})", "export it again") from error


def _node(message: memoryview) -> Node:
    texts: dict[int, list[str]] = {}
    for number in (_INPUT, _OUTPUT, _NAME, _OPERATOR):
        texts[number] = [bytes(text).decode() for text in _messages(message, number)]
    name, operator = ("".join(texts[number]) for number in (_NAME, _OPERATOR))
    return Node(name, operator, tuple(texts[_INPUT]), tuple(texts[_OUTPUT]))


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Every length-delimited field of a message that has the number wanted."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
        elif kind == _FIXED64:
            position += 8
        elif kind == _FIXED32:
            position += 4
        elif kind == _BYTES:
            length, position = _varint(message, position)
            if number == wanted:
                yield message[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {kind}")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
