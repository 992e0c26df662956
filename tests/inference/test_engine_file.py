from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikerain_edge import engine_file
from spikerain_edge.engine_file import MAGIC, EngineFile, parse_engine_file, read_engine_file
from spikerain_edge.engine_header import AHEAD_OF_TIME, HEADER_VERSION, EngineHeader, Profile
from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference import Derainer
from spikerain_edge.models import find_model
from spikerain_edge.spec import SPEC_VERSION

Edit = Callable[[dict[str, Any]], object]
PLAN = bytes(range(256)) * 40
# The first bytes of a plan as TensorRT writes it.
BARE_PLAN = b"ftrt\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00" + PLAN


@pytest.fixture
def file(derainer: Derainer) -> EngineFile:
    header = EngineHeader(
        spec=derainer.spec,
        library="TensorRT",
        library_version="10.3.0",
        gpu="Orin",
        capability="8.7",
        profiles=(Profile.fixed_at((480, 640)), Profile((64, 64), (256, 256), (512, 512))),
        source_sha256="0" * 64,
        inspected=True,
    )
    return EngineFile.seal(header, PLAN)


def refusal(content: bytes) -> str:
    with pytest.raises(ModelError) as raised:
        parse_engine_file(content, "mine.engine")
    assert raised.value.exit_code == 4
    message = str(raised.value)
    assert "\n" not in message
    assert "mine.engine" in message
    return message


def with_header(file: EngineFile, edit: Edit) -> bytes:
    """Returns the file with an edited header and a digest that matches it."""
    values = json.loads(file.header.to_json())
    edit(values)
    header = json.dumps(values).encode()
    return struct.pack("<16sI32s", MAGIC, len(header), hashlib.sha256(header).digest()) + (
        header + file.plan
    )


def test_a_file_comes_back_as_it_was_written(file: EngineFile, tmp_path: Path) -> None:
    place = tmp_path / "nano.engine"
    file.write(place)
    found = read_engine_file(place)
    assert (found.header, found.plan) == (file.header, PLAN)
    assert found.header.plan_sha256 == hashlib.sha256(PLAN).hexdigest()
    assert list(tmp_path.iterdir()) == [place], "no partial file is left"


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the engine file .*x\.engine does not exist"):
        read_engine_file(tmp_path / "x.engine")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_not_a_file_is_not_read(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x.engine"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    with pytest.raises(InputError, match=r"x\.engine is not a regular file"):
        read_engine_file(place)


def test_a_file_that_is_too_large_is_not_read(
    file: EngineFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "nano.engine"
    file.write(place)
    monkeypatch.setattr(engine_file, "MAX_HEADER_BYTES", 10)
    monkeypatch.setattr(engine_file, "MAX_PLAN_BYTES", 100)
    with pytest.raises(ModelError, match="too large for a valid engine file"):
        read_engine_file(place)


def test_a_path_that_cannot_be_written_is_reported(file: EngineFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        file.write(tmp_path / "nowhere" / "nano.engine")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (BARE_PLAN, "a bare TensorRT plan"),
        (BARE_PLAN.replace(b"ftrt", b"vtrt"), "a bare TensorRT plan"),
        (b"", "not a SpikeRain engine file"),
        (b"<html>404: not found</html>", "not a SpikeRain engine file"),
        (b"SpikeRain engin", "not a SpikeRain engine file"),
    ],
)
def test_a_file_that_is_not_an_engine_file_is_refused(content: bytes, kind: str) -> None:
    message = refusal(content)
    assert kind in message
    assert "spikerain-edge export" in message


def test_an_onnx_file_is_recognised_and_refused() -> None:
    assert "but an ONNX graph" in refusal(find_model("nano").graph.read())


def test_a_change_of_any_byte_is_noticed(file: EngineFile) -> None:
    content = file.to_bytes()
    header = len(content) - len(PLAN)
    # Every part: magic, length, digest, header and plan.
    for place in (0, 15, 16, 19, 20, 51, 52, header - 1, header, header + 5000, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 0x01
        refusal(bytes(changed))


@pytest.mark.parametrize("kept", [15, 16, 30, 52, 53, 3000, -10240, -1])
def test_a_truncated_file_is_refused(file: EngineFile, kept: int) -> None:
    content = file.to_bytes()
    message = refusal(content[:kept])
    assert any(part in message for part in ("damaged", "incomplete", "not a SpikeRain engine"))


def test_bytes_after_the_plan_are_refused(file: EngineFile) -> None:
    assert "has extra bytes" in refusal(file.to_bytes() + b"more")


def test_a_wrong_header_length_is_refused(file: EngineFile) -> None:
    content = file.to_bytes()
    lying = content[:16] + struct.pack("<I", 0xFFFFFFFF) + content[20:]
    assert "the header of mine.engine is damaged" in refusal(lying)


@pytest.mark.parametrize("version", [HEADER_VERSION + 1, HEADER_VERSION - 1, "next", None])
def test_an_unsupported_header_version_is_named_with_the_supported_one(
    file: EngineFile, version: Any
) -> None:
    message = refusal(with_header(file, lambda values: values.update(header_version=version)))
    assert f"version {version!r} but this program reads version {HEADER_VERSION}" in message


@pytest.mark.parametrize("version", [SPEC_VERSION + 1, SPEC_VERSION - 1])
def test_an_unsupported_spec_version_is_named_with_the_supported_one(
    file: EngineFile, version: int
) -> None:
    message = refusal(with_header(file, lambda values: values["spec"].update(spec_version=version)))
    assert f"version {version} but this program reads version {SPEC_VERSION}" in message


def test_an_older_model_description_is_refused_with_the_command_that_rebuilds_the_engine(
    file: EngineFile,
) -> None:
    older = {"spec_version": SPEC_VERSION - 1, "precision": "int8", "name": "nano-int8", "batch": 2}
    message = refusal(with_header(file, lambda values: values["spec"].update(older)))
    command = "spikerain-edge export nano --int8 --format engine --imgsz 640x480 --batch 2"
    assert message.endswith(command)


@pytest.mark.parametrize(
    "edit",
    [
        lambda values: values.pop("profiles"),
        lambda values: values.pop("library"),
        lambda values: values["spec"].pop("neurons"),
        lambda values: values.update(profiles=[]),
        lambda values: values.update(profiles=[{"minimum": [1, 1]}]),
        lambda values: values["profiles"][0].update(maximum=[0, 640]),
        lambda values: values["profiles"][0].update(maximum=[480]),
        lambda values: values["profiles"][0].update(maximum=["480", "640"]),
        lambda values: values.update(profiles=values["profiles"] * 20),
        lambda values: values.update(plan_bytes="10240"),
        lambda values: values.update(gpu=None),
        lambda values: values.update(inspected="no"),
        lambda values: values.update(spec=[]),
        lambda values: values.update(gpu="\x1b[31mred"),
        lambda values: values.update(workspace=1e300),
        lambda values: values["profiles"][0].update(maximum=[480, 10**9]),
        lambda values: values["spec"].update(tau="2"),
        lambda values: values["spec"].update(batch=[]),
        lambda values: values["spec"].update(stride=0),
    ],
)
def test_an_incomplete_header_is_refused(file: EngineFile, edit: Edit) -> None:
    assert "incomplete" in refusal(with_header(file, edit))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"7", b"{", b"\xff\xfe", b"null", b"[" * 100_000]
)
def test_text_that_is_not_a_header_is_refused(text: bytes) -> None:
    prefix = struct.pack("<16sI32s", MAGIC, len(text), hashlib.sha256(text).digest())
    assert "damaged" in refusal(prefix + text + PLAN)


def test_an_engine_is_accepted_on_the_machine_that_it_was_built_for(file: EngineFile) -> None:
    file.require_match("TensorRT", "10.3.0", "Orin", "8.7")


@pytest.mark.parametrize(
    ("here", "wanted", "present"),
    [
        (("TensorRT", "10.13.3", "Orin", "8.7"), "TensorRT 10.3.0", "TensorRT 10.13.3"),
        (
            ("TensorRT for RTX", "1.7.1", "Orin", "8.7"),
            "TensorRT 10.3.0",
            "TensorRT for RTX 1.7.1",
        ),
        (("TensorRT", "10.3.0", "Orin (nvgpu)", "8.7"), "the GPU Orin", "the GPU Orin (nvgpu)"),
        (("TensorRT", "10.3.0", "Orin", "11.0"), "capability 8.7", "capability 11.0"),
    ],
)
def test_an_engine_for_another_machine_is_refused_with_the_difference_and_the_command(
    file: EngineFile, here: tuple[str, str, str, str], wanted: str, present: str
) -> None:
    with pytest.raises(ModelError) as raised:
        file.require_match(*here)
    message = str(raised.value)
    assert "\n" not in message
    assert f"{wanted}, but this machine has" in message
    assert f"{present}; build it on this machine: spikerain-edge export nano --format" in message
    assert "--imgsz 640x480" in message


def test_every_difference_is_named(file: EngineFile) -> None:
    with pytest.raises(ModelError) as raised:
        file.require_match("TensorRT", "10.13.3", "Thor", "11.0")
    for part in ("10.3.0", "10.13.3", "Orin", "Thor", "8.7", "11.0"):
        assert part in str(raised.value)


def test_an_engine_built_ahead_of_time_runs_on_every_gpu_of_its_capability(
    file: EngineFile,
) -> None:
    ahead = EngineFile.seal(replace(file.header, gpu=AHEAD_OF_TIME, capability="8.6"), PLAN)
    ahead.require_match("TensorRT", "10.3.0", "NVIDIA RTX A2000", "8.6")
    with pytest.raises(ModelError, match=r"capability 8\.6, but this machine has .* 8\.9"):
        ahead.require_match("TensorRT", "10.3.0", "NVIDIA RTX 4090", "8.9")


@pytest.mark.parametrize(
    ("precision", "profile", "expected"),
    [
        ("fp32", Profile.fixed_at((480, 640)), "--format engine --imgsz 640x480"),
        ("fp16", Profile.fixed_at((480, 640)), "--format engine --fp16 --imgsz 640x480"),
        (
            "int8",
            Profile((64, 64), (256, 256), (512, 512)),
            "--format engine --int8 --imgsz 256x256 --dynamic --batch 2",
        ),
    ],
)
def test_the_rebuild_command_asks_for_the_same_engine(
    file: EngineFile, precision: Any, profile: Profile, expected: str
) -> None:
    spec = replace(file.header.spec, precision=precision, batch=1 if profile.fixed else 2)
    header = replace(file.header, spec=spec, profiles=(profile,))
    assert header.rebuild_command == f"spikerain-edge export nano {expected}"


def test_a_profile_accepts_sizes_from_its_minimum_to_its_maximum() -> None:
    profile = Profile((64, 96), (256, 256), (512, 640))
    assert profile.serves((64, 96))
    assert profile.serves((512, 640))
    assert not profile.serves((56, 96))
    assert not profile.serves((64, 88))
    assert not profile.serves((512, 648))
    assert str(profile) == "96x64 to 640x512"
    assert str(Profile.fixed_at((480, 640))) == "640x480"
