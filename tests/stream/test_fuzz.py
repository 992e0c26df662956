"""Files with random damage: no crash, no error but ours, never nothing without an error."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import ImageCms

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image
from spikerain_edge.stream.sources import open_source

pytestmark = pytest.mark.slow

Damage = Callable[[bytes], bytes]
EXAMPLES = 60


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Overwrites, inserts, removes, cuts off; places are shares of the file's size."""
    share = st.floats(0, 1, exclude_max=True)
    edits = draw(st.lists(st.tuples(share, st.integers(0, 64), st.binary(max_size=64)), max_size=4))
    kept = draw(st.one_of(st.just(1.0), share))

    def damage(content: bytes) -> bytes:
        for place, removed, added in edits:
            at = int(place * len(content))
            content = content[:at] + added + content[at + removed :]
        return content[: int(kept * len(content))]

    return damage


def noise() -> Image:
    coarse = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(coarse, (0, 0), 2), np.uint8)


def still(suffix: str) -> bytes:
    return cv2.imencode(suffix, noise())[1].tobytes()


def with_profile(form: str) -> bytes:
    stored = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pillow.fromarray(noise()).save(stored, form, icc_profile=profile)
    return stored.getvalue()


def heic() -> bytes:
    stored = io.BytesIO()
    pillow_heif.from_bytes("BGR", (64, 48), noise().tobytes()).save(stored)
    return stored.getvalue()


def video(form: str) -> bytes:
    stored = io.BytesIO()
    with av.open(stored, "w", format=form) as container:
        codec = "mjpeg" if form == "avi" else "libx264"
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if form == "avi" else "yuv420p"
        for shift in range(6):
            picture = np.roll(noise(), shift, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return stored.getvalue()


CONTENTS = {
    "profile.jpg": with_profile("JPEG"),
    "profile.avif": with_profile("AVIF"),
    "x.heic": heic(),
    **{f"x{suffix}": still(suffix) for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp")},
    "x.mp4": video("mp4"),
    "x.mkv": video("matroska"),
    "x.avi": video("avi"),
    "x.ts": video("mpegts"),
}


@pytest.mark.parametrize("name", CONTENTS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=damages())
def test_a_damaged_file_gives_frames_or_one_of_our_errors(
    tmp_path: Path, name: str, damage: Damage
) -> None:
    path = tmp_path / name
    path.write_bytes(damage(CONTENTS[name]))
    shown = 0
    try:
        source = open_source(str(path))
        try:
            for frame in source:
                assert frame.image.dtype == np.uint8
                assert frame.image.ndim == 3
                shown += 1
        finally:
            source.close()
    except SpikeRainError as error:
        assert name in error.cause  # noqa: PT017 - not every example fails
        return
    assert shown
