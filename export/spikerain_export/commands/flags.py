"""Turns the options of `spikerain-edge export` into requests and settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from spikerain_edge.errors import InputError
from spikerain_edge.sizes import Size

if TYPE_CHECKING:
    from spikerain_export.conversion import Request
    from spikerain_export.tensorrt import BuildSettings

USUAL_SIZE = (480, 640)
"""Height and width that an engine is built for by default."""
_SMALLEST, _LARGEST = (64, 64), (1080, 1920)


class Format(str, Enum):
    """Kind of file to write."""

    ONNX = "onnx"
    ENGINE = "engine"
    NIR = "nir"


class Runtime(str, Enum):
    """Runtime that an INT8 graph is made for."""

    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"


def require_one_size(arguments: Sequence[str]) -> None:
    """Rejects `--imgsz 480 640`: the second number would be parsed as the model.

    Raises:
        InputError: `--imgsz` is followed by two numbers.
    """
    for option, first, second in zip(arguments, arguments[1:], arguments[2:], strict=False):
        if option == "--imgsz" and first.isdecimal() and second.isdecimal():
            raise InputError(
                f"--imgsz takes one size, not {first} and {second}",
                f"write width x height: --imgsz {second}x{first}",
            )


def read_request(
    fp16: bool,
    int8: bool,
    size: Size | None,
    dynamic: bool,
    batch: int,
    engine: bool,
    runtime: Runtime | None = None,
) -> Request:
    """Reads precision, target and shape from the options.

    Raises:
        InputError: two options exclude each other.
    """
    from spikerain_export.conversion import Request

    if fp16 and int8:
        raise InputError(
            "--fp16 and --int8 cannot be used together",
            "run export twice: once with --fp16, once with --int8",
        )
    if runtime is not None and (engine or not int8):
        raise InputError(
            "--target only applies to INT8 graphs; all others run everywhere",
            "add --int8 and leave out --format engine, or leave out --target",
        )
    if dynamic and size and not engine:
        raise InputError(
            "--imgsz and --dynamic cannot be used together for an ONNX graph",
            "leave out --dynamic for a fixed size, or leave out --imgsz for any size",
        )
    return Request(
        "int8" if int8 else "fp16" if fp16 else "fp32",
        "tensorrt" if engine else (runtime or Runtime.ONNXRUNTIME).value,
        batch,
        None if engine else size,
    )


def read_settings(
    engine: bool,
    size: Size | None,
    dynamic: bool,
    workspace: float | None,
    capability: str | None,
    device: int,
    plan: bool = False,
) -> BuildSettings | None:
    """Reads the settings of an engine build from the options.

    Returns:
        The settings; None for a graph.

    Raises:
        InputError: an option for engines is given, but the output is a graph.
    """
    if plan and not engine:
        raise InputError(
            "--plan only applies to engines: a graph has no plan",
            "add --format engine, or leave out --plan",
        )
    if not engine:
        if workspace is not None or capability is not None:
            raise InputError(
                "--workspace and --capability only apply to engines",
                "add --format engine, or leave these options out",
            )
        return None
    from spikerain_edge.engine_header import Profile
    from spikerain_export.tensorrt import BuildSettings

    usual = size or USUAL_SIZE
    profile = Profile.fixed_at(usual)
    if dynamic:
        profile = Profile(
            (min(_SMALLEST[0], usual[0]), min(_SMALLEST[1], usual[1])),
            usual,
            (max(_LARGEST[0], usual[0]), max(_LARGEST[1], usual[1])),
        )
    return BuildSettings((profile,), workspace, capability, device)


def default_output(name: str, request: Request, kind: Format) -> Path:
    """Names the output after the model and its options, such as `nano-fp16-640x480.onnx`.

    Replaces characters of the model's name that could point to another folder. An INT8 file for
    another runtime than ONNX Runtime has that runtime in its name, because it is another graph.
    """
    precision = "" if request.precision == "fp32" else f"-{request.precision}"
    if request.precision == "int8" and request.target != "onnxruntime":
        precision += f"-{request.target}"
    size = f"-{request.size[1]}x{request.size[0]}" if request.size else ""
    batch = f"-batch{request.batch}" if request.batch > 1 else ""
    safe = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"
    return Path(f"{safe}{precision}{size}{batch}.{kind.value}")


def sizes_for(size: Size | None) -> list[Size]:
    """Returns the two sizes (height, width) that an export is verified at."""
    first = (192, 192)
    return [first, size if size and size != first else (240, 320)]
