"""Brings pages from other folders of the repository into the site, and turns links to them.

In the repository a link names a file beside its page, so GitHub can follow it. In the site the same
file may be a page at another place, or a file to download.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "deploy/README.md": "deploy/index.md",
    "deploy/fleet/README.md": "deploy/fleet.md",
    "spikerain_edge/models/nano.md": "models/nano.md",
    "spikerain_edge/models/nano-t1.md": "models/nano-t1.md",
    "spikerain_edge/models/nano-video.md": "models/nano-video.md",
    "spikerain_edge/models/tiny.md": "models/tiny.md",
    "docs_site/python.md": "reference/python.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "README.md": "project/readme.md",
}
"""Pages from outside `docs/`, and where they are in the site."""
_LINKED = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def add_pages(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages from outside to the site."""
    for source, target in PAGES.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))


def turn_links(markdown: str, page: str, files: Files, config: MkDocsConfig) -> str:
    """Returns a page with its links turned to where things are in the site.

    Args:
        markdown: the page.
        page: its path in the site.
        files: files of the site; linked files of the repository are added.
        config: of the site.
    """
    homes = {target: source for source, target in PAGES.items()}
    home = homes.get(page, f"docs/{page}")

    def turned(match: re.Match[str]) -> str:
        picture, text, link, part = match.groups()
        source = posixpath.normpath(posixpath.join(posixpath.dirname(home), link))
        path = ROOT / source
        if not path.exists():
            # A link of the site itself, or a broken one, which the strict build reports.
            return match[0]
        if path.is_dir():
            return text
        folder = posixpath.dirname(page) or "."
        target = posixpath.relpath(_target(source, files, config), folder)
        return f"{picture}[{text}]({target}{part or ''})"

    fenced = re.split(r"(^ *```.*?^ *```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        part if index % 2 else _LINKED.sub(turned, part) for index, part in enumerate(fenced)
    )


def _target(source: str, files: Files, config: MkDocsConfig) -> str:
    """Where a file of the repository is in the site."""
    if source in PAGES:
        return PAGES[source]
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    target = f"files/{source}"
    if files.get_file_from_path(target) is None:
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return target
