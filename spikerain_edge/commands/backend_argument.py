"""The option of commands that run graphs."""

from __future__ import annotations

from typing import Annotated

import typer

Backend = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="SPIKERAIN_BACKEND",
        help="auto (OpenVINO on x86 where installed, else ONNX Runtime), openvino, or a provider "
        "of ONNX Runtime: cpu, cuda, tensorrt ...",
    ),
]
