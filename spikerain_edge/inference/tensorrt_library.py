"""Finds TensorRT: the one of JetPack or a desktop, or TensorRT for RTX.

Both offer the same Python interface. TensorRT for RTX also compiles engines ahead of time, for a
GPU that is not there. Neither is a dependency: NVIDIA ships TensorRT with JetPack and from its own
index, and only TensorRT for RTX has its libraries on the package registry.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from spikerain_edge.errors import InputError, ModelError

TENSORRT = "TensorRT"
TENSORRT_RTX = "TensorRT for RTX"
OLDEST = {TENSORRT: (10, 0), TENSORRT_RTX: (1, 0)}

_RTX_BINDINGS = ("tensorrt_rtx", "tensorrt_rtx_bindings")
# The registry has no package of TensorRT for RTX's libraries alone; ONNX Runtime's execution
# provider carries them under their full version, but the bindings ask for the short names.
_RTX_LIBRARIES = "onnxruntime_ep_nv_tensorrt_rtx"
_RTX_SONAMES = ("libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so")


@dataclass(frozen=True)
class Library:
    """TensorRT, found and new enough.

    Attributes:
        module: its Python module.
        name: `TENSORRT` or `TENSORRT_RTX`.
        version: as the module has it.
    """

    module: Any
    name: str
    version: str

    @property
    def ahead_of_time(self) -> bool:
        """Whether it builds for a GPU that is not there."""
        return self.name == TENSORRT_RTX

    @property
    def keeps_timings(self) -> bool:
        """Whether it times kernels while it builds, and can keep the times."""
        return self.name == TENSORRT


@dataclass
class Messages:
    """What TensorRT says, kept instead of printed; its functions return none and explain here.

    Attributes:
        errors: errors in the order in which they came.
    """

    errors: list[str] = field(default_factory=list)

    def reason(self) -> str:
        """The first error in one line: what follows it is mostly its consequence.

        All are forgotten then, or they would pass for the reason of a later failure.
        """
        found = " ".join(self.errors[0].split()) if self.errors else "it does not say why"
        self.errors.clear()
        # TensorRT ends with the line of its own source.
        return re.sub(r"\s*\(?\b[Ii]n \S+ at /?\S+:\d+\)?\s*$", "", found)[:300]

    def require(self, done: object, what: str, remedy: str = "") -> None:
        """Turns what a function of TensorRT returned into an error.

        Args:
            done: what it returned; false or none where it failed.
            what: what TensorRT did not do.
            remedy: what to do about it.

        Raises:
            ModelError: it failed.
        """
        if done is None or done is False:
            raise ModelError(f"TensorRT {what} ({self.reason()})", remedy)


def find_library(name: str | None = None) -> Library:
    """Imports TensorRT.

    Args:
        name: `TENSORRT` or `TENSORRT_RTX`; unless given the first that is there, in this order.

    Raises:
        InputError: there is none, or it cannot be loaded or is too old.
    """
    finders = {TENSORRT: _tensorrt, TENSORRT_RTX: _tensorrt_rtx}
    for flavour in [name] if name else [TENSORRT, TENSORRT_RTX]:
        module = finders[flavour]()
        if module is not None:
            return accept(module, flavour)
    wanted = name or f"{TENSORRT} (or {TENSORRT_RTX})"
    raise InputError(f"{wanted} is not installed for this Python", _how_to_install(name))


def accept(module: Any, name: str) -> Library:
    """A module as a library, if it is new enough.

    Raises:
        InputError: its networks have no strong types.
    """
    version = str(module.__version__)
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise InputError(
            f"{name} {version} is too old, engines need {oldest} or newer",
            "install a newer JetPack (6 has TensorRT 10.3) or TensorRT",
        )
    return Library(module, name, version)


def make_logger(library: Library) -> tuple[Any, Messages]:
    """A logger for TensorRT that keeps its errors, and where it keeps them.

    TensorRT holds no reference: the logger must live as long as what was made with it.
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
            "install its libraries too, of the same version",
        ) from error


def _load_rtx_libraries() -> None:
    """Loads the libraries where they came with ONNX Runtime's execution provider.

    A loaded library is known by its soname, so that the links are needed for an instant only.
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
                    f"{files[-1]} does not load ({error})", f"reinstall {_RTX_LIBRARIES}"
                ) from error


def _how_to_install(name: str | None) -> str:
    if name == TENSORRT_RTX:
        return (
            "install it: pip install tensorrt-rtx-cu12-bindings onnxruntime-ep-nv-tensorrt-rtx-cu12"
        )
    if _on_jetson():
        if sys.prefix != sys.base_prefix:
            return (
                "it comes with JetPack, for the system's Python: make the environment again with "
                "python3 -m venv --system-site-packages"
            )
        return "it comes with JetPack: sudo apt-get install python3-libnvinfer"
    return "install it: pip install tensorrt (on a Jetson it comes with JetPack)"


def _on_jetson() -> bool:
    return Path("/etc/nv_tegra_release").exists()
