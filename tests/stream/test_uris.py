"""The grammar of what names a camera."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from itertools import islice

import pytest
from cameras import free_port

from spikerain_edge.errors import InputError
from spikerain_edge.stream.capture_options import CaptureOptions
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source


@pytest.mark.parametrize("uri", ["foo://camera/x", "rstp://me:pa55@camera/x", "://x", "demo://"])
def test_an_unknown_scheme_is_named(uri: str) -> None:
    scheme = uri.split("//")[0]
    with pytest.raises(InputError, match=f"unknown scheme {scheme}//.*; use one of .*rtsp") as told:
        open_source(uri)
    assert "pa55" not in str(told.value)


@pytest.mark.parametrize("uri", ["rtsp://camera/x", "demo", "photos/", "gst://videotestsrc"])
def test_only_a_camera_of_this_machine_is_asked_for_a_size(uri: str) -> None:
    with pytest.raises(InputError, match="cannot be asked for a size or rate"):
        open_source(uri, CaptureOptions(size=(640, 480)))


@pytest.fixture
def sender(ffmpeg: object) -> Iterator[tuple[int, list[bool]]]:
    """The port that a relay sends MPEG-TS to, and a list that holds true while it loses packets."""
    port, inner, losing = free_port(), socket.socket(type=socket.SOCK_DGRAM), [False]
    inner.bind(("127.0.0.1", 0))
    inner.settimeout(0.2)
    source = "testsrc=size=160x120:rate=25"
    command = ["ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", source, "-c:v", "libx264"]
    coding = ["-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-f", "mpegts"]
    target = f"udp://127.0.0.1:{inner.getsockname()[1]}?pkt_size=1316"
    process = subprocess.Popen([*command, *coding, target])
    ended = threading.Event()

    def relay() -> None:
        count = 0
        with socket.socket(type=socket.SOCK_DGRAM) as outer:
            while not ended.is_set():
                try:
                    packet = inner.recv(2048)
                except TimeoutError:
                    continue
                count += 1
                if not (losing[0] and count % 41 == 0):
                    outer.sendto(packet, ("127.0.0.1", port))

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    yield port, losing
    ended.set()
    thread.join()
    process.kill()
    process.wait()
    inner.close()


@pytest.mark.slow
def test_a_stream_over_udp_is_received_and_losses_are_counted(
    sender: tuple[int, list[bool]],
) -> None:
    port, losing = sender
    source = open_source(f"udp://127.0.0.1:{port}", CaptureOptions())
    assert isinstance(source, LiveSource)
    frames = iter(source)
    assert [frame.image.shape for frame in islice(frames, 20)] == [(120, 160, 3)] * 20
    before = source.corrupt
    losing[0] = True
    list(islice(frames, 30))
    source.close()
    assert source.corrupt > before
    assert source.outages == []
