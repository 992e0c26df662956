"""How fuzz tests run commands and what every outcome must fulfil."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pillow_heif
from click.testing import Result
from hypothesis import HealthCheck, Phase, settings
from PIL import Image as Pillow
from PIL import ImageCms
from typer.testing import CliRunner

from spikerain_edge.cli import app
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.images import Image

# Times as many examples, other ones at every run; `make fuzz` sets it.
_TIMES = int(os.environ.get("SPIKERAIN_FUZZ", "1"))
_MOST_BYTES = 6 << 30
_PATIENCE_SECONDS = 300
Found = TypeVar("Found")


def profile() -> settings:
    """The same examples at every run of the tests; new ones where more are asked for."""
    return settings(
        derandomize=_TIMES == 1,
        database=None,
        deadline=None,
        # Shrinking a video or the input of a process takes longer than reading its example.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def examples(number: int) -> settings:
    """Settings of a test that takes so many examples in a run of all tests."""
    return settings(profile(), max_examples=number * _TIMES)


def found_or_refused(read: Callable[[], Found]) -> Found | None:
    """What is read, or None if it is refused in one line that a terminal can show."""
    try:
        return read()
    except SpikeRainError as error:
        refusal = error
    assert str(refusal).isprintable()
    assert refusal.remedy
    return None


def command(*arguments: str | Path) -> Result:
    """Runs `spikerain-edge` in this process; an error must be one line."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    _require_orderly(result.exit_code, result.stdout, result.stderr)
    return result


def child(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the installed `spikerain-edge` in a process of its own, in limited memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))

    done = subprocess.run(
        [Path(sys.executable).with_name("spikerain-edge"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
        preexec_fn=limit,
    )
    _require_orderly(done.returncode, done.stdout, done.stderr)
    return done


def _require_orderly(code: int, out: str, error: str) -> None:
    assert code in {0, 2, 3, 4, 5}, error[-2000:]
    assert "Traceback" not in error
    assert all(line.isprintable() for line in (out + error).splitlines())
    if code:
        # What a run did before it failed is said above.
        assert error.splitlines()[-1].startswith("spikerain-edge: "), error[-2000:]


def noise(channels: int = 3) -> Image:
    """A soft picture of 64x48."""
    shape = (48, 64, channels) if channels > 1 else (48, 64)
    drawn = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 2), np.uint8)


def pictures(suffix: str) -> list[bytes]:
    """Files of a format in colour and, where it knows that, in grey."""
    if suffix == ".heic":
        return [_heic()]
    if suffix == ".avif":
        return [_with_profile("AVIF")]
    others = [_with_profile("JPEG")] if suffix == ".jpg" else []
    return others + _encoded(suffix)


def _heic() -> bytes:
    stored = io.BytesIO()
    pillow_heif.from_bytes("BGR", (64, 48), noise().tobytes()).save(stored)
    return stored.getvalue()


def _with_profile(form: str) -> bytes:
    """A picture with an ICC profile of its colours."""
    stored = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Pillow.fromarray(noise()).save(stored, form, icc_profile=profile)
    return stored.getvalue()


def _encoded(suffix: str) -> list[bytes]:
    kinds = (3,) if suffix == ".gif" else (3, 1)
    return [cv2.imencode(suffix, noise(channels))[1].tobytes() for channels in kinds]
