"""Reads names and signatures from NVIDIA's real bindings, in a separate process.

The Python bindings of TensorRT 10.3 (part of JetPack 6) are a small package, but PyPI does not have
its libraries. The bindings use nine functions of the libraries and call none of them on import, so
they load with stub libraries that contain these nine functions.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

Documented = Mapping[str, Mapping[str, str]]

_ENTRY_POINTS = (
    *("createInferBuilder", "createInferRefitter", "createInferRuntime"),
    *("createNvOnnxParser", "createNvOnnxParserRefitter"),
)
_PLAIN = ("getBuilderPluginRegistry", "getNvOnnxParserVersion", "getPluginRegistry")
_DUMP = """
import ctypes, importlib.util, json, sys
for library in sys.argv[2:]:
    ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
spec = importlib.util.spec_from_file_location("tensorrt", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps({
    name: {member: getattr(kind, member).__doc__ or "" for member in dir(kind)}
    for name, kind in vars(module).items() if isinstance(kind, type)
}))
"""


def jetpack_bindings(folder: Path) -> Documented:
    """Returns the classes of TensorRT 10.3 with the docstrings of their members, or skips.

    Args:
        folder: folder for the stub libraries.
    """
    package, compiler = importlib.util.find_spec("tensorrt_bindings"), shutil.which("cc")
    if package is None or package.origin is None:
        pytest.skip("tensorrt-cu12-bindings is not installed: names of TensorRT 10 are not checked")
    if compiler is None:
        pytest.skip("there is no C compiler for the stub libraries of TensorRT")
    names = [*(f"{name}_INTERNAL" for name in _ENTRY_POINTS), *_PLAIN, "initLibNvInferPlugins"]
    source = folder / "nothing.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in names))
    libraries = []
    for name in ("libnvinfer.so.10", "libnvonnxparser.so.10", "libnvinfer_plugin.so.10"):
        libraries.append(str(folder / name))
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", libraries[-1], f"-Wl,-soname,{name}", source],
            check=True,
        )
    bindings = Path(package.origin).with_name("tensorrt.so")
    dumped = subprocess.run(
        [sys.executable, "-c", _DUMP, bindings, *libraries],
        check=True,
        capture_output=True,
        text=True,
    )
    documented: Documented = json.loads(dumped.stdout)
    return documented


def parameters(documentation: str, name: str) -> list[list[str]]:
    """Returns the parameters of every overload that pybind11 documents, without `self`."""
    found = []
    for signature in re.findall(rf"^(?:\d+\. )?{name}\((.*)\) ->", documentation, re.M):
        # Types may contain commas in brackets.
        flat = re.sub(r"\[[^\[\]]*\]", "", re.sub(r"<[^<>]*>", "", signature))
        each = [part.strip() for part in flat.split(",")]
        if not any(part.startswith("*args") for part in each):
            found.append([part for part in each if part not in ("", "/") and part[:4] != "self"])
    return found


def takes(documentation: str, name: str, count: int) -> bool:
    """Whether an overload accepts `count` arguments."""
    return any(
        sum("=" not in part for part in overload) <= count <= len(overload)
        for overload in parameters(documentation, name)
    )
