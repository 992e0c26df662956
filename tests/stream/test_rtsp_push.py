from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from cameras import PACKAGES, SYSTEM_PYTHON

SERVER = Path(__file__).with_name("rtsp_push_server.py")
PROGRAM = Path(sys.executable).with_name("spikerain-edge")


def has_bindings() -> bool:
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    command = [SYSTEM_PYTHON, "-c", check]
    return (
        SYSTEM_PYTHON.exists()
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


@pytest.mark.slow
def test_gstreamers_rtsp_server_receives_what_is_pushed(tmp_path: Path) -> None:
    if not has_bindings():
        pytest.skip(f"GStreamer's RTSP server is not installed here: {PACKAGES}")
    with subprocess.Popen(
        [SYSTEM_PYTHON, SERVER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        url = server.stdout.readline().strip()
        options = ["--camera", "demo", "--max-frames", "40", "--imgsz", "96x64", "--output", url]
        ended = subprocess.run(
            [PROGRAM, "run", *options], capture_output=True, text=True, check=False, timeout=300
        )
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.jpg"))) < 30:
            assert time.monotonic() < deadline, ended.stderr
            time.sleep(0.1)
        server.stdin.close()
    assert ended.returncode == 0, ended.stderr
    image = cv2.imread(str(min(tmp_path.glob("*.jpg"))))
    assert image is not None
    assert image.shape == (64, 96, 3)
    assert image.std() > 10
