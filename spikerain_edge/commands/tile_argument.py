"""The option `--tile`."""

from __future__ import annotations

from typing import Annotated

import typer

Tiling = Annotated[
    str | None,
    typer.Option(
        "--tile",
        metavar="auto|WxH",
        help="Derain in overlapping tiles, so that images of any size fit memory. auto chooses the "
        "size of tiles.",
    ),
]
