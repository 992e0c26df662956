"""The GStreamer element `spikerain`, in pipelines that gst-launch-1.0 runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikerain_edge import Derainer
from spikerain_edge.images import Image
from spikerain_edge.models import VIDEO_MODEL

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "spikerain_edge" / "gstreamer"
PACKAGES = "gstreamer1.0-tools gstreamer1.0-python3-plugin-loader gir1.2-gst-plugins-base-1.0"
SECONDS = 300
SOURCE = "videotestsrc num-buffers=1 ! videoconvert"
# The loader embeds the system's Python, which sees this environment's packages only in PYTHONPATH.
SYSTEM = "/usr/bin:/bin"

Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Runs gst-launch-1.0; skips where the loader is missing or embeds another Python than this."""
    folder = tmp_path_factory.mktemp("gstreamer")

    def run(
        pipeline: str, program: str = "gst-launch-1.0", **changed: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(folder),
            "PATH": SYSTEM,
            "PYTHONPATH": sysconfig.get_path("purelib"),
            "GST_PLUGIN_PATH": str(PLUGINS),
            "GST_REGISTRY": str(folder / "registry"),
            **changed,
        }
        command = [program, *shlex.split(pipeline)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS
        )

    if shutil.which("gst-inspect-1.0", path=SYSTEM) is None:
        pytest.skip(f"needs the Debian packages {PACKAGES}")
    if run("python", "gst-inspect-1.0").returncode:
        pytest.skip(f"GStreamer loads no Python plugins; needs the Debian packages {PACKAGES}")
    tried = run(f"{SOURCE} ! spikerain backend=cpu ! fakesink")
    if "which GStreamer embeds, cannot import spikerain_edge" in tried.stderr:
        pytest.skip(f"another Python than the system's runs the tests: {tried.stderr.strip()}")
    return run


def frames(file: Path, height: int, width: int) -> list[Image]:
    """Reads frames of RGB as GStreamer stores them: rows are multiples of 4 bytes long."""
    stride = -(-3 * width // 4) * 4
    content = np.frombuffer(file.read_bytes(), np.uint8).reshape(-1, height, stride)
    return list(content[:, :, : 3 * width].reshape(-1, height, width, 3))


@pytest.mark.parametrize(
    ("width", "height"), [(97, 61), pytest.param(16, 16, marks=pytest.mark.slow)]
)
def test_frames_are_those_of_the_derainer(
    launch: Launch, tmp_path: Path, width: int, height: int
) -> None:
    done = launch(
        "videotestsrc num-buffers=2 pattern=smpte ! videoconvert ! "
        f"video/x-raw,format=RGB,width={width},height={height} ! tee name=both "
        f"both. ! queue ! filesink location={tmp_path}/before "
        "both. ! queue ! spikerain model=nano backend=cpu ! "
        f"filesink location={tmp_path}/after"
    )
    assert done.returncode == 0, done.stderr
    before, after = (frames(tmp_path / name, height, width) for name in ("before", "after"))
    assert len(before) == len(after) == 2
    with Derainer.load("nano") as derainer:
        for rainy, clean in zip(before, after, strict=True):
            expected = derainer(np.ascontiguousarray(rainy[..., ::-1]))[..., ::-1]
            np.testing.assert_array_equal(clean, expected)
            assert not np.array_equal(clean, rainy)


@pytest.mark.slow
def test_caps_are_negotiated_and_time_stamps_kept(launch: Launch) -> None:
    done = launch(
        "-v videotestsrc num-buffers=3 timestamp-offset=5000000000 ! videoconvert ! "
        "video/x-raw,width=40,height=32,framerate=8/1 ! identity name=in silent=false ! "
        "spikerain backend=cpu ! identity name=out silent=false ! fakesink"
    )
    assert done.returncode == 0, done.stderr
    times = re.findall(r"\((in|out):sink\) .*?pts: (\S+), duration: (\S+),", done.stdout)
    starts = {name: [rest for each, *rest in times if each == name] for name in ("in", "out")}
    assert starts["in"] == starts["out"]
    assert [pts for pts, _ in starts["out"]] == [f"0:00:05.{n:03}000000" for n in (0, 125, 250)]
    (caps,) = re.findall(r"spikerain0\.GstPad:src: caps = (.*)", done.stdout)
    for part in ("width=(int)40", "height=(int)32", "format=(string)RGB", "(fraction)8/1"):
        assert part in caps


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("model=nowhere", "there is no model 'nowhere'"),
        pytest.param(
            "backend=nowhere",
            "the backend 'nowhere' is not available",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            f"model='{ROOT}/LICENSE'",
            "LICENSE is not a usable ONNX graph",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_cannot_be_used_is_an_error_of_the_pipeline(
    launch: Launch, properties: str, said: str
) -> None:
    done = launch(f"{SOURCE} ! spikerain {properties} ! fakesink")
    assert done.returncode != 0
    assert re.search(f"ERROR: from element .*spikerain0: .*{said}", done.stderr)
    assert "Traceback" not in done.stderr


def test_frames_below_16x16_are_not_linked(launch: Launch) -> None:
    small = "videotestsrc num-buffers=1 ! video/x-raw,width=8,height=8 ! videoconvert"
    done = launch(f"{small} ! spikerain ! fakesink")
    assert done.returncode != 0
    assert "could not link" in done.stderr


@pytest.mark.slow
def test_a_python_that_lacks_the_package_says_what_to_do(launch: Launch, tmp_path: Path) -> None:
    plugins = tmp_path / "alone" / "python"
    plugins.mkdir(parents=True)
    shutil.copy(PLUGINS / "python" / "spikerain.py", plugins)
    changed = {
        "PYTHONPATH": "",
        "GST_PLUGIN_PATH": str(plugins.parent),
        "GST_REGISTRY": str(tmp_path / "registry"),
    }
    done = launch(f"{SOURCE} ! spikerain ! fakesink", **changed)
    assert done.returncode != 0
    assert "cannot import spikerain_edge" in done.stderr
    assert "into PYTHONPATH" in done.stderr


def test_the_default_model_is_the_one_of_run_for_video() -> None:
    assert f'default="{VIDEO_MODEL}"' in (PLUGINS / "python" / "spikerain.py").read_text()
