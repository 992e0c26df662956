from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch


# The tests' tensors are tiny: a second thread gains nothing, and waits for the first wherever
# the machine has other work.
@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three soft pictures of 72x56."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        coarse = rng.normal(110, 45, (5, 6, 3))
        image = cv2.resize(coarse, (72, 56), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def pairs(photographs: Path, tmp_path: Path) -> Path:
    """Rainy and clean pairs, the rain being a brighter picture."""
    folder = tmp_path / "pairs"
    shutil.copytree(photographs, folder / "target")
    (folder / "input").mkdir()
    for path in photographs.iterdir():
        image = cv2.imread(str(path))
        assert image is not None
        brighter = cv2.add(image, np.full((56, 72, 3), 40, np.uint8))
        cv2.imwrite(str(folder / "input" / path.name), brighter)
    return folder
