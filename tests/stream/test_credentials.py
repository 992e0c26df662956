from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cameras import RtspCamera, Web, jpeg

from spikerain_edge.errors import InputError
from spikerain_edge.stream.credentials import with_credentials
from spikerain_edge.stream.live import LiveSource
from spikerain_edge.stream.sources import open_source
from spikerain_edge.stream.uris import without_password

ODD = "p@ss/w:rd %{x}"
URL = "rtsp://{RTSP_USER}:{RTSP_PASSWORD}@camera/stream"


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.close()


def test_values_come_from_the_environment_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSP_USER", "me")
    monkeypatch.setenv("RTSP_PASSWORD", ODD)
    assert with_credentials(URL) == "rtsp://me:p%40ss%2Fw%3Ard%20%25%7Bx%7D@camera/stream"


def test_values_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "RTSP_USER").write_bytes(b"me\r\n")
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("RTSP_PASSWORD_FILE", str(tmp_path / "secret"))
    assert with_credentials(URL) == "rtsp://me:s3cret@camera/stream"


def test_what_has_no_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"\{RTSP_USER\} in the name of a camera or output has no value"
    ):
        open_source(URL)
    monkeypatch.setenv("RTSP_USER_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="nowhere: No such file"):
        open_source(URL)


@pytest.mark.parametrize("url", ["rtsp://camera/{stream}", "http://camera/{1}", "rtsp://camera/x"])
def test_other_braces_stay(url: str) -> None:
    assert with_credentials(url) == url


@pytest.mark.slow
def test_a_camera_takes_any_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTSP_PASSWORD", ODD)
    camera = RtspCamera("--password", ODD)
    camera.start()
    source = open_source(camera.url.replace("//", "//camera:{RTSP_PASSWORD}@"))
    assert isinstance(source, LiveSource)
    assert next(iter(source)).image.shape == (64, 96, 3)
    source.close()
    camera.kill()


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_secret_is_nowhere_to_be_seen(web: Web, tmp_path: Path, status: int) -> None:
    web.parts = [jpeg(np.full((48, 64, 3), 9, np.uint8))] * 4
    web.status = status
    url = web.base.replace("//", "//{NAME}:{WORD}@") + "/live?key={WORD}"
    command = [Path(sys.executable).with_name("spikerain-edge"), "run", "--camera", url]
    options = ["--max-frames", "3", "--imgsz", "32", "--json", "-", "--debug"]
    environment = {"NAME": "hidden-user", "WORD": "hidden-word", "PATH": "/usr/bin"}
    with subprocess.Popen(
        [*command, *options, "--log-format", "json"],
        env={**environment, "PYTHONPATH": ":".join(sys.path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        seen = Path(f"/proc/{program.pid}/cmdline").read_text()
        told, _ = program.communicate(timeout=120)
    assert program.returncode == (0 if status == 200 else 3), told
    assert web.base in told
    assert "hidden" not in told + seen


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/user=admin_password=x_channel=1", "rtsp://camera/..."),
        ("rtsp://camera/live_password=x", "rtsp://camera/..."),
        ("rtsp://camera/a/token=x/b", "rtsp://camera/a/..."),
        ("http://camera/live#password=x", "http://camera/live"),
        ("http://me:x@camera/live?a=b", "http://camera/live"),
        ("rtsp://{USER}:{WORD}@camera/live", "rtsp://camera/live"),
        ("gst://rtspsrc location=rtsp://c user-pw=x ! decodebin", "gst://rtspsrc ..."),
        ("rtsp://camera/cam/channel=1", "rtsp://camera/cam/channel=1"),
    ],
)
def test_secrets_are_cut_out_of_what_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
