"""Names of recordings: time stamps in them, and never the name of a file that exists."""

from __future__ import annotations

import glob
import re
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

_DIRECTIVES = {
    "%Y": r"\d{4}",
    "%m": r"\d\d",
    "%d": r"\d\d",
    "%H": r"\d\d",
    "%M": r"\d\d",
    "%S": r"\d\d",
    "%y": r"\d\d",
    "%j": r"\d{3}",
    "%F": r"\d{4}-\d\d-\d\d",
}
_DIRECTIVE = re.compile("|".join(_DIRECTIVES))
# `%d` alone numbers images; beside one of these it is the day.
_DATES = re.compile("%[YmHMSyjF]")
_STAMP = "%Y%m%d-%H%M%S"


def is_dated(template: str) -> bool:
    """Whether a name has time stamps in it, as `strftime` knows them."""
    return _DATES.search(template) is not None


def stamped(template: Path) -> Path:
    """The name itself if it has time stamps, otherwise with one at its end."""
    if is_dated(str(template)):
        return template
    return template.with_name(f"{template.stem}_{_STAMP}{template.suffix}")


def dated(template: str, seconds: float | None = None) -> str:
    """A name with its time stamps filled in.

    Args:
        template: any of %Y %m %d %H %M %S %y %j %F; what else begins with % stays.
        seconds: since 1970; now if None. The stamps are in local time.
    """
    if not is_dated(template):
        return template
    moment = time.localtime(seconds)
    return _DIRECTIVE.sub(lambda directive: time.strftime(directive[0], moment), template)


def create(path: Path) -> Path:
    """Creates an empty file with a name that no file has, and the folders above it.

    Returns:
        The path, or one with a counter before the suffix: `gate_1.mp4`, `gate_2.mp4`.

    Raises:
        OSError: it cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in count():
        place = path if number == 0 else path.with_name(f"{path.stem}_{number}{path.suffix}")
        try:
            place.open("xb").close()
        except FileExistsError:
            continue
        return place
    raise AssertionError("unreachable")


def made_from(template: Path) -> list[Path]:
    """The files whose names `dated` and `create` can have made, the oldest recording first."""
    absolute = template.absolute()
    form = _form(absolute)
    if not is_dated(str(absolute)):
        found = absolute.parent.glob(f"*{absolute.suffix}")
    else:
        parts = [_DIRECTIVE.sub("*", glob.escape(part)) for part in absolute.parts[1:-1]]
        found = Path(absolute.anchor).glob("/".join([*parts, f"*{absolute.suffix}"]))
    ended = []
    for path in found:
        # Another process may delete it meanwhile.
        with suppress(FileNotFoundError):
            if form.fullmatch(str(path)) and path.is_file() and not path.is_symlink():
                ended.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(ended)]


def could_be_made(template: Path, file: Path) -> bool:
    """Whether a file has a name that `dated` and `create` can have made."""
    return _form(template.absolute()).fullmatch(str(file.absolute())) is not None


def _form(template: Path) -> re.Pattern[str]:
    directives = is_dated(str(template))

    def pattern(text: str) -> str:
        if not directives:
            return re.escape(text)
        pieces, end = [], 0
        for found in _DIRECTIVE.finditer(text):
            pieces += [re.escape(text[end : found.start()]), _DIRECTIVES[found[0]]]
            end = found.end()
        return "".join([*pieces, re.escape(text[end:])])

    stem, suffix = str(template.with_suffix("")), template.suffix
    return re.compile(rf"{pattern(stem)}(_\d+)?{re.escape(suffix)}")
