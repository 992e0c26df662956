"""Reads recipes from TOML files, and changes single settings of a recipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from spikerain_edge.errors import InputError
from spikerain_training.recipe import Recipe, require_valid

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS = {
    bool: "true or false",
    dict: "a table",
    float: "a number",
    int: "a whole number",
    str: "text",
}


def read_recipe(path: Path) -> Recipe:
    """Reads a TOML recipe.

    Raises:
        InputError: the file cannot be read or is not TOML, or a setting is unknown or its value
            not valid.
    """
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the recipe {path} ({error.strerror})", "name a TOML file with --config"
        ) from error
    # RecursionError: tables or lists are nested too deeply.
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a TOML file ({error})",
            'write one line NAME = VALUE for each setting, with text in quotes: variant = "nano"',
        ) from error
    try:
        return adapted(Recipe(), settings)
    except InputError as error:
        raise InputError(f"{path}: {error.cause}", error.remedy) from error


def adapted(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Returns a recipe with some settings changed.

    Raises:
        InputError: a setting is unknown, or its value is not valid.
    """
    known = {setting.name: getattr(Recipe(), setting.name) for setting in fields(Recipe)}
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"unknown setting {name!r}", f"choose from {', '.join(known)}")
        changed[name] = _typed(name, value, type(known[name]))
    result = replace(recipe, **changed)
    require_valid(result)
    return result


def parse_override(text: str) -> tuple[str, Any]:
    """Parses `name=value` and returns both; the value is written as in TOML.

    The name may be an entry of a table, such as `network.width` or `weather.snow`. Text needs no
    quotes.

    Raises:
        InputError: the text has no `=`, or no name before it.
    """
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise InputError(f"--set {text} is not a setting", "write --set NAME=VALUE")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return name.strip(), value.strip()


def overridden(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """Returns a recipe with `name=value` overrides applied; the last one of a setting wins.

    Only the final recipe is checked, so settings that need each other may come in any order.

    Raises:
        InputError: an override is not `name=value`, a setting is unknown, or a value is not valid.
    """
    changed: dict[str, Any] = {}
    for text in overrides:
        name, value = parse_override(text)
        table, separator, key = name.partition(".")
        if separator:
            entries = changed.get(table, getattr(recipe, table, None))
            if not isinstance(entries, Mapping):
                raise InputError(
                    f"--set {text}: {table!r} has no entries of its own",
                    "only network and weather have: network.width=32, weather.snow=0.4",
                )
            value = {**entries, key: value}
        changed[table] = value
    return adapted(recipe, changed)


def _typed(name: str, value: Any, expected: type) -> Any:
    if expected is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if expected is dict and isinstance(value, Mapping):
        return dict(value)
    if type(value) is not expected:
        raise InputError(f"{name} is {value!r:.80}", f"set {name} to {_KINDS[expected]}")
    return value
