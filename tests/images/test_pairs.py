from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from spikerain_edge.errors import InputError
from spikerain_edge.images.pairs import find_pairing, find_pairs
from spikerain_edge.images.picture import Half


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((4, 6, 3), np.uint8))


def names(folder: Path) -> list[tuple[str, str]]:
    return [
        (
            str(pair.rainy.path.relative_to(folder).as_posix()),
            str(pair.clean.path.relative_to(folder).as_posix()),
        )
        for pair in find_pairs(folder) or ()
    ]


@pytest.mark.parametrize(
    ("rainy", "clean"),
    [
        ("input", "target"),
        ("rain", "norain"),
        ("rainy", "gt"),
        ("Rain", "Clean"),
        ("data", "gt"),
        ("input", "groundtruth"),
    ],
)
def test_images_in_two_folders_are_matched_by_stem(tmp_path: Path, rainy: str, clean: str) -> None:
    write(tmp_path, f"{rainy}/1.png", f"{rainy}/2.jpg", f"{clean}/2.png", f"{clean}/1.png")

    assert names(tmp_path) == [
        (f"{rainy}/1.png", f"{clean}/1.png"),
        (f"{rainy}/2.jpg", f"{clean}/2.png"),
    ]


@pytest.mark.parametrize(
    ("rainy", "clean"),
    [
        ("rain-001.png", "norain-001.png"),
        ("rain_007.jpg", "norain_007.png"),
        ("norain-1x2.png", "norain-1.png"),
        ("1x2.png", "1.png"),
        ("X2/12x2.png", "12.png"),
        ("901_14.jpg", "901.jpg"),
        ("3_rain.png", "3_clean.png"),
        ("input_4.png", "gt_4.png"),
        ("000.png", "000gt.png"),
    ],
)
def test_known_naming_schemes_are_matched(tmp_path: Path, rainy: str, clean: str) -> None:
    write(tmp_path, f"rain/{rainy}", f"norain/{clean}", "norain/other.png")

    assert names(tmp_path) == [(f"rain/{rainy}", f"norain/{clean}")]


def test_many_rainy_pictures_share_one_clean_picture(tmp_path: Path) -> None:
    write(tmp_path, *(f"rainy/901_{number}.jpg" for number in range(1, 15)), "clean/901.jpg")

    pairs = names(tmp_path)

    assert len(pairs) == 14
    assert {clean for _, clean in pairs} == {"clean/901.jpg"}


def test_rain1400_is_read_in_its_published_layout(tmp_path: Path) -> None:
    rainy = [f"{scene}_{number}.jpg" for scene in (901, 902) for number in range(1, 15)]
    write(tmp_path, *(f"rainy_image/{name}" for name in rainy))
    write(tmp_path, "ground_truth/901.jpg", "ground_truth/902.jpg")

    assert sorted(names(tmp_path)) == sorted(
        (f"rainy_image/{name}", f"ground_truth/{name.partition('_')[0]}.jpg") for name in rainy
    )


@pytest.mark.parametrize("child", ["rainy", "rainy_images", "rain_image"])
def test_a_folder_of_rainy_pictures_may_be_inside_the_folder_of_clean_ones(
    tmp_path: Path, child: str
) -> None:
    write(tmp_path, f"{child}/rain-001.png", f"{child}/rain-002.png")
    write(tmp_path, "norain-001.png", "norain-002.png", "norain-003.png")

    pairing = find_pairing(tmp_path)

    assert names(tmp_path) == [
        (f"{child}/rain-001.png", "norain-001.png"),
        (f"{child}/rain-002.png", "norain-002.png"),
    ]
    assert pairing is not None
    assert [path.name for path in pairing.unpaired] == ["norain-003.png"]


@pytest.mark.parametrize("inside", ["data/thumbnail.png", "input/2.png"])
def test_photographs_next_to_an_unrelated_folder_are_not_pairs(tmp_path: Path, inside: str) -> None:
    write(tmp_path, "1.png", inside)
    (tmp_path / "rain").mkdir()

    assert find_pairing(tmp_path) is None


def test_an_exact_name_is_preferred_to_a_shortened_one(tmp_path: Path) -> None:
    write(tmp_path, "rain/a_1.png", "rain/a.png", "norain/a.png", "norain/a_1.png")

    assert names(tmp_path) == [
        ("rain/a.png", "norain/a.png"),
        ("rain/a_1.png", "norain/a_1.png"),
    ]


def test_rainy_and_clean_pictures_may_be_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path, "rain-002.png", "norain-002.png", "rain-001.png", "norain-001.png")
    write(tmp_path, "rainstreak-001.png")

    pairing = find_pairing(tmp_path)

    assert names(tmp_path) == [
        ("rain-001.png", "norain-001.png"),
        ("rain-002.png", "norain-002.png"),
    ]
    assert pairing is not None
    assert [path.name for path in pairing.unpaired] == ["rainstreak-001.png"]


def test_a_list_file_names_the_rainy_picture_first(tmp_path: Path) -> None:
    write(tmp_path, "real_world/a/1.png", "real_world_gt/1.png", "real_world/a/2.png")
    lines = [
        "/real_world/a/1.png /real_world_gt/1.png",
        "./real_world/a/2.png /real_world_gt/1.png",
        "/real_world/a/3.png /real_world_gt/1.png",
    ]
    (tmp_path / "real_world.txt").write_text("\n".join(lines) + "\n")

    pairing = find_pairing(tmp_path)

    assert names(tmp_path) == [
        ("real_world/a/1.png", "real_world_gt/1.png"),
        ("real_world/a/2.png", "real_world_gt/1.png"),
    ]
    assert pairing is not None
    assert [path.name for path in pairing.unpaired] == ["3.png"]


@pytest.mark.parametrize(("rainy", "values"), [("left", (10, 200)), ("right", (200, 10))])
def test_the_named_half_is_the_rainy_one(
    tmp_path: Path, rainy: Half, values: tuple[int, int]
) -> None:
    image = np.full((5, 13, 3), 99, np.uint8)
    image[:, :6], image[:, 7:] = 10, 200
    cv2.imwrite(str(tmp_path / "1.png"), image)

    (pair,) = find_pairs(tmp_path, rainy) or ()
    pictures = pair.read()

    assert [picture.shape for picture in pictures] == [(5, 6, 3)] * 2
    assert tuple(int(picture.min()) for picture in pictures) == values
    assert tuple(int(picture.max()) for picture in pictures) == values


def test_pictures_without_a_partner_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "input/1.png", "input/2.png", "target/1.png", "target/3.png")

    pairing = find_pairing(tmp_path)

    assert pairing is not None
    assert pairing.layout == "input/ beside target/"
    assert [path.relative_to(tmp_path).as_posix() for path in pairing.unpaired] == [
        "input/2.png",
        "target/3.png",
    ]


def test_clean_photographs_are_not_pairs(tmp_path: Path) -> None:
    write(tmp_path, "1.png", "rain_forest.png")
    (tmp_path / "notes.txt").write_text("taken in May\n")

    assert find_pairing(tmp_path) is None
    assert find_pairs(tmp_path) is None


def test_the_folder_above_the_splits_is_refused_with_their_names(tmp_path: Path) -> None:
    write(tmp_path, "train/input/1.png", "train/target/1.png", "test/input/1.png", "docs/1.png")

    with pytest.raises(InputError, match=r"name a folder inside it: test, train$"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["input/1.png", "target/2.png"], "no names match"),
        (["input/1.png", "target/1.png", "target/1.jpg"], "same name"),
    ],
)
def test_layouts_without_a_unique_pair_are_refused(
    tmp_path: Path, files: list[str], message: str
) -> None:
    write(tmp_path, *files)

    with pytest.raises(InputError, match=message):
        find_pairs(tmp_path)


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "input/1.png")
    (tmp_path / "target").mkdir()

    with pytest.raises(InputError, match=r"no images in .*target"):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_pairs(tmp_path / "missing")


def test_a_pair_of_different_sizes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "input/1.png", "target/1.png")
    cv2.imwrite(str(tmp_path / "target" / "1.png"), np.zeros((4, 7, 3), np.uint8))

    (pair,) = find_pairs(tmp_path) or ()
    with pytest.raises(InputError, match=r"1\.png is 6x4 but .*1\.png is 7x4"):
        pair.read()
