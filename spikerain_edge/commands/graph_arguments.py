"""Options of commands that run graphs."""

from __future__ import annotations

from typing import Annotated

import typer

from spikerain_edge.models import IMAGE_MODEL, VIDEO_MODEL

ModelName = Annotated[
    str | None,
    typer.Option(
        help="Shipped model, ONNX file or engine file.",
        show_default=f"{IMAGE_MODEL}; for cameras and videos {VIDEO_MODEL}",
    ),
]
FrameSize = Annotated[
    str | None,
    typer.Option(
        "--imgsz",
        "--size",
        metavar="N|WxH",
        help="Scale frames to this size first: width x height, or one number for a square.",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="SPIKERAIN_BACKEND",
        help="auto (OpenVINO on x86 where installed, else ONNX Runtime), openvino, or a provider "
        "of ONNX Runtime: cpu, cuda, tensorrt ...",
    ),
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=256, help="CPU threads. Default: all cores.")
]
Tiling = Annotated[
    str | None,
    typer.Option(
        "--tile",
        metavar="auto|WxH",
        help="Derain in overlapping tiles, so that images of any size fit memory. auto chooses the "
        "size of tiles.",
    ),
]
