"""Damaged files through the functions of the commands, in this process."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from damage import damaged, damaged_json, with_checksums
from harness import command, examples, found_or_refused, pictures
from hypothesis import given
from hypothesis import strategies as st

from spikerain_edge.engine_file import MAGIC, EngineFile, read_engine_file
from spikerain_edge.engine_header import EngineHeader, Profile
from spikerain_edge.errors import InputError
from spikerain_edge.images.reading import read_pages
from spikerain_edge.inference import Derainer, OnnxRuntimeEngine
from spikerain_edge.profiling.live import CostMeter
from spikerain_edge.sealed_graph import read_description
from spikerain_edge.spec import METADATA_KEY, ModelSpec
from spikerain_edge.stream.pipeline import Pipeline
from spikerain_edge.stream.sinks import open_sink
from spikerain_edge.stream.sources import open_source
from spikerain_edge.stream.structure import is_whole

pytestmark = pytest.mark.slow

Video = Callable[[str], bytes]
PLAN = bytes(range(256)) * 4


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".avif", ".heic"]
)
def test_a_damaged_picture_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    files = damaged(pictures(suffix))
    if suffix == ".png":
        files = st.one_of(files, files.map(with_checksums))
    path = tmp_path / f"x{suffix}"

    @examples(60)
    @given(files)
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        pages = found_or_refused(lambda: read_pages(path))
        assert pages is None or pages
        for page in pages or []:
            assert (page.image.dtype, page.image.ndim) == (np.uint8, 3)
            assert page.image.shape[2] == 3
            assert page.image.size > 0

    fuzz()


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".ts"])
def test_a_damaged_video_gives_frames_or_is_refused(
    tmp_path: Path, video: Video, suffix: str
) -> None:
    path, numbers = tmp_path / f"x{suffix}", count()

    def play() -> int:
        source = open_source(str(path))
        sink = open_sink(str(tmp_path / f"{next(numbers)}.mp4"), source.rate, source.length)
        return Pipeline(source, lambda image: image, [sink]).run().frames

    def named() -> int:
        try:
            return play()
        except InputError as error:
            assert path.name in error.cause  # noqa: PT017 - not every example fails
            raise

    @examples(50)
    @given(damaged([video(suffix)]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        frames = found_or_refused(named)
        assert frames is None or frames > 0

    fuzz()


@pytest.mark.parametrize(
    "container", ["asf", "avi", "flv", "matroska", "mp4", "mpegts", "mxf", "ogg"]
)
def test_the_structure_of_any_bytes_can_be_checked(
    tmp_path: Path, video: Video, container: str
) -> None:
    path = tmp_path / "x"
    seeds = [video(suffix) for suffix in (".mp4", ".avi", ".mkv", ".ts")]
    starts = {
        "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(range(256)),
        "flv": b"FLV\x01\x05\x00\x00\x00\x09" + bytes(4) + b"\x09\x00\x00\x02" + bytes(13),
        "mxf": bytes.fromhex("060e2b34") + bytes(12) + b"\x88" + b"\xff" * 20,
        "ogg": b"OggS" + bytes(22) + b"\x02\x10\x20" + bytes(99),
    }

    @examples(60)
    @given(damaged([*seeds, *([starts[container]] * 4 if container in starts else [])]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        assert is_whole(path, container) in {True, False}

    fuzz()
    # A file may be cut off anywhere.
    for content in seeds:
        for end in range(0, 400, 7):
            path.write_bytes(content[:end])
            assert is_whole(path, container) in {True, False}


def test_a_damaged_graph_is_refused(graph: bytes) -> None:
    @examples(60)
    @given(damaged([graph]))
    def fuzz(content: bytes) -> None:
        spec = found_or_refused(lambda: read_description(content, "x.onnx"))
        assert (spec is None) == (content != graph)

    fuzz()


def test_a_damaged_graph_with_a_right_seal_runs_or_is_refused(graph: bytes) -> None:
    spec = read_description(graph, "x.onnx")

    def run(content: bytes) -> None:
        with OnnxRuntimeEngine(content, "x.onnx", threads=1) as engine:
            engine.infer(np.zeros((1, 32, 32, 3), np.uint8))

    @examples(40)
    @given(damaged([graph[: spec.graph_bytes]]))
    def fuzz(content: bytes) -> None:
        sealed = content + spec.sealed(content).to_metadata()
        found_or_refused(lambda: run(sealed))

    fuzz()


def test_a_damaged_description_is_used_or_refused(tmp_path: Path, graph: bytes) -> None:
    spec = read_description(graph, "x.onnx")
    content, path = graph[: spec.graph_bytes], tmp_path / "x.onnx"

    def use() -> None:
        with Derainer.load(str(path), threads=1) as derainer:
            image = np.zeros((20, 24, 3), np.uint8)
            derainer(image)
            CostMeter(derainer.spec).add(*derainer.padded_size(image))

    @examples(50)
    @given(damaged_json(json.loads(spec.to_json())))
    def fuzz(description: bytes) -> None:
        path.write_bytes(content + _trailer(_sealed(description, content)))
        if command("info", path).exit_code == 0:
            json.loads(command("info", "--json", path).stdout, parse_constant=pytest.fail)
        found_or_refused(use)

    fuzz()


def _sealed(description: bytes, content: bytes) -> bytes:
    """The description with the digest that belongs to it, where it can hold one."""
    try:
        values = json.loads(description) | {"graph_bytes": len(content), "graph_sha256": ""}
    except (ValueError, TypeError, RecursionError):
        return description
    text = json.dumps(values, separators=(",", ":"))
    values["graph_sha256"] = hashlib.sha256(content + text.encode()).hexdigest()
    return json.dumps(values, separators=(",", ":")).encode()


def _trailer(description: bytes) -> bytes:
    """The description as ONNX metadata, of any length."""

    def field(number: int, value: bytes) -> bytes:
        length, size = bytearray(), len(value)
        while size > 0x7F:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        return bytes([number << 3 | 2, *length, size]) + value

    return field(14, field(1, METADATA_KEY.encode()) + field(2, description))


@pytest.fixture(scope="module")
def engine(graph: bytes) -> EngineFile:
    header = EngineHeader(
        spec=read_description(graph, "x.onnx"),
        library="TensorRT",
        library_version="10.3.0",
        gpu="Orin",
        capability="8.7",
        profiles=(Profile.fixed_at((480, 640)), Profile((64, 64), (256, 256), (512, 512))),
        source_sha256="0" * 64,
        inspected=True,
    )
    return EngineFile.seal(header, PLAN)


def test_a_damaged_engine_is_refused(tmp_path: Path, engine: EngineFile) -> None:
    whole, path = engine.to_bytes(), tmp_path / "x.engine"

    @examples(50)
    @given(damaged([whole]))
    def fuzz(content: bytes) -> None:
        path.write_bytes(content)
        assert (command("info", path).exit_code == 0) == (content == whole)

    fuzz()


def test_a_damaged_header_is_used_or_refused(tmp_path: Path, engine: EngineFile) -> None:
    path = tmp_path / "x.engine"

    def use() -> None:
        file = read_engine_file(path)
        assert file.header.rebuild_command.isprintable()
        file.require_match("TensorRT", "10.3.0", "Orin", "8.7")

    @examples(50)
    @given(damaged_json(json.loads(engine.header.to_json())))
    def fuzz(header: bytes) -> None:
        digest = hashlib.sha256(header).digest()
        path.write_bytes(struct.pack("<16sI32s", MAGIC, len(header), digest) + header + PLAN)
        if command("info", path).exit_code == 0:
            json.loads(command("info", "--json", path).stdout, parse_constant=pytest.fail)
        found_or_refused(use)

    fuzz()


def test_a_description_that_is_read_says_the_same_when_written(graph: bytes) -> None:
    spec = read_description(graph, "x.onnx")

    @examples(60)
    @given(damaged_json(json.loads(spec.to_json())))
    def fuzz(description: bytes) -> None:
        text = description.decode(errors="replace")
        read = found_or_refused(lambda: ModelSpec.from_json(text))
        if read is not None:
            assert ModelSpec.from_json(read.to_json()) == read

    fuzz()
