from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikerain_edge.commands.export import sizes_for
from spikerain_edge.commands.scenes import scenes_at
from spikerain_edge.stream.sinks import write_image

Draw = Callable[..., npt.NDArray[np.uint8]]


def test_an_export_is_always_proven_at_two_sizes() -> None:
    for imgsz in (None, (256, 256), (240, 320), (64, 64)):
        sizes = sizes_for(imgsz)
        assert len(set(sizes)) == 2
        assert imgsz is None or imgsz in sizes


def test_the_demo_is_compared_on_moments_that_differ() -> None:
    (small,) = scenes_at(None, [(48, 64)])
    assert all(scene.clean is not None and scene.clean.shape == (48, 64, 3) for scene in small)
    nearest = min(np.abs(a.rainy.astype(int) - b.rainy).mean() for a, b in pairwise(small))
    assert nearest > 1


def test_users_images_are_joined_by_scenes_whose_truth_is_known(
    tmp_path: Path, picture: Draw
) -> None:
    write_image(tmp_path / "in.png", picture())
    (mine, *demo) = scenes_at(str(tmp_path), [(48, 64)])[0]
    np.testing.assert_array_equal(mine.rainy, picture())
    assert mine.clean is None
    assert demo
    assert all(scene.clean is not None for scene in demo)


def test_users_pairs_bring_their_truth(tmp_path: Path, picture: Draw) -> None:
    for number, folder in enumerate(("rain", "norain")):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / "1.png", picture(number))
    ((scene,),) = scenes_at(str(tmp_path), [(48, 64)])
    assert scene.clean is not None
    np.testing.assert_array_equal(scene.rainy, picture(0))
    np.testing.assert_array_equal(scene.clean, picture(1))
