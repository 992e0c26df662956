"""Image files as a source of frames."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from spikerain_edge.errors import InputError
from spikerain_edge.images.reading import read_pages
from spikerain_edge.stream.frame import DEFAULT_RATE, Frame

# Number of files that a message names.
_NAMED = 3
_LONGEST_NAME = 255 - len("_000000.webp")


class ImageSource:
    """Reads image files as frames; see `read_pages`.

    A file that cannot be decoded is skipped, and its number stays unused. Each page of a document
    and each frame of an animation is a frame: `name_0001`, `name_0002` and so on. Frames of an
    animation are shown as long as it says, all others for one tick of the rate.

    Args:
        paths: the files, in order. A frame has the name of its file, without the suffix if that
            is unambiguous.
        names: names of the frames, one for each path; those of `frame_names` if None.
        taken: further names that pages must not have.

    Raises:
        InputError: after the last frame, if files could not be decoded.
    """

    live = False
    rate = DEFAULT_RATE

    def __init__(
        self,
        paths: Sequence[Path],
        names: Sequence[str] | None = None,
        taken: Collection[str] = (),
    ) -> None:
        self._names = frame_names(paths) if names is None else names
        self._taken = {*taken, *self._names}
        self.missing = 0
        self.paths: Sequence[Path] = list(paths)
        self.length: int | None = len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        unreadable: list[tuple[Path, InputError]] = []
        index, taken, shown = 0, set(self._taken), 0.0
        for path, name in zip(self.paths, self._names, strict=True):
            captured = time.perf_counter()
            try:
                pages = read_pages(path)
            except InputError as error:
                unreadable.append((path, error))
                self.missing += 1
                index, shown = index + 1, shown + 1 / self.rate
                continue
            for page, called in zip(pages, _page_names(name, len(pages), taken), strict=True):
                yield Frame(
                    page.image,
                    index,
                    captured,
                    called,
                    time=shown,
                    duration=page.duration,
                    alpha=page.alpha,
                    profile=page.profile,
                    label=str(path),
                )
                index, captured = index + 1, time.perf_counter()
                shown += page.duration or 1 / self.rate
        if unreadable:
            raise _unreadable(unreadable, len(self.paths))

    def close(self) -> None:
        """Nothing to release."""


def frame_names(paths: Sequence[Path]) -> list[str]:
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


def _page_names(name: str, pages: int, taken: set[str]) -> list[str]:
    """Names of the pages of a file, none of which is taken; takes them."""
    if pages == 1:
        return [name]
    # The longest name of a file, less the number and the suffix of an output.
    short = os.fsdecode(os.fsencode(name)[:_LONGEST_NAME])
    numbered = [f"{short}_{number:04d}" for number in range(1, pages + 1)]
    while taken.intersection(numbered):
        numbered = [f"{page}_" for page in numbered]
    taken.update(numbered)
    return numbered


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
