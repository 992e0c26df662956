"""Turns the expression of a message into its text, with ⟨WORDS⟩ for what changes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import product

# Calls whose argument is what a reader would name.
_WRAPPERS = {"str", "repr", "quote", "sorted", "list", "tuple", "int", "float", "len", "shown"}
# An expression that has more wordings than these is taken as something that changes.
_MOST = 6
_DEPTH = 6


@dataclass(frozen=True)
class Scope:
    """Where an expression stands.

    Attributes:
        module: the module.
        function: the function around it; None at module level.
    """

    module: ast.Module
    function: ast.FunctionDef | ast.AsyncFunctionDef | None


def alternatives(node: ast.expr, scope: Scope, depth: int = 0) -> list[str]:
    """Returns the texts that an expression may give.

    Args:
        node: the expression.
        scope: where it stands.
        depth: how many names have been followed to come here.
    """
    match node:
        case ast.Constant(str(text)):
            found = [text]
        case ast.JoinedStr(parts):
            found = _joined([_part(part, scope, depth) for part in parts])
        case ast.BinOp(left, ast.Add(), right):
            sides = [alternatives(side, scope, depth) for side in (left, right)]
            found = _joined(sides)
        case ast.IfExp(_, body, other):
            found = alternatives(body, scope, depth) + alternatives(other, scope, depth)
        case ast.BoolOp(ast.Or(), [*values]):
            found = [text for value in values for text in alternatives(value, scope, depth)]
        case ast.Name(name) if depth < _DEPTH:
            found = _named(name, scope, depth) or [_word(node)]
        case ast.Call(ast.Name(name)) if depth < _DEPTH and name not in _WRAPPERS:
            found = _returned(name, scope, depth) or [_word(node)]
        case _:
            found = [_word(node)]
    unique = list(dict.fromkeys(found))
    return unique if len(unique) <= _MOST else [_word(node)]


def _joined(parts: list[list[str]]) -> list[str]:
    return ["".join(texts) for texts in product(*parts)]


def _part(node: ast.expr, scope: Scope, depth: int) -> list[str]:
    """The wordings of a part of an f-string."""
    if not isinstance(node, ast.FormattedValue):
        return alternatives(node, scope, depth)
    texts = alternatives(node.value, scope, depth)
    return [f"'{text}'" for text in texts] if node.conversion == ord("r") else texts


def _named(name: str, scope: Scope, depth: int) -> list[str]:
    """What is assigned to a name in the function, or else in the module."""
    for body in (scope.function, scope.module):
        if body is None:
            continue
        nodes = ast.walk(body) if body is scope.function else body.body
        values = [value for node in nodes if (value := _assigned(node, name)) is not None]
        if values:
            return [
                text
                for value in values
                if _is_text(value, scope)
                for text in alternatives(value, scope, depth + 1)
            ]
        if isinstance(body, ast.FunctionDef) and name in _arguments(body):
            return []
    return []


def _arguments(function: ast.FunctionDef) -> set[str]:
    return {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}


def _assigned(node: ast.AST, name: str) -> ast.expr | None:
    match node:
        case ast.Assign(targets=[ast.Name(target)], value=value) if target == name:
            return value
        case ast.AnnAssign(target=ast.Name(target), value=value) if target == name:
            return value
    return None


def _returned(name: str, scope: Scope, depth: int) -> list[str]:
    """What a function of the same module returns, if that is text."""
    for node in scope.module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            inner = Scope(scope.module, node)
            values = [
                each.value
                for each in ast.walk(node)
                if isinstance(each, ast.Return) and each.value is not None
            ]
            if values and all(_is_text(value, inner) for value in values):
                return [text for value in values for text in alternatives(value, inner, depth + 1)]
    return []


def _is_text(node: ast.expr, scope: Scope) -> bool:
    """Tells whether an expression is written out as text."""
    match node:
        case ast.Constant(str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left, ast.Add(), right):
            return _is_text(left, scope) or _is_text(right, scope)
        case ast.IfExp(_, body, other):
            return _is_text(body, scope) and _is_text(other, scope)
    return False


def _word(node: ast.expr) -> str:
    """A word in brackets and capitals for a value that the sources do not hold."""
    match node:
        case ast.Call(ast.Attribute(_, "join"), [joined, *_]):
            return f"{_word(joined)}, …"
        case ast.Call(ast.Name(name), [first, *_]) if name in _WRAPPERS:
            return _word(first)
        case ast.Subscript(inner) | ast.GeneratorExp(inner) | ast.ListComp(inner):
            return _word(inner)
    plain = re.sub(r"_text$", "", _identifier(node)).strip("_") or "value"
    return f"⟨{plain.replace('_', ' ').upper()}⟩"


def _identifier(node: ast.expr) -> str:
    """The name in the sources that says most about a value."""
    match node:
        case ast.Attribute(ast.Name(owner), "name") if owner not in ("self", "cls"):
            return owner
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name)):
            return name
        case ast.BinOp():
            return "number"
    return "value"
