"""Damage that decoders pass over: in the parts of a TIFF and in JPEGs for printers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

from spikerain_edge.errors import InputError
from spikerain_edge.images.reading import read_image, read_pages

PHOTOGRAPH = Pillow.fromarray(np.ascontiguousarray(data.astronaut()[:200, :300]))


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_deflate", "jpeg"])
def test_a_hole_in_any_page_of_a_tiff_is_found(tmp_path: Path, compression: str) -> None:
    stored = io.BytesIO()
    pages = [PHOTOGRAPH] * 3
    pages[0].save(stored, "TIFF", save_all=True, append_images=pages[1:], compression=compression)
    content, path = stored.getvalue(), tmp_path / "x.tif"
    path.write_bytes(content)
    assert len(read_pages(path)) == 3
    for share in (0.2, 0.5, 0.8):
        at = int(share * len(content))
        path.write_bytes(content[:at] + bytes(1500) + content[at + 1500 :])
        with pytest.raises(InputError, match=r"x\.tif is damaged or cut off"):
            read_pages(path)


@pytest.mark.parametrize("mode", ["CMYK", "RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_hole_in_a_jpeg_of_any_colours_is_found(
    tmp_path: Path, mode: str, progressive: bool
) -> None:
    stored = io.BytesIO()
    PHOTOGRAPH.convert(mode).save(stored, "JPEG", progressive=progressive)
    content, path = stored.getvalue(), tmp_path / "x.jpg"
    path.write_bytes(content)
    assert read_image(path).shape == (200, 300, 3)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(2000) + content[middle + 2000 :])
    with pytest.raises(InputError, match=r"x\.jpg is damaged or cut off"):
        read_image(path)
