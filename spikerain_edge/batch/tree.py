"""Finds the images and videos of a tree, and names the output of each."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from spikerain_edge.errors import InputError
from spikerain_edge.files import resolved
from spikerain_edge.stream.formats import VIDEO_SUFFIXES
from spikerain_edge.stream.local import is_candidate, natural_order
from spikerain_edge.stream.stills import frame_names

# Suffixes of videos that are read but not written; their outputs are Matroska, which holds nearly
# every codec of sound.
_OTHER_VIDEOS = {
    *(".3gp", ".asf", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".webm", ".wmv")
}


@dataclass(frozen=True)
class Still:
    """An image file and the names of its outputs.

    Attributes:
        key: path within the tree, which names the input in the manifest.
        path: absolute path of the file.
        folder: where the outputs go.
        name: name of the output without suffix; its pages are numbered.
        taken: names in the same folder that pages must not have.
    """

    key: str
    path: Path
    folder: Path
    name: str
    taken: tuple[str, ...]


@dataclass(frozen=True)
class Video:
    """A video file and its output.

    Attributes:
        key: path within the tree, which names the input in the manifest.
        path: absolute path of the file.
        output: absolute path of the output.
    """

    key: str
    path: Path
    output: Path


Input = Still | Video


@dataclass(frozen=True)
class Tree:
    """The inputs of a tree.

    Attributes:
        stills: its images, folder by folder in natural order.
        videos: its videos.
        passed_over: files that are neither, and linked folders.
    """

    stills: Sequence[Still]
    videos: Sequence[Video]
    passed_over: Sequence[Path]

    @property
    def inputs(self) -> Sequence[Input]:
        """Videos and images."""
        return [*self.videos, *self.stills]


def find_inputs(tree: Path, output: Path) -> Tree:
    """Finds all images and videos below a folder; hidden files and folders are left out.

    Args:
        tree: a folder, or a single file.
        output: the folder that mirrors the tree.

    Raises:
        InputError: there is nothing to derain, or one of the two folders contains the other.
    """
    tree, output = resolved(tree), resolved(output)
    if not tree.exists():
        raise InputError(f"{tree} does not exist", f"check the path: ls {quote(str(tree.parent))}")
    root = tree if tree.is_dir() else tree.parent
    if tree.is_dir() and (output.is_relative_to(tree) or tree.is_relative_to(output)):
        raise InputError(
            f"the folders {tree} and {output} contain each other",
            "name an output folder beside the tree",
        )
    if output == root:
        raise InputError(
            f"{output} holds the input, and the output could overwrite it", "name another folder"
        )
    stills, videos, passed_over = list[Still](), list[Video](), list[Path]()
    for folder, files, linked in _folders(tree):
        images = [path for path in files if not _is_video(path) and is_candidate(path)]
        clips = [path for path in files if _is_video(path)]
        stills += _stills(images, root, output / folder.relative_to(root))
        videos += _videos(clips, root, output / folder.relative_to(root))
        others = {*files, *linked} - {*images, *clips}
        passed_over += sorted(others, key=natural_order)
    if not stills and not videos:
        raise InputError(f"{tree} holds no images and no videos", "name another folder")
    return Tree(stills, videos, passed_over)


def _folders(tree: Path) -> Iterator[tuple[Path, list[Path], list[Path]]]:
    """Each folder with its files in natural order and its linked folders, without hidden ones."""
    if not tree.is_dir():
        yield tree.parent, [tree], []
        return

    def refuse(error: OSError) -> None:
        raise InputError(
            f"cannot read {error.filename}: {error.strerror}", "check its permissions"
        ) from error

    for name, folders, files in os.walk(tree, onerror=refuse):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        folder = Path(name)
        paths = [folder / file for file in files if not file.startswith(".")]
        linked = [folder / each for each in folders if (folder / each).is_symlink()]
        yield folder, sorted(paths, key=natural_order), linked


def _is_video(path: Path) -> bool:
    suffix = path.suffix.lower()
    return (suffix in VIDEO_SUFFIXES or suffix in _OTHER_VIDEOS) and path.is_file()


def _stills(paths: Sequence[Path], root: Path, folder: Path) -> Iterator[Still]:
    names = frame_names(paths)
    ordered = sorted(names)
    for path, name in zip(paths, names, strict=True):
        first = bisect_left(ordered, f"{name}_")
        last = bisect_left(ordered, f"{name}`", first)
        yield Still(_key(path, root), path, folder, name, tuple(ordered[first:last]))


def _videos(paths: Sequence[Path], root: Path, folder: Path) -> Iterator[Video]:
    wanted = {path: f"{path.stem}{_suffix(path)}" for path in paths}
    shared = Counter(wanted.values())
    taken = {name for name, count in shared.items() if count == 1}
    for path, name in wanted.items():
        # Videos that differ in their suffixes only keep them in front of the new one.
        chosen = name if shared[name] == 1 else f"{path.name}{_suffix(path)}"
        while shared[name] > 1 and chosen in taken:
            chosen = f"{Path(chosen).stem}_{_suffix(path)}"
        taken.add(chosen)
        yield Video(_key(path, root), path, folder / chosen)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return path.suffix if suffix in VIDEO_SUFFIXES else ".mkv"


def _key(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
