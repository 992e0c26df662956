"""Damaged frames are counted and never handed out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from cameras import RtspCamera, Web, jpeg

from spikerain_edge.images import Image
from spikerain_edge.stream.capture_options import CaptureOptions, RtspTransport
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source

Draw = Callable[..., Image]

BALL = (
    "videotestsrc is-live={live} pattern=ball animation-mode=frames background-color=0xff305080 "
    "foreground-color=0xffe0c040 ! video/x-raw,format=I420,width=160,height=120,framerate=25/1"
)
LOSSY = (
    "videoconvert ! openh264enc gop-size=25 bitrate=400000 ! h264parse ! rtph264pay pt=96 mtu=300 "
    "! identity drop-probability=0.03 name=pay0"
)


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.close()


def opened(url: str, options: CaptureOptions) -> LiveSource:
    source = open_source(url, options)
    assert isinstance(source, LiveSource)
    return source


def cut(data: bytes, kept: float) -> bytes:
    return data[: int(len(data) * kept)]


def test_jpegs_that_are_cut_off_or_garbled_are_counted(web: Web, picture: Draw) -> None:
    good = [jpeg(picture(seed, 240, 320)) for seed in range(8)]
    middle = len(good[0]) // 2
    damaged = [
        cut(good[0], 0.3),
        cut(good[0], 0.97),
        cut(good[0], 0.7) + b"\xff\xd9",
        good[0][: middle // 2] + good[0][middle:],
        b"",
        bytes(500),
    ]
    web.parts = [*good[:4], *damaged, *good[4:]]
    source = opened(f"{web.base}/live", CaptureOptions())
    shown = list(islice(source, 8))
    source.close()

    assert source.corrupt == len(damaged)
    for frame, sent in zip(shown, good, strict=True):
        decoded = cv2.imdecode(np.frombuffer(sent, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert np.abs(frame.image.astype(int) - decoded).mean() < 3


def test_jpegs_that_are_merely_odd_are_good(web: Web, picture: Draw) -> None:
    image = picture(0, 96, 128)
    whole = jpeg(image)
    progressive = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    restarts = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4])[1].tobytes()
    web.parts = [whole, whole + bytes(100), whole + b"\r\n", progressive, restarts, whole[:-2]]
    source = opened(f"{web.base}/live", CaptureOptions())
    assert len(list(islice(source, 6))) == 6
    source.close()
    assert source.corrupt == 0


def thumbnails(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Means of blocks of 8x8, which show what has moved."""
    small = [cv2.resize(each, (20, 15), interpolation=cv2.INTER_AREA) for each in pictures]
    return np.stack(small).astype(np.int64)


@pytest.fixture(scope="session")
def truth() -> npt.NDArray[np.int64]:
    """What the camera sees, frame by frame, from the same pipeline without a network."""
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("needs the Debian package gstreamer1.0-tools")
    launch = BALL.format(live="false").replace("videotestsrc", "videotestsrc num-buffers=1500")
    command = ["gst-launch-1.0", "-q", *launch.split(), "!", "fdsink", "fd=1"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return thumbnails(np.frombuffer(raw, np.uint8).reshape(-1, 180, 160)[:, :120])


@pytest.mark.slow
def test_what_packet_loss_has_damaged_is_never_handed_out(truth: npt.NDArray[np.int64]) -> None:
    camera = RtspCamera("--pictures", BALL.format(live="true"), "--stream", LOSSY)
    camera.start()
    options = CaptureOptions(rtsp_transport=RtspTransport.UDP)
    source = opened(camera.url, options)
    images = [cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY) for frame in islice(source, 150)]
    source.close()
    camera.kill()

    assert source.corrupt > 0
    # Grey levels of an image are stretched from those of video.
    seen = thumbnails(np.stack(images).astype(np.uint8)) * 219 / 255 + 16
    differences = [np.abs(truth - each).max(axis=(1, 2)).min() for each in seen]
    assert max(differences) < 12


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_a_camera_that_does_not_keep_its_rate_loses_nothing(codec: str) -> None:
    uneven = f"{BALL.format(live='true')} ! identity drop-probability=0.3"
    stream = {
        "h264": "videoconvert ! openh264enc gop-size=25 ! h264parse ! rtph264pay pt=96 name=pay0",
        "jpeg": "videoconvert ! jpegenc ! rtpjpegpay pt=26 name=pay0",
    }[codec]
    camera = RtspCamera("--pictures", uneven, "--stream", stream)
    camera.start()
    source = opened(camera.url, CaptureOptions(rtsp_transport=RtspTransport.UDP))
    times = [frame.time or 0.0 for frame in islice(source, 75)]
    source.close()
    camera.kill()
    assert source.corrupt == 0
    assert np.diff(times).max() > 1.5 * np.median(np.diff(times))
