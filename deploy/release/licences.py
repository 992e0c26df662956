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
EXTRAS = ("serve", "mqtt", "heic", "openvino", "batch", "export", "train")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PREFIX = "License :: OSI Approved :: "
# Names of classifiers as SPDX identifiers.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
# Only older Pythons have it.
_ABSENT = {"tomli": "MIT"}
_TEXT = """# Licences

spikerain-edge is under the Apache License 2.0 ([LICENSE](../LICENSE)). It contains no code of the
packages below: pip installs them beside it. What they depend on is in the list of components (SBOM,
CycloneDX) of each release.

This page is written by `make licences`.

{tables}
## GPL

PyAV's wheel (`av`) brings FFmpeg's libraries. They are under the LGPL 3, but they come with
**x264** and **x265**, which are under the GPL 2 or later. Whoever passes on an image or a device
with that wheel passes on GPL software, and has to offer its source.

To avoid this, build PyAV against an FFmpeg that was configured without them
(`pip install --no-binary av av`). Recordings then need another encoder, such as NVENC or one of
GStreamer's (`gst://`).

OpenCV's wheel brings parts of FFmpeg under the LGPL 2.1. Debian's GStreamer and its plugins are not
part of any wheel; `gstreamer1.0-plugins-ugly` has x264 too.
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


def page() -> str:
    """Returns the whole page."""
    tables = []
    for extra, packages in requirements().items():
        title = f"With the extra `{extra}`" if extra else "Always"
        rows = [f"| {name} | {licence(name)} |" for name in sorted(packages)]
        tables.append("\n".join([f"## {title}\n", "| package | licence |", "|---|---|", *rows, ""]))
    return _TEXT.format(tables="\n".join(tables))


if __name__ == "__main__":
    print(page(), end="")
