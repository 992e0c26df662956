from __future__ import annotations

from pathlib import Path

import pytest
from stream_parts import shade

from spikerain_edge.stream.sinks import write_image
from spikerain_edge.stream.stills import ImageSource


@pytest.fixture
def shades(tmp_path: Path) -> ImageSource:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(40):
        write_image(folder / f"{number:02d}.png", shade(number))
    return ImageSource(sorted(folder.iterdir()))
