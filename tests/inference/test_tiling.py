from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import SMALL, randomised

from spikerain_edge.engine_header import Profile
from spikerain_edge.errors import InputError, TooLargeError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.engine import Images
from spikerain_edge.inference.tile_size import Tiler
from spikerain_edge.inference.tiling import Axis, Grid
from spikerain_edge.sizes import AUTO
from spikerain_edge.spec import ModelSpec
from spikerain_export.candidate import make
from spikerain_export.conversion import Request
from spikerain_export.origin import origin_of

Draw = Callable[..., Image]
quick = settings(max_examples=40, deadline=None)


@quick
@given(
    length=st.integers(16, 3000),
    tile=st.integers(8, 80),
    overlap=st.integers(0, 60),
    stride=st.sampled_from([4, 8, 16]),
)
def test_tiles_cover_a_side_at_the_stride_with_the_overlap_that_was_asked(
    length: int, tile: int, overlap: int, stride: int
) -> None:
    side, shared = tile * stride, min(overlap, tile - 1) * stride
    axis = Axis.covering(length, side, shared, stride)

    assert axis.starts[0] == 0
    assert all(start % stride == 0 for start in axis.starts)
    assert all(0 < after - before <= side - shared for before, after in pairwise(axis.starts))
    padded = -(-length // stride) * stride
    assert axis.starts[-1] + side == max(padded, side)
    # One tile less would be too few.
    assert len(axis.starts) == 1 or (len(axis.starts) - 1) * (side - shared) + shared < padded


@quick
@given(length=st.integers(16, 900), tile=st.integers(8, 40), overlap=st.integers(0, 30))
def test_the_weights_of_a_pixel_add_up_to_one_and_fall_to_zero_at_inner_edges(
    length: int, tile: int, overlap: int
) -> None:
    axis = Axis.covering(length, 8 * tile, 8 * min(overlap, tile - 1), 8)
    total = np.zeros(axis.starts[-1] + axis.tile)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        total[start : start + axis.tile] += weights

    np.testing.assert_allclose(total, 1, atol=1e-6)
    if len(axis.starts) > 1 and overlap >= 8:
        assert axis.weights[0][-1] < 0.01
        assert axis.weights[-1][0] < 0.01


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 64), (200, 130), (50, 300), (16, 70)])
@pytest.mark.parametrize("overlap", [0, 8, 32, 56])
def test_tiles_that_do_not_change_put_the_picture_together_again(
    picture: Draw, height: int, width: int, overlap: int
) -> None:
    image = picture(3, height, width)
    grid = Grid.covering((height, width), (64, 64), overlap, 8)
    sizes: set[tuple[int, ...]] = set()

    def infer(tile: Images, previous: Images | None = None) -> Images:
        sizes.add(tile.shape)
        return tile

    np.testing.assert_array_equal(grid.derain(image, infer), image)
    assert sizes == {(1, 64, 64, 3)}


def test_a_step_between_tiles_becomes_a_slope() -> None:
    levels = iter(range(0, 256, 50))
    grid = Grid.covering((64, 256), (64, 96), 32, 8)

    blended = grid.derain(
        np.zeros((64, 256, 3), np.uint8), lambda tile: np.full_like(tile, next(levels))
    )

    steps = np.diff(blended[0, :, 0].astype(int))
    assert blended.min() == 0
    assert blended.max() == 50 * (grid.count - 1)
    assert 0 < steps.max() <= 4
    assert steps.min() >= 0


def test_away_from_other_tiles_a_tile_is_as_the_network_makes_it(
    derainer: Derainer, picture: Draw
) -> None:
    image = picture(5, 72, 208)
    with Derainer.load("nano", threads=1, tile=(64, 128)) as tiled:
        made = tiled(image)

    np.testing.assert_array_equal(made[:8, :80], derainer(image[:64, :128])[:8, :80])
    np.testing.assert_array_equal(made[-8:, -80:], derainer(image[-64:, -128:])[-8:, -80:])


@pytest.mark.parametrize("tile", [(64, 64), (128, 512), AUTO])
def test_an_image_that_fits_one_tile_is_derained_whole(
    derainer: Derainer, picture: Draw, tile: tuple[int, int]
) -> None:
    with Derainer.load("nano", threads=1, tile=tile) as tiled:
        for height, width in ((48, 64), (49, 63), (16, 17)):
            image = picture(1, height, width)
            np.testing.assert_array_equal(tiled(image), derainer(image))
            assert tiled.padded_size(image) == derainer.padded_size(image)


def test_rates_of_an_image_are_the_means_of_its_tiles(derainer: Derainer, picture: Draw) -> None:
    image = picture(2, 64, 112)
    with Derainer.load("nano", threads=1, probe=True, tile=(64, 64)) as tiled:
        derained, rates = tiled.derain_and_probe(image)
        np.testing.assert_array_equal(derained, tiled(image))
        assert tiled.padded_size(image) == (64, 128)

    halves = [derainer.derain_and_probe(image[:, at : at + 64])[1] for at in (0, 48)]
    np.testing.assert_allclose(rates, np.mean(halves, axis=0), rtol=1e-6)


@pytest.fixture(scope="module")
def fixed() -> Iterator[Derainer]:
    """A network that takes images of 96x64 only, loaded to tile others."""
    candidate = make(origin_of(randomised(SMALL), "fixed", 17), Request(size=(64, 96)))
    with Derainer.from_bytes(candidate.artefact.content) as plain:
        yield Derainer(plain.engine, tile=AUTO)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (40, 33), (16, 16), (150, 100), (300, 97)])
def test_a_model_of_one_size_takes_tiles_of_its_size_from_any_image(
    fixed: Derainer, picture: Draw, height: int, width: int
) -> None:
    image = picture(1, height, width)
    assert fixed(image).shape == image.shape
    rows, columns = fixed.padded_size(image)
    assert (rows % 64, columns % 96) == (0, 0)


def test_a_model_of_one_size_pads_smaller_images_by_reflection(
    fixed: Derainer, picture: Draw
) -> None:
    image = picture(1, 40, 70)
    mirrored = np.pad(image, ((0, 24), (0, 26), (0, 0)), mode="reflect")
    whole = fixed.engine.infer(mirrored[None])[0]
    np.testing.assert_array_equal(fixed(image), whole[:40, :70])


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ((500, 512), r"512x500 are not multiples of 8, .* use --tile 512x504"),
        ((32, 512), r"a tile of 512x32 is too small; use tiles of at least 64x64"),
    ],
)
def test_tiles_that_the_network_cannot_take_are_refused(
    tile: tuple[int, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Derainer.load("nano", threads=1, tile=tile)


@pytest.mark.parametrize("failure", [TooLargeError("not enough memory", ""), MemoryError()])
def test_too_little_memory_for_tiles_names_smaller_ones(
    picture: Draw, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(images: Images) -> Images:
        raise failure

    with Derainer.load("nano", threads=1, tile=(64, 64)) as tiled:
        monkeypatch.setattr(tiled.engine, "infer", fail)
        with pytest.raises(TooLargeError, match=r"tiles of 64x64; use smaller tiles.*--tile"):
            tiled(picture(1, 100, 100))


def test_a_model_of_one_size_names_the_tiles_that_it_takes(fixed: Derainer) -> None:
    with pytest.raises(InputError, match=r"takes images of 96x64 only, .*--tile auto"):
        Derainer(fixed.engine, tile=(64, 64))
    with pytest.raises(InputError, match=r"96x64 only, not 64x64; derain in tiles.*--tile auto"):
        Derainer(fixed.engine)(np.zeros((64, 64, 3), np.uint8))


@quick
@given(
    height=st.integers(16, 9000),
    width=st.integers(16, 9000),
    pixels=st.integers(128 * 128, 1 << 22),
)
def test_chosen_tiles_fit_memory_and_waste_little(
    spec: ModelSpec, height: int, width: int, pixels: int
) -> None:
    grid = Tiler(spec, None, pixels=pixels).grid((height, width))
    tile = grid.tile[0] * grid.tile[1]

    assert tile <= pixels
    whole = (height + -height % 8) * (width + -width % 8)
    if whole <= pixels:
        assert grid.tile == grid.computed
        assert grid.count == 1
    # A tile of a quarter of a million pixels shares at most a fifth with each neighbour.
    elif pixels >= 1 << 18 and min(height, width) >= 512:
        assert grid.computed[0] * grid.computed[1] < 1.7 * whole


def test_the_largest_size_of_an_engine_bounds_chosen_tiles(spec: ModelSpec) -> None:
    tiler = Tiler.choosing(spec, AUTO, largest=Profile((64, 64), (480, 640), (1080, 1920)))
    assert tiler.grid((1080, 1920)).count == 1
    higher = tiler.grid((3000, 1900)).tile
    assert higher[0] <= 1080
    assert higher[1] <= 1920


def test_less_memory_makes_smaller_tiles(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = []
    for available in (None, 4 << 30, 1 << 30, 1 << 28):
        monkeypatch.setattr(
            "spikerain_edge.inference.tile_size.available_memory", lambda given=available: given
        )
        height, width = Tiler.choosing(spec, AUTO).grid((8000, 8000)).tile
        tiles.append(height * width)
    assert tiles[0] == tiles[1] > tiles[2] > tiles[3]
    height, width = Tiler.choosing(spec, AUTO, pools=2).grid((8000, 8000)).tile
    assert height * width < tiles[3]


def test_the_command_says_once_what_it_chose_and_derains_in_tiles(
    spikerain: Callable[..., subprocess.CompletedProcess[str]], picture: Draw, tmp_path: Path
) -> None:
    (tmp_path / "rainy").mkdir()
    for number in range(2):
        cv2.imwrite(str(tmp_path / "rainy" / f"{number}.png"), picture(number, 64, 96))

    ended = spikerain("--camera", "rainy", "--output", "clean/", "--tile", "64")

    with Derainer.load("nano", threads=1, tile=(64, 64)) as tiled:
        for number in range(2):
            clean = cv2.imread(str(tmp_path / "clean" / f"{number}.png"))
            np.testing.assert_array_equal(clean, tiled(picture(number, 64, 96)))
    assert ended.stderr.count("2 tiles of 64x64") == 1
