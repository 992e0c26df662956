"""Finds the messages of the error family in the sources, without importing them.

Each `InputError(cause, remedy)` and the like is read with `ast`: texts stay, and what a message
gets while the program runs becomes a word in brackets and capitals, such as ⟨PATH⟩.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wording import Scope, alternatives

ROOT = Path(__file__).parents[1]
PACKAGES = ("spikerain_edge", "training/spikerain_training", "export/spikerain_export")
_BASE = "SpikeRainError"


@dataclass
class Message:
    """A message that users may see.

    Attributes:
        cause: what went wrong, with ⟨WORDS⟩ for what changes.
        remedy: what to do, likewise; empty if the sources do not say it in one place.
        error: class of the error.
        exit_code: with which the command ends.
        sources: files that raise it, relative to the repository.
    """

    cause: str
    remedy: str
    error: str
    exit_code: int
    sources: list[str] = field(default_factory=list)


def find_messages(root: Path = ROOT) -> list[Message]:
    """Returns every message of the error family, sorted by cause.

    Args:
        root: folder that holds the packages.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _sources(root)}
    codes = _exit_codes(trees.values())
    found: dict[tuple[str, str, str], Message] = {}
    for path, tree in trees.items():
        for error, cause, remedy in _raised(tree, codes):
            message = found.setdefault(
                (error, cause, remedy), Message(cause, remedy, error, codes[error])
            )
            source = path.relative_to(root).as_posix()
            if source not in message.sources:
                message.sources.append(source)
    return sorted(found.values(), key=lambda message: (message.cause.lower(), message.remedy))


def _sources(root: Path) -> list[Path]:
    return sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))


def _exit_codes(trees: Iterable[ast.Module]) -> dict[str, int]:
    """Exit code of each class of the family, inherited where a class does not set its own."""
    classes = {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)
    }
    codes = {_BASE: _own_code(classes[_BASE]) or 0}
    while True:
        more = {
            name: _own_code(node) or codes[base.id]
            for name, node in classes.items()
            for base in node.bases
            if isinstance(base, ast.Name) and base.id in codes and name not in codes
        }
        if not more:
            return codes
        codes |= more


def _own_code(node: ast.ClassDef) -> int | None:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name("exit_code")], value=ast.Constant(int(code))):
                return code
    return None


def _raised(tree: ast.Module, codes: dict[str, int]) -> Iterator[tuple[str, str, str]]:
    """Class, cause and remedy of each error that a module makes."""
    for scope, call in _calls(tree):
        match call.func:
            case ast.Name(name) if name in codes and call.args:
                named = {keyword.arg: keyword.value for keyword in call.keywords}
                remedy = call.args[1] if len(call.args) > 1 else named.get("remedy")
                remedies = alternatives(remedy, scope) if remedy is not None else [""]
                for cause in filter(_says_something, alternatives(call.args[0], scope)):
                    for each in remedies:
                        yield name, cause, each if _says_something(each) else ""


def _says_something(text: str) -> bool:
    """Tells whether a text has words of its own."""
    return re.search("[a-z]", re.sub("⟨.*?⟩", "", text)) is not None


def _calls(tree: ast.Module) -> Iterator[tuple[Scope, ast.Call]]:
    """Each call of a module, with the innermost function that holds it."""

    def walk(node: ast.AST, scope: Scope) -> Iterator[tuple[Scope, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = Scope(tree, child)
            if isinstance(child, ast.Call):
                yield inner, child
            yield from walk(child, inner)

    yield from walk(tree, Scope(tree, None))
