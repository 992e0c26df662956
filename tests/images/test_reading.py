"""Real-world images: wrong suffixes, trailing bytes, several pages, opacity, damage."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.formats import format_of, format_of_file
from spikerain_edge.images.reading import read_image, read_pages

Draw = Callable[..., Image]
JPEGS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 8],
    "optimised": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
}
# A phone may append a video to a picture; it contains bytes that look like JPEG markers.
MOTION = b"MotionPhoto_Data\0\0\0\x18ftypmp42\xff\xda\0\0"


def packed(suffix: str, image: Image, options: list[int] | None = None) -> bytes:
    return cv2.imencode(suffix, image, options or [])[1].tobytes()


def holed(content: bytes, size: int) -> bytes:
    """Returns a file with zero bytes in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(size) + content[middle + size :]


def save(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def animation(form: str, images: list[Image]) -> bytes:
    """Returns a document with pages or an animation with frames."""
    first, *others = (Pillow.fromarray(image[..., ::-1]) for image in images)
    stored = io.BytesIO()
    exact = {"lossless": True} if form == "WEBP" else {}
    first.save(stored, form, save_all=True, append_images=others, **exact)
    return stored.getvalue()


@pytest.mark.parametrize("kind", JPEGS)
def test_bytes_after_a_jpeg_are_ignored(tmp_path: Path, picture: Draw, kind: str) -> None:
    content = packed(".jpg", picture(), JPEGS[kind])
    alone = read_image(save(tmp_path / "alone.jpg", content))
    for number, after in enumerate((MOTION, content, b"\0" * 100, b"\xff\xd8\xff\xda")):
        path = save(tmp_path / f"{number}.jpg", content + after)
        np.testing.assert_array_equal(read_image(path), alone)


def test_a_jpeg_does_not_end_with_its_thumbnail(tmp_path: Path, picture: Draw) -> None:
    content, thumbnail = packed(".jpg", picture()), packed(".jpg", picture(1, 8, 8))
    segment = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = content[:2] + segment + content[2:]
    read = read_image(save(tmp_path / "x.jpg", with_thumbnail))
    assert read.shape == (48, 64, 3)
    with pytest.raises(InputError, match="damaged or cut off"):
        read_image(save(tmp_path / "cut.jpg", with_thumbnail[: len(segment) + 100]))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_damaged_jpeg_is_refused(tmp_path: Path, picture: Draw, kind: str) -> None:
    content = packed(".jpg", picture(0, 300, 400), JPEGS[kind])
    read_image(save(tmp_path / "whole.jpg", content))
    halved = content[: len(content) // 2]
    for damaged in (halved, halved + b"\xff\xd9", holed(content, 4096)):
        with pytest.raises(InputError, match=r"x\.jpg is damaged or cut off"):
            read_image(save(tmp_path / "x.jpg", damaged))


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        *(pytest.param(".jpg", options, id=kind) for kind, options in JPEGS.items()),
        pytest.param(".webp", [cv2.IMWRITE_WEBP_QUALITY, 101], id="webp"),
    ],
)
def test_a_picture_of_one_colour_is_not_damaged(
    tmp_path: Path, level: int, suffix: str, options: list[int]
) -> None:
    flat = np.full((800, 1200, 3), level, np.uint8)
    read = read_image(save(tmp_path / f"flat{suffix}", packed(suffix, flat, options)))
    np.testing.assert_allclose(read, flat, atol=1)


def test_a_few_extra_bytes_before_the_end_of_a_jpeg_are_not_damage(
    tmp_path: Path, picture: Draw
) -> None:
    content = packed(".jpg", picture())
    assert read_image(save(tmp_path / "x.jpg", content[:-2] + bytes(6) + content[-2:])).size


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lzw.tif", [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
        ("deflate.tif", [cv2.IMWRITE_TIFF_COMPRESSION, 8]),
        ("x.webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
        ("x.png", []),
    ],
)
def test_a_lossless_picture_with_a_hole_is_damaged(
    tmp_path: Path, picture: Draw, name: str, options: list[int]
) -> None:
    content = packed(Path(name).suffix, picture(0, 300, 400), options)
    np.testing.assert_array_equal(read_image(save(tmp_path / name, content)), picture(0, 300, 400))
    with pytest.raises(InputError, match=name):
        read_image(save(tmp_path / name, holed(content, 4096)))


@pytest.mark.parametrize(
    ("suffix", "form"),
    [
        (".jpg", "JPEG"),
        (".png", "PNG"),
        (".webp", "WebP"),
        (".tif", "TIFF"),
        (".bmp", "BMP"),
        (".ppm", "PNM"),
        (".jp2", "JPEG 2000"),
        (".avif", "AVIF"),
        (".gif", "GIF"),
    ],
)
def test_a_format_is_recognised_by_content(
    tmp_path: Path, picture: Draw, suffix: str, form: str
) -> None:
    if not cv2.haveImageWriter(f"x{suffix}"):
        pytest.skip(f"this OpenCV cannot write {suffix} files")
    path = save(tmp_path / "no suffix", packed(suffix, picture()))
    assert format_of_file(path) == form
    assert np.abs(read_image(path).astype(int) - picture()).mean() < (25 if form == "GIF" else 6)


@pytest.mark.parametrize(
    "head",
    [b"", b"text", b"P6", b"RIFF\0\0\0\0AVI ", b"BM is a text", b"\0\0\0\x18ftypmp42\0\0\0\0isom"],
)
def test_a_file_that_is_not_an_image_has_no_format(head: bytes) -> None:
    assert format_of(head) is None


def test_a_heic_that_cannot_be_read_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heic = save(tmp_path / "phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(InputError, match=r"phone\.jpg \(HEIC\); .*convert it to PNG"):
        read_image(heic)
    monkeypatch.setattr("spikerain_edge.images.reading.can_read_heic", lambda: False)
    with pytest.raises(InputError, match=r"phone\.jpg is a HEIC .*spikerain-edge\[heic\]"):
        read_image(heic)


@pytest.mark.parametrize("turn", [1, 6])
def test_a_heic_is_read_whole_and_upright(tmp_path: Path, picture: Draw, turn: int) -> None:
    image = picture(0, 96, 128)
    exif = Pillow.Exif()
    exif[0x0112] = turn
    heif = pillow_heif.from_bytes("BGR", (128, 96), image.tobytes())
    content = io.BytesIO()
    heif.save(content, quality=95, exif=exif.tobytes())
    (page,) = read_pages(save(tmp_path / "phone.heic", content.getvalue()))
    upright = image if turn == 1 else np.rot90(image, -1)
    assert page.image.shape == upright.shape
    assert cv2.PSNR(page.image, np.ascontiguousarray(upright)) > 30
    np.testing.assert_array_equal(read_image(tmp_path / "phone.heic"), page.image)


def test_the_opacity_of_a_heic_is_read(tmp_path: Path, picture: Draw) -> None:
    image = np.dstack([picture(), np.full((48, 64), 128, np.uint8)])
    content = io.BytesIO()
    pillow_heif.from_bytes("BGRA", (64, 48), image.tobytes()).save(content, quality=95)
    (page,) = read_pages(save(tmp_path / "glass.heic", content.getvalue()))
    assert page.alpha is not None
    assert np.abs(page.alpha.astype(int) - 128).max() < 8


@pytest.mark.parametrize(
    ("form", "suffix"), [("TIFF", ".tif"), ("WEBP", ".webp"), ("PNG", ".png"), ("GIF", ".gif")]
)
def test_every_page_and_frame_is_read(tmp_path: Path, form: str, suffix: str) -> None:
    if form != "TIFF" and not hasattr(cv2, "imreadanimation"):
        pytest.skip("this OpenCV cannot read animations")
    images = [np.full((48, 64, 3), level, np.uint8) for level in (10, 100, 200)]
    path = save(tmp_path / f"x{suffix}", animation(form, images))
    pages = read_pages(path)
    assert [page.image.mean() for page in pages] == pytest.approx([10, 100, 200], abs=1)
    np.testing.assert_allclose(read_image(path), images[0], atol=1)


def test_opacity_is_read(tmp_path: Path, picture: Draw) -> None:
    alpha = np.linspace(0, 255, 48 * 64).astype(np.uint8).reshape(48, 64)
    for suffix in (".png", ".tif", ".webp"):
        options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
        image = np.dstack([picture(), alpha])
        (page,) = read_pages(save(tmp_path / f"x{suffix}", packed(suffix, image, options)))
        assert page.alpha is not None
        np.testing.assert_array_equal(page.alpha, alpha)
        visible = alpha > 0
        np.testing.assert_array_equal(page.image[visible], picture()[visible])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_opaque_picture_has_no_opacity(tmp_path: Path, picture: Draw, channels: int) -> None:
    image = np.dstack([picture(), np.full((48, 64), 255, np.uint8)])[..., :channels]
    (page,) = read_pages(save(tmp_path / "x.png", packed(".png", image)))
    assert page.alpha is None


def test_a_warning_says_that_deep_colours_are_read_with_8_bits(
    tmp_path: Path, picture: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    deep = save(tmp_path / "deep.png", packed(".png", picture().astype(np.uint16) * 257))
    with caplog.at_level(logging.WARNING):
        (page,) = read_pages(deep)
    np.testing.assert_allclose(page.image, picture(), atol=1)
    assert caplog.messages == [f"{deep} has more than 8 bits per channel; it is read with 8"]


def test_a_jpeg_of_a_rare_subsampling_is_read(tmp_path: Path, picture: Draw) -> None:
    content = bytearray(packed(".jpg", picture()))
    factors = content.index(b"\xff\xc0") + 11
    assert content[factors] == 0x22
    # The same number of blocks, one above the other: 4:4:1.
    content[factors] = 0x14
    assert read_image(save(tmp_path / "x.jpg", bytes(content))).shape == (48, 64, 3)


@pytest.mark.parametrize("size", [0x0FFFFFFF, 0x7FFFFFF0, 0xFFFFFFFF])
def test_a_png_with_a_wrong_chunk_length_is_refused(
    tmp_path: Path, picture: Draw, size: int
) -> None:
    content = packed(".png", picture())
    chunk = content.index(b"IDAT") - 4
    lying = content[:chunk] + size.to_bytes(4, "big") + content[chunk + 4 :]
    with pytest.raises(InputError, match=r"x\.png is damaged or cut off"):
        read_image(save(tmp_path / "x.png", lying))


def test_a_tiff_with_a_giant_second_page_is_refused_in_one_line(
    tmp_path: Path, picture: Draw
) -> None:
    content = bytearray(animation("TIFF", [picture(), picture(1)]))
    second = content.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00" + (64).to_bytes(4, "little"))
    content[second + 8 : second + 12] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(InputError, match=r"x\.tif"):
        read_pages(save(tmp_path / "x.tif", bytes(content)))
