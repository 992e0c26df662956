"""Image files as a source of frames."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.images.reading import read_image
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame

# Number of files that a message names.
_NAMED = 3


class ImageSource:
    """Reads image files as frames; see `read_image`.

    A file that cannot be decoded is skipped, and its number stays unused.

    Args:
        paths: the files, in order. A frame has the name of its file, without the suffix if that
            is unambiguous.

    Raises:
        InputError: after the last frame, if files could not be decoded.
    """

    live = False
    rate = DEFAULT_RATE

    def __init__(self, paths: Sequence[Path]) -> None:
        self.missing = 0
        self.paths: Sequence[Path] = list(paths)
        self.length: int | None = len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        unreadable: list[tuple[Path, InputError]] = []
        for index, (path, name) in enumerate(zip(self.paths, _names(self.paths), strict=True)):
            captured = time.perf_counter()
            try:
                image = read_image(path)
            except InputError as error:
                unreadable.append((path, error))
                self.missing += 1
                continue
            yield Frame(image, index, captured, name)
        if unreadable:
            raise _unreadable(unreadable, len(self.paths))

    def close(self) -> None:
        """Nothing to release."""


def _names(paths: Sequence[Path]) -> list[str]:
    """Names files without suffix, or with suffix and folder if names would clash otherwise."""
    stems = Counter(path.stem for path in paths)
    names = Counter(path.name for path in paths)
    chosen: dict[str, None] = {}
    for path in paths:
        name = path.stem
        if stems[name] > 1:
            name = path.name if names[path.name] == 1 else f"{path.parent.name}_{path.name}"
        while name in chosen:
            name += "_"
        chosen[name] = None
    return list(chosen)


def _unreadable(failures: Sequence[tuple[Path, InputError]], read: int) -> InputError:
    (_, error), *others = failures
    if not others:
        return error
    named = ", ".join(str(path) for path, _ in failures[:_NAMED])
    more = f" and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    return InputError(
        f"{len(failures)} of {read} images cannot be decoded: {named}{more}",
        "remove or replace the files",
    )
