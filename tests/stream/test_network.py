"""Streams over a network, from a server of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import StreamError
from spikerain_edge.images import Image
from spikerain_edge.stream import network
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.network import open_url
from spikerain_edge.stream.sources import Source, open_source

Draw = Callable[..., Image]
ReadVideo = Callable[[Path], list[Image]]
BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


def jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


class Web:
    """A server on this machine.

    Attributes:
        base: its URL.
        files: content by path.
        parts: parts of the stream at `/live`, sent `pause` seconds apart.
        hung: whether it keeps the connection when all is sent.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.parts: list[bytes] = []
        self.pause = 0.0
        self.hung = False
        self.ended = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self.path == "/live":
                    self.send_response(200)
                    content = "multipart/x-mixed-replace; boundary=frame"
                    self.send_header("Content-Type", content)
                    self.end_headers()
                    for part in web.parts:
                        self.wfile.write(BOUNDARY % len(part) + part + b"\r\n")
                        time.sleep(web.pause)
                    if web.hung:
                        web.ended.wait(60)
                elif self.path in web.files:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(web.files[self.path])))
                    self.end_headers()
                    self.wfile.write(web.files[self.path])
                else:
                    self.send_error(401 if self.path == "/secret" else 404)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    thread = threading.Thread(target=served.server.serve_forever, daemon=True)
    thread.start()
    yield served
    served.ended.set()
    served.server.shutdown()
    served.server.server_close()
    thread.join()


def until_it_ends(source: Source) -> tuple[list[Frame], str]:
    shown: list[Frame] = []
    with pytest.raises(StreamError) as raised:
        shown.extend(source)
    source.close()
    return shown, raised.value.cause


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8)


def test_a_live_stream_takes_its_own_time(web: Web) -> None:
    web.parts, web.pause = [jpeg(noise(seed)) for seed in range(8)], 0.1
    source = open_source(f"{web.base}/live")
    assert source.live
    assert source.length is None
    shown, said = until_it_ends(source)

    assert len(shown) == 8
    assert said == f"{web.base}/live stopped sending frames after 8"
    # At the nominal rate of 25 it would last 0.28 seconds.
    assert shown[-1].time is not None
    assert shown[-1].time > 0.5
    assert all(frame.time == frame.captured - shown[0].captured for frame in shown)


def test_damaged_frames_of_a_live_stream_are_passed_over(web: Web, picture: Draw) -> None:
    good = [jpeg(picture(seed, 96, 128)) for seed in range(4)]
    web.parts = [*good[:2], b"not a picture", bytes(500), *good[2:]]
    source = open_source(f"{web.base}/live")
    shown, _ = until_it_ends(source)

    assert source.missing == 2
    for frame, sent in zip(shown, good, strict=True):
        decoded = cv2.imdecode(np.frombuffer(sent, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert np.abs(frame.image.astype(int) - decoded).mean() < 3


def test_a_silent_stream_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_PATIENCE", 0.5)
    web.parts, web.hung = [jpeg(noise(seed)) for seed in range(3)], True
    shown, said = until_it_ends(open_source(f"{web.base}/live"))
    assert len(shown) >= 2
    assert said == f"{web.base}/live has sent nothing for 0.5 seconds"


def test_a_server_that_does_not_answer_is_given_up(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_PATIENCE", 0.5)
    web.hung = True
    with pytest.raises(StreamError, match=r"live cannot be opened: no answer within 0\.5 seconds"):
        open_source(f"{web.base}/live")


def test_a_video_over_http_is_a_file(
    web: Web,
    make_video: Callable[..., Path],
    tmp_path: Path,
    read_video: Callable[..., list[Image]],
) -> None:
    path = make_video(tmp_path / "x.mp4", 9, 12.5)
    web.files["/x.mp4"] = path.read_bytes()
    source = open_source(f"{web.base}/x.mp4")
    shown = list(source)
    source.close()

    assert not source.live
    assert source.rate == 12.5
    for frame, expected in zip(shown, read_video(path), strict=True):
        np.testing.assert_array_equal(frame.image, expected)


def test_a_snapshot_is_one_picture(web: Web) -> None:
    web.files["/snapshot"] = jpeg(noise(0))
    source = open_source(f"{web.base}/snapshot")
    (frame,) = source
    source.close()
    assert not source.live
    assert frame.image.shape == (96, 128, 3)


@pytest.mark.parametrize(
    ("path", "reason"), [("/nowhere", "404 Not Found"), ("/secret", "401 Unauthorized")]
)
def test_the_reason_of_a_server_is_said(web: Web, path: str, reason: str) -> None:
    url = web.base.replace("http://", "http://me:pa55@")
    with pytest.raises(StreamError, match=reason) as raised:
        open_url(f"{url}{path}", f"{web.base}{path}")
    assert "pa55" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_url_may_hold_any_byte() -> None:
    with pytest.raises(StreamError, match="refused"):
        open_source("http://127.0.0.1:9/vid\udce9.mp4")
