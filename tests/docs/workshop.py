"""Makes the stand-ins and runs the commands of a block, one after another, in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from documents import ROOT, Block
from standins import (
    CLIPS,
    FIVE_STEPS,
    PAIRS,
    PHOTOGRAPHS,
    PICTURES,
    RUNS,
    named_inputs,
    rule_for,
    stood_in,
)

SECONDS = 300


@dataclass
class Workshop:
    """A folder of stand-ins that are made when they are first asked for, once for all blocks."""

    folder: Path
    rtsp: Callable[[], str]
    sessions: dict[str, Session] = field(default_factory=dict)

    def session(self, block: Block) -> Session:
        """The session of a block; the same one for all its commands."""
        if block.name not in self.sessions:
            folder = self.folder / block.name.replace("/", "-").replace(":", "-")
            folder.mkdir()
            self.sessions[block.name] = Session(block, folder, self)
        return self.sessions[block.name]

    def bring(self, name: str, into: Path) -> None:
        """Puts a stand-in into a folder that has nothing of its name yet."""
        target = into / name.rstrip("/")
        if target.exists():
            return
        if name == "training/":
            target.symlink_to(ROOT / "training")
        elif name in PHOTOGRAPHS:
            write_photographs(target, seed=100 * PHOTOGRAPHS.index(name))
        elif name in CLIPS:
            write_clip(target)
        elif name in PICTURES:
            cv2.imwrite(str(target), photograph(0))
        elif name in PAIRS:
            target.mkdir()
            write_photographs(target / "rainy", seed=0)
            write_photographs(target / "clean", seed=0)
        elif name in RUNS:
            shutil.copytree(self.trained(), target)

    def trained(self) -> Path:
        """A network trained for five steps."""
        if not (self.folder / "run").exists():
            self.bring("photos/", self.folder)
            fit = f"spikerain-train fit --data photos --validation photos --output run {FIVE_STEPS}"
            done = execute(["sh", "-c", fit], self.folder)
            assert done.returncode == 0, done.stderr
        return self.folder / "run"


@dataclass
class Session:
    """One block's folder and what its commands have done so far."""

    block: Block
    folder: Path
    workshop: Workshop
    done: list[subprocess.CompletedProcess[str] | None] = field(default_factory=list)

    def result(self, index: int) -> subprocess.CompletedProcess[str]:
        """What a command did; the commands before it are run first, if they were not yet.

        Those that are not to be run at all leave nothing behind.
        """
        for command in self.block.commands[len(self.done) : index + 1]:
            rule = rule_for(command)
            run = rule is not None and not rule.not_run
            self.done.append(self.run(command) if run else None)
        result = self.done[index]
        assert result is not None
        return result

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Runs one command with its stand-ins in the shell."""
        rule = rule_for(command)
        assert rule is not None
        for name in named_inputs(f"{command} {rule.appended}"):
            self.workshop.bring(name, self.folder)
        rtsp = self.workshop.rtsp() if "camera/stream" in command else ""
        host = rtsp.removeprefix("rtsp://")
        line = stood_in(command, rule, rtsp=rtsp, host=host, root=str(ROOT))
        return execute(["sh", "-c", line], self.folder)


def execute(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder, with the programs of this Python's environment first.

    A command that takes too long is killed, and so are the programs that it started: they keep its
    pipes open, and the test would wait for them.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "XDG_CACHE_HOME": str(folder / ".cache")}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, error = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, error = process.communicate(timeout=SECONDS)
            pytest.fail(f"{command} has not ended after {SECONDS} seconds: {out}{error}")
    return subprocess.CompletedProcess(command, process.returncode, out, error)


def photograph(seed: int) -> npt.NDArray[np.uint8]:
    """A picture of 96x128 with soft shading, edges and colours."""
    draws = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(draws.random((96, 128, 3), np.float32), (0, 0), 3)
    image = np.asarray(cv2.normalize(noise, np.empty(0), 0, 255, cv2.NORM_MINMAX), np.uint8)
    for _ in range(12):
        left, top = int(draws.integers(0, 128)), int(draws.integers(0, 96))
        colour = tuple(int(level) for level in draws.integers(0, 256, 3))
        cv2.rectangle(image, (left, top), (left + 20, top + 14), colour, -1)
    return image


def write_photographs(folder: Path, seed: int) -> None:
    """Writes a dozen pictures."""
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number:02}.png"), photograph(seed + number))


def write_clip(path: Path) -> None:
    """Writes a video of ten frames."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (128, 96))
    for number in range(10):
        writer.write(photograph(number))
    writer.release()
