"""What MkDocs calls while it builds the site."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from messages import find_messages
from outside import add_pages, turn_links
from troubleshooting import pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds pages of other folders, and those that are made from the sources."""
    add_pages(files, config)
    for path, markdown in pages(find_messages()).items():
        files.append(File.generated(config, path, content=markdown))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links to files of the repository."""
    return turn_links(markdown, page.file.src_uri, files, config)
