from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from spikerain_edge.errors import InputError, ModelError
from spikerain_edge.inference import tensorrt_library
from spikerain_edge.inference.tensorrt_library import (
    TENSORRT,
    TENSORRT_RTX,
    Messages,
    accept,
    find_library,
    make_logger,
)

Absent = Callable[..., None]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Absent:
    """Hides modules as if they were not installed."""
    real = importlib.util.find_spec

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in names else real(name)
        )

    return hide


@pytest.fixture
def pretend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: Absent
) -> Callable[[str], None]:
    """Installs a module `tensorrt` with the given source."""

    def install(source: str) -> None:
        monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
        (tmp_path / "tensorrt.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def refusal(name: str | None = None) -> str:
    with pytest.raises(InputError) as raised:
        find_library(name)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_tensorrt_is_preferred_over_tensorrt_for_rtx(pretend: Callable[[str], None]) -> None:
    pretend("__version__ = '10.3.0'")
    found = find_library()
    assert (found.name, found.version) == (TENSORRT, "10.3.0")
    assert not found.ahead_of_time


def test_tensorrt_for_rtx_loads_from_packages_of_pypi() -> None:
    if importlib.util.find_spec("tensorrt_rtx_bindings") is None:
        pytest.skip("tensorrt-rtx-cu12-bindings is not installed")
    found = find_library(TENSORRT_RTX)
    assert found.version == found.module.__version__
    assert found.ahead_of_time
    # Creating a builder works only if the C++ libraries were found.
    assert found.module.Builder(found.module.Logger()) is not None


@pytest.mark.parametrize("version", ["8.6.2", "8.5.2.2", "9.0"])
def test_a_version_without_strong_types_is_refused(version: str) -> None:
    with pytest.raises(InputError) as raised:
        accept(SimpleNamespace(__version__=version), TENSORRT)
    message = str(raised.value)
    assert f"TensorRT {version} is too old: engines need version 10.0 or newer" in message
    assert "\n" not in message


@pytest.mark.parametrize("version", ["10.0.1", "10.3.0", "10.13.3.9", "11.4.0.106"])
def test_newer_versions_are_accepted(version: str) -> None:
    assert accept(SimpleNamespace(__version__=version), TENSORRT).version == version


def test_a_missing_library_is_reported_with_the_command_that_installs_it(absent: Absent) -> None:
    absent("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")
    assert "TensorRT (or TensorRT for RTX) is not installed for this Python" in refusal()
    assert "pip install tensorrt " in refusal(TENSORRT)
    assert "pip install tensorrt-rtx-cu12-bindings" in refusal(TENSORRT_RTX)


def test_on_a_jetson_the_remedy_is_an_environment_with_system_packages(
    absent: Absent, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")
    monkeypatch.setattr(tensorrt_library, "_on_jetson", lambda: True)
    monkeypatch.setattr(sys, "prefix", "/home/someone/venv")
    assert "python3 -m venv --system-site-packages" in refusal(TENSORRT)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert "sudo apt-get install python3-libnvinfer" in refusal(TENSORRT)


def test_bindings_without_their_libraries_are_reported(pretend: Callable[[str], None]) -> None:
    pretend("raise ImportError('libnvinfer.so.10: cannot open shared object file\\nmore')")
    message = refusal(TENSORRT)
    assert "tensorrt is installed but does not load (libnvinfer.so.10: cannot open" in message


def test_the_reason_is_one_line_without_the_source_location() -> None:
    messages = Messages(
        [
            "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Magic tag does\n"
            "not match In load at /_src/runtime/engine.cpp:102)",
            "a consequence",
        ]
    )
    assert messages.reason() == (
        "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Magic tag does not match"
    )
    assert messages.reason() == "TensorRT gives no reason", "reasons are reported once"
    assert Messages().reason() == "TensorRT gives no reason"
    with pytest.raises(ModelError, match=r"TensorRT does nothing .*; try again"):
        messages.require(None, "does nothing", "try again")
    messages.require(True, "does nothing")


def test_a_logger_collects_errors_only() -> None:
    class Base:
        INTERNAL_ERROR, ERROR, WARNING, INFO = range(4)

    module = ModuleType("tensorrt")
    module.ILogger = Base  # type: ignore[attr-defined]
    module.__version__ = "10.3.0"  # type: ignore[attr-defined]
    logger, messages = make_logger(accept(module, TENSORRT))
    for severity in (Base.INFO, Base.WARNING, Base.ERROR, Base.INTERNAL_ERROR):
        logger.log(severity, f"severity {severity}")
    assert messages.errors == ["severity 1", "severity 0"]
