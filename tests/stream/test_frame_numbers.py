"""Missing frames of H.264, with real encoders' streams as the oracle."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from spikerain_edge.stream.frame_numbers import FrameNumbers

PLAIN = {"tune": "zerolatency", "g": "20", "sc_threshold": "0"}
STREAMS = {
    "baseline": {**PLAIN, "profile": "baseline"},
    "scaling lists": {**PLAIN, "profile": "high", "x264-params": "cqm=jvt"},
    "several slices": {**PLAIN, "x264-params": "slices=4"},
    "interlaced": {**PLAIN, "x264-params": "interlaced=1"},
    "whole colours": {**PLAIN, "profile": "high444"},
    "pictures that nothing refers to": {
        "g": "20",
        "bf": "2",
        "sc_threshold": "0",
        "b-pyramid": "none",
    },
}


def coded(options: dict[str, str]) -> list[av.Packet[VideoCodecContext]]:
    coder = av.CodecContext.create("libx264", "w")
    assert isinstance(coder, VideoCodecContext)
    coder.width, coder.height, coder.time_base = 96, 64, Fraction(1, 25)
    coder.pix_fmt = "yuv444p" if options.get("profile") == "high444" else "yuv420p"
    coder.options = options
    packets = []
    for number in range(50):
        image = np.full((64, 96, 3), 5 * number, np.uint8)
        image[:, number : number + 20] = 255 - 5 * number
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        packets += coder.encode(frame)
    return [*packets, *coder.encode()]


@pytest.fixture(scope="module", params=STREAMS)
def packets(request: pytest.FixtureRequest) -> list[av.Packet[VideoCodecContext]]:
    return coded(STREAMS[request.param])


def gaps(packets: list[av.Packet[VideoCodecContext]]) -> list[int]:
    numbers = FrameNumbers()
    return [index for index, packet in enumerate(packets) if numbers.gap(bytes(packet))]


def is_referred_to(packet: av.Packet[VideoCodecContext]) -> bool:
    """By the header of its last unit; the encoder does not mark packets."""
    data = bytes(packet)
    return bool(data[data.rfind(b"\x00\x00\x01") + 3] & 0x60)


def test_a_whole_stream_has_no_gaps(packets: list[av.Packet[VideoCodecContext]]) -> None:
    assert len(packets) == 50
    assert gaps(packets) == []


def test_each_frame_that_others_refer_to_is_missed(
    packets: list[av.Packet[VideoCodecContext]],
) -> None:
    for lost in range(1, 12):
        rest = packets[:lost] + packets[lost + 1 :]
        assert gaps(rest)[:1] == ([lost] if is_referred_to(packets[lost]) else [])


def test_a_stream_that_begins_anywhere_is_followed(
    packets: list[av.Packet[VideoCodecContext]],
) -> None:
    parameters = bytes(packets[0])
    numbers = FrameNumbers()
    numbers.gap(parameters)
    assert not any(numbers.gap(bytes(packet)) for packet in packets[20:40])


def test_what_is_not_h264_has_no_gaps() -> None:
    noise = np.random.default_rng(0)
    numbers = FrameNumbers()
    for length in range(300):
        head = b"\x00\x00\x01" + bytes([noise.choice([0x67, 0x65, 0x41])])
        numbers.gap(head + noise.integers(0, 256, length, np.uint8).tobytes())
    assert not FrameNumbers().gap(b"\x00\x00\x01")
    assert not FrameNumbers().gap(b"\x00\x00\x01\x41\x80")
