"""Blocks of code, commands and inline commands in the repository's Markdown files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PROGRAMS = ("spikerain-edge ", "spikerain-train ")


@dataclass(frozen=True)
class Block:
    """A fenced block of code: where it stands, its language and its text."""

    document: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Commands of a shell block, one per item, without comments and line continuations."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#.*", "", line) for line in joined.splitlines())
        return [" ".join(line.split()) for line in lines if line.strip()]


def documents() -> list[Path]:
    """README, every page of docs/ and of deploy/, and every other Markdown file at the root."""
    folders = (ROOT, ROOT / "docs", ROOT / "deploy", ROOT / "deploy" / "fleet")
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def blocks() -> list[Block]:
    """Every block of code of every document."""
    return [block for path in documents() for block in blocks_of(path)]


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of code of one document, indented ones too (their language is empty)."""
    name = str(path.relative_to(ROOT))
    for token in parse(path):
        if token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            yield Block(name, line, token.info.strip(), token.content)


def inline_commands() -> list[tuple[str, str]]:
    """Document and text of each of our commands that stands inside a paragraph."""
    return [
        (str(path.relative_to(ROOT)), " ".join(part.content.split()))
        for path in documents()
        for token in parse(path)
        for part in token.children or ()
        if part.type == "code_inline" and part.content.startswith(PROGRAMS)
    ]


def parse(path: Path) -> list[Token]:
    """Tokens of a document, tables included, as GitHub reads it."""
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
