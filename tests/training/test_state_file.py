"""Reading a `state_dict` from files of PyTorch, damaged ones included."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from spikerain_edge.errors import InputError
from spikerain_training.importing.state_file import read_state


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": OrderedDict(state)},
        lambda state: {"model": state},
        lambda state: {"params": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {f"_orig_mod.module.{name}": value for name, value in state.items()},
    ],
)
def test_tensors_are_found_inside_common_wrappers(
    tmp_path: Path, wrap: Callable[[dict[str, Tensor]], object]
) -> None:
    state = {"output_conv.weight": torch.randn(3, 4), "output_conv.bias": torch.randn(3)}
    torch.save(wrap(state), tmp_path / "wrapped.pth")
    read = read_state(tmp_path / "wrapped.pth")
    assert list(read) == list(state)
    for name, value in state.items():
        assert torch.equal(read[name], value)


def test_a_prefix_that_only_some_names_have_is_kept(tmp_path: Path) -> None:
    state = {"module.weight": torch.zeros(1), "bias": torch.zeros(1)}
    torch.save(state, tmp_path / "some.pth")
    assert list(read_state(tmp_path / "some.pth")) == list(state)


def test_a_checkpoint_that_contains_an_optimizer_state_can_be_read(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = {"epoch": 50, "state_dict": network.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(saved, tmp_path / "model_last.pth")
    assert set(read_state(tmp_path / "model_last.pth")) == {"weight", "bias"}


def test_an_archive_without_its_first_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "small.pth"
    torch.save({"output_conv.bias": torch.zeros(3)}, file)
    # The end of the archive points to an index before the start of the file.
    file.write_bytes(file.read_bytes()[-150:])
    with pytest.raises(InputError, match=r"small\.pth is incomplete, or not a file"):
        read_state(file)


def test_a_single_damaged_byte_is_detected(tmp_path: Path) -> None:
    file = tmp_path / "small.pth"
    torch.save({"output_conv.bias": torch.tensor([1.5, 2.5, 3.5])}, file)
    whole = file.read_bytes()
    names, numbers = whole.index(b"output_conv"), whole.index(torch.tensor([2.5]).numpy().tobytes())
    for place in (*range(names, names + 40), *range(numbers - 4, numbers + 8)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"small\.pth is damaged"):
            read_state(file)


@pytest.mark.slow
def test_a_forged_pickle_is_read_or_refused_without_other_errors(tmp_path: Path) -> None:
    file = tmp_path / "small.pth"
    torch.save({"output_conv.bias": torch.zeros(3)}, file)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (pickled,) = (name for name in members if name.endswith("data.pkl"))
    whole, refused = members[pickled], 0
    forged = [whole[:length] for length in range(len(whole))]
    forged += [
        whole[:place] + bytes([byte]) + whole[place + 1 :]
        for place in range(len(whole))
        for byte in (0, whole[place] ^ 1, 255)
    ]
    for content in forged:
        with zipfile.ZipFile(file, "w") as archive:
            for name, held in members.items():
                archive.writestr(name, content if name == pickled else held)
        try:
            assert isinstance(read_state(file), dict)
        except InputError:
            refused += 1
    assert refused > len(forged) / 2


def test_an_archive_that_is_too_large_when_unpacked_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb.pth"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(2**20))
    assert file.stat().st_size < 2**12
    with pytest.raises(InputError, match=r"bomb\.pth is too large \(1,048,576 bytes"):
        read_state(file, largest=2**16)
