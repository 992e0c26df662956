"""Prints docs/licences.md: the licences of what spikerain-edge depends on.

    make licences

Reads them from the metadata of the installed packages. Run it in the environment of `make test`,
with Python 3.11 or newer.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[2]
# Extras that people install to use the program; `docs` and `test` are for developers.
EXTRAS = ("serve", "mqtt", "heic", "openvino", "batch", "export", "nir", "neuromorphic", "train")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PREFIX = "License :: OSI Approved :: "
# Names of classifiers as SPDX identifiers.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-or-later",
    "MIT License": "MIT",
}
# The metadata name the licence of the code; the wheels bring libraries under the GPL.
_BRINGS_GPL = ("av", "pillow-heif")
# Only older Pythons have it.
_ABSENT = {"tomli": "MIT"}
_TEXT = """# Licences

spikerain-edge is under the Apache License 2.0 ([LICENSE](../LICENSE)). It contains no code of the
packages below: pip installs them beside it. The list of components of each release (SBOM,
CycloneDX) names what they depend on.

`make licences` writes this page from the metadata of the installed packages.

{tables}
## GPL

Three wheels are under the GPL or bring libraries under it. If you pass on an image or a device with
one of these wheels, you pass on GPL software, and must offer its source.

**PyAV** (`av`) brings FFmpeg's libraries. They are under the LGPL 3, but they come with **x264**
and **x265**, which are under the GPL 2 or later. To avoid this, build PyAV against an FFmpeg that
was configured without them (`pip install --no-binary av av`). Recordings then need another encoder,
such as NVENC or one of GStreamer's (`gst://`).

**pillow-heif** (extra `heic`) brings libheif and libde265 under the LGPL 3, and **x265** under the
GPL 2. Its authors name GPL 2 for the wheel as a whole. To avoid this, leave out the extra `heic`:
HEIC images are then refused, and nothing else changes.

**NEST** (`nest-simulator`, extra `neuromorphic`) is under the GPL 2 or later, and **PyNN** under
the CeCILL 2.1, which is compatible with it. They run as programs of their own. To avoid them, leave
out the extra.

OpenCV's wheel brings parts of FFmpeg under the LGPL 2.1. Debian's GStreamer and its plugins are not
part of any wheel; `gstreamer1.0-plugins-ugly` has x264 too.

## NVIDIA

No extra but `test` installs these two; `deploy/install.sh` and the images for Jetson and GPUs do
where they are missing. They are needed to build and run TensorRT engines.

**TensorRT** is proprietary. It comes with JetPack, or from NVIDIA's index, under NVIDIA's software
licence agreement and its supplement for TensorRT (`LICENSE.txt` in its wheel). You may use it on
your machines. The supplement allows you to pass on `libnvinfer` and `libnvinfer_plugin` under
conditions, and says what is allowed on Jetson: read it before you pass on an image.

**cuda-python** and its `cuda-bindings` are under the Apache License 2.0 in versions 12.9.10 and
13.4.4. Others, such as `cuda-bindings` 13.0.3, are under NVIDIA's software licence:
`pip show cuda-bindings` shows the version and licence that is installed.
"""


def requirements() -> dict[str, list[str]]:
    """Returns the packages that pyproject.toml names, by extra; the empty name is for no extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [_NAME.match(each)[0] for each in named[extra]] for extra in ("", *EXTRAS)}


def licence(package: str) -> str:
    """Returns the licence of an installed package, as an SPDX expression where that is known."""
    if package in _ABSENT:
        return _ABSENT[package]
    metadata = importlib.metadata.metadata(package)
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    classifiers = metadata.get_all("Classifier") or []
    named = [each.removeprefix(_PREFIX) for each in classifiers if each.startswith(_PREFIX)]
    text = named[0] if named else (metadata.get("License") or "unknown").splitlines()[0]
    return _SPDX.get(text, text)


def remark(package: str) -> str:
    """Returns what the metadata of a package leaves out; empty for most packages."""
    return "; its wheel brings [GPL libraries](#gpl)" if package in _BRINGS_GPL else ""


def page() -> str:
    """Returns the whole page."""
    tables = []
    for extra, packages in requirements().items():
        title = f"With the extra `{extra}`" if extra else "Always"
        rows = [f"| {name} | {licence(name)}{remark(name)} |" for name in sorted(packages)]
        tables.append("\n".join([f"## {title}\n", "| package | licence |", "|---|---|", *rows, ""]))
    return _TEXT.format(tables="\n".join(tables))


if __name__ == "__main__":
    print(page(), end="")
