"""Finds TensorRT (part of JetPack, or installed on a desktop) or TensorRT for RTX.

Both have the same Python interface. TensorRT for RTX can also build engines ahead of time, on a
machine without the GPU. Neither is a dependency of this package: NVIDIA ships TensorRT with JetPack
and from its own index; only the libraries of TensorRT for RTX are on PyPI.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from spikerain_edge.errors import InputError, ModelError

TENSORRT = "TensorRT"
TENSORRT_RTX = "TensorRT for RTX"
OLDEST = {TENSORRT: (10, 0), TENSORRT_RTX: (1, 0)}

_REBUILD = "build the engine again: spikerain-edge export MODEL --format engine"
_RTX_BINDINGS = ("tensorrt_rtx", "tensorrt_rtx_bindings")
# PyPI has no package of the TensorRT for RTX libraries alone. ONNX Runtime's execution provider
# includes them, but with the full version in the file names, where the bindings expect short names.
_RTX_LIBRARIES = "onnxruntime_ep_nv_tensorrt_rtx"
_RTX_SONAMES = ("libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so")


@dataclass(frozen=True)
class Library:
    """A TensorRT library of a supported version.

    Attributes:
        module: the Python module.
        name: `TENSORRT` or `TENSORRT_RTX`.
        version: version that the module reports.
    """

    module: Any
    name: str
    version: str

    @property
    def ahead_of_time(self) -> bool:
        """Whether the library can build engines without the GPU."""
        return self.name == TENSORRT_RTX

    @property
    def keeps_timings(self) -> bool:
        """Whether the library times kernels during a build and can save the timings."""
        return self.name == TENSORRT


@dataclass
class Messages:
    """Collects the error messages of TensorRT, whose functions return None on failure.

    Attributes:
        errors: error messages, oldest first.
    """

    errors: list[str] = field(default_factory=list)

    def reason(self) -> str:
        """Returns the first error in one line and clears all; later ones are mostly consequences.

        Errors that stayed would be reported as the reason of a later failure.
        """
        found = " ".join(self.errors[0].split()) if self.errors else "TensorRT gives no reason"
        self.errors.clear()
        # Messages of TensorRT end with a line number of its source.
        return re.sub(r"\s*\(?\b[Ii]n \S+ at /?\S+:\d+\)?\s*$", "", found)[:300]

    def require(self, result: object, failure: str, remedy: str = _REBUILD) -> None:
        """Checks the return value of a function of TensorRT.

        Args:
            result: the return value; None or False means failure.
            failure: the failure as a sentence without its subject, such as "cannot run the engine".
            remedy: what the user can do about it.

        Raises:
            ModelError: the function failed.
        """
        if result is None or result is False:
            raise ModelError(f"TensorRT {failure} ({self.reason()})", remedy)


def find_library(name: str | None = None) -> Library:
    """Imports TensorRT.

    Args:
        name: `TENSORRT` or `TENSORRT_RTX`; by default the first of these that is installed.

    Raises:
        InputError: TensorRT is not installed, does not load, or is too old.
        ModelError: a library of TensorRT for RTX does not load.
    """
    finders = {TENSORRT: _tensorrt, TENSORRT_RTX: _tensorrt_rtx}
    for flavour in [name] if name else [TENSORRT, TENSORRT_RTX]:
        module = finders[flavour]()
        if module is not None:
            return accept(module, flavour)
    wanted = name or f"{TENSORRT} (or {TENSORRT_RTX})"
    raise InputError(f"{wanted} is not installed for this Python", _how_to_install(name))


def accept(module: Any, name: str) -> Library:
    """Returns the library of a Python module after a check of its version.

    Raises:
        InputError: the version is too old: it has no strongly typed networks.
    """
    version = str(module.__version__)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise InputError(
            f"{name} {version} is too old: engines need version {oldest} or newer",
            "install a newer JetPack (JetPack 6 has TensorRT 10.3), or pip install --upgrade "
            "tensorrt",
        )
    return Library(module, name, version)


def make_logger(library: Library) -> tuple[Any, Messages]:
    """Creates a logger for TensorRT, and the messages that it collects.

    TensorRT does not keep a reference: the logger must outlive every object that is created with
    it.
    """
    messages = Messages()
    base: Any = library.module.ILogger

    class Logger(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (base.INTERNAL_ERROR, base.ERROR):
                messages.errors.append(message)

    return Logger(), messages


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pauses Python's cyclic garbage collector within the context.

    TensorRT calls the logger while it holds a lock. A collection within such a call that destroys
    the builder or network of an earlier build, which a traceback can keep alive, waits for that
    lock for ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _tensorrt() -> ModuleType | None:
    return _import("tensorrt")


def _tensorrt_rtx() -> ModuleType | None:
    for bindings in _RTX_BINDINGS:
        if importlib.util.find_spec(bindings) is not None:
            if bindings not in sys.modules:
                _load_rtx_libraries()
            return _import(bindings)
    return None


def _import(name: str) -> ModuleType | None:
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise InputError(
            f"the Python module {name} is installed but does not load "
            f"({' '.join(str(error).split())[:200]})",
            "install the TensorRT libraries of the same version as the Python module",
        ) from error


def _load_rtx_libraries() -> None:
    """Loads the libraries from the package of ONNX Runtime's execution provider.

    The linker finds a loaded library by its soname, so the links can be removed at once.
    """
    package = importlib.util.find_spec(_RTX_LIBRARIES)
    if package is None or not package.submodule_search_locations:
        return
    folder = Path(package.submodule_search_locations[0])
    with tempfile.TemporaryDirectory(prefix="spikerain-") as links:
        for name in _RTX_SONAMES:
            files = sorted(folder.glob(f"{name}.*"))
            if not files:
                return
            major = files[-1].name.removeprefix(f"{name}.").partition(".")[0]
            link = Path(links) / f"{name}.{major}"
            link.symlink_to(files[-1])
            try:
                ctypes.CDLL(str(link), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                raise ModelError(
                    f"{files[-1]} does not load ({error})",
                    "reinstall it: pip install --force-reinstall --no-deps "
                    "onnxruntime-ep-nv-tensorrt-rtx-cu12",
                ) from error


def _how_to_install(name: str | None) -> str:
    if name == TENSORRT_RTX:
        return (
            "install it: pip install tensorrt-rtx-cu12-bindings onnxruntime-ep-nv-tensorrt-rtx-cu12"
        )
    if _on_jetson():
        if sys.prefix != sys.base_prefix:
            return (
                "JetPack installs it for the system's Python: create the environment again with "
                "python3 -m venv --system-site-packages FOLDER"
            )
        return "install it from JetPack: sudo apt-get install python3-libnvinfer"
    return "install it: pip install tensorrt (on a Jetson it is part of JetPack)"


def _on_jetson() -> bool:
    return Path("/etc/nv_tegra_release").exists()
