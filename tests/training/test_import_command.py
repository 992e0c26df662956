from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from click.testing import Result
from safetensors.torch import save_file
from torch import Tensor
from torch.torch_version import TorchVersion
from typer.testing import CliRunner

from spikerain_training.checkpoint import load_network
from spikerain_training.commands.import_weights import import_weights
from spikerain_training.config import variants
from spikerain_training.importing.authors import authors_name
from spikerain_training.network import SpikeRain

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def network() -> SpikeRain:
    torch.manual_seed(0)
    return SpikeRain(variants()["s"]).eval()


@pytest.fixture
def state(network: SpikeRain) -> dict[str, Tensor]:
    """Weights with the authors' names; `test_import_authors` compares shapes and outputs."""
    return {authors_name(name): value for name, value in network.state_dict().items()}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command("import")(import_weights)

    def invoke(file: str, *options: str, variant: str = "s") -> Result:
        arguments = [file, "--variant", variant, "--output", "run", *options]
        return CliRunner().invoke(app, arguments)

    return invoke


class _Bomb:
    """Writes a file when it is unpickled without protection."""

    def __init__(self, fuse: Path) -> None:
        self.fuse = fuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.fuse,)


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("spikerain-train: ")
    assert message in last
    assert not Path("run").exists()


def test_the_next_command_can_be_typed_though_the_folder_has_a_space(
    run: Run, state: dict[str, Tensor]
) -> None:
    torch.save(state, "model_best.pth")
    result = run("model_best.pth", "--output", "my run")
    _, _, command = result.stderr.partition("next: ")
    assert shlex.split(command) == ["spikerain-edge", "export", "my run"]


@pytest.mark.slow
def test_imported_weights_form_a_checkpoint(
    run: Run, network: SpikeRain, state: dict[str, Tensor]
) -> None:
    torch.save(state, "model_best.pth")
    result = run("model_best.pth")
    assert result.exit_code == 0, result.output
    assert result.stderr.endswith("weights written to run; next: spikerain-edge export run\n")
    loaded = load_network(Path("run"))
    assert loaded.config == variants()["s"]
    for ours, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[ours], value), ours


def test_a_safetensors_file_can_be_read(
    run: Run, network: SpikeRain, state: dict[str, Tensor]
) -> None:
    save_file(state, "s.safetensors")
    assert run("s.safetensors").exit_code == 0
    assert torch.equal(load_network(Path("run")).output.weight, network.output.weight)


def test_tensors_that_do_not_match_are_listed_and_nothing_is_written(
    run: Run, state: dict[str, Tensor]
) -> None:
    del state["patch_embed.proj.weight"]
    state["head.\x1b[31mweight"] = torch.zeros(2, 7)
    state["output_conv.bias"] = torch.zeros(4)
    torch.save(state, "s.pth")

    result = run("s.pth", "--json", "report.json")

    assert_refused(result, "the tensors in s.pth do not match the network s; list every tensor")
    table = [line.split() for line in result.stderr.splitlines()]
    assert ["missing", "patch_embed.proj.weight", "-", "32x3x3x3", "embed.weight"] in table
    assert ["misshapen", "output_conv.bias", "4", "3", "output.bias"] in table
    assert ["unexpected", r"'head.\x1b[31mweight'", "2x7", "-", "-"] in table
    report = json.loads(Path("report.json").read_text())
    assert not report["complete"]
    assert report["counts"] == {
        "matched": len(state) - 2,
        "missing": 1,
        "misshapen": 1,
        "unexpected": 1,
    }
    surplus = [entry for entry in report["tensors"] if entry["status"] == "unexpected"]
    assert [(entry["theirs"], entry["found"]) for entry in surplus] == [
        ("head.\x1b[31mweight", [2, 7])
    ]


def test_the_report_of_a_success_lists_every_tensor_on_standard_output(
    run: Run, state: dict[str, Tensor]
) -> None:
    torch.save(state, "s.pth")
    result = run("s.pth", "--json", "-")
    report = json.loads(result.stdout)
    assert report["complete"]
    assert {entry["theirs"] for entry in report["tensors"]} == set(state)
    assert {entry["status"] for entry in report["tensors"]} == {"matched"}


@pytest.mark.slow
def test_weights_of_another_variant_are_recognised(run: Run, state: dict[str, Tensor]) -> None:
    torch.save(state, "s.pth")
    result = run("s.pth", variant="m")
    assert_refused(result, "they match s: use --variant s")
    assert "more" in result.stderr.splitlines()[-2]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_file_with_code_is_refused_and_the_code_is_not_run(
    run: Run, state: dict[str, Tensor], wrapped: bool
) -> None:
    fuse = Path("exploded").resolve()
    bomb = {"state_dict": state, "extra": _Bomb(fuse)} if wrapped else _Bomb(fuse)
    torch.save(bomb, "bomb.pth")

    result = run("bomb.pth")

    assert not fuse.exists()
    assert_refused(result, "only tensors and plain containers are read")
    assert "weights_only" not in result.output
    torch.load("bomb.pth", weights_only=False)
    assert fuse.exists()


def test_a_torchscript_program_is_refused_before_it_is_opened(run: Run) -> None:
    with zipfile.ZipFile("program.pt", "w") as archive:
        archive.writestr("program/CONSTANTS.pkl", b"")
        archive.writestr("program/data.pkl", b"")
    assert_refused(run("program.pt"), "is a TorchScript program")


@pytest.mark.parametrize("kept", [0, 10, 1000, -1000, -1])
def test_an_incomplete_file_is_refused_in_one_line(
    run: Run, state: dict[str, Tensor], kept: int
) -> None:
    torch.save(state, "s.pth")
    Path("s.pth").write_bytes(Path("s.pth").read_bytes()[:kept])
    assert_refused(run("s.pth"), "s.pth is incomplete")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_text_file_is_refused_in_one_line(run: Run, suffix: str) -> None:
    Path(f"notes{suffix}").write_text("These are not the weights you are looking for.\n" * 50)
    assert_refused(run(f"notes{suffix}"), f"notes{suffix} is")


def test_another_zip_archive_is_refused_in_one_line(run: Run) -> None:
    with zipfile.ZipFile("photos.pth", "w") as archive:
        archive.writestr("photo.txt", b"rain")
    assert_refused(run("photos.pth"), "photos.pth is damaged or contains more than tensors")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([torch.zeros(1)], "contains a list, not a state_dict"),
        (torch.zeros(3), "contains a Tensor, not a state_dict"),
        ({}, "does not contain named tensors"),
        ({0: torch.zeros(1)}, "does not contain named tensors"),
        ({"model": {"a": 1}, "params": {"b": 2}}, "more than one network: model, params"),
    ],
)
def test_a_file_without_exactly_one_state_dict_is_refused_in_one_line(
    run: Run, held: object, message: str
) -> None:
    torch.save(held, "held.pth")
    assert_refused(run("held.pth"), message)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(run: Run) -> None:
    with Path("huge.pth").open("wb") as file:
        file.truncate(600 * 2**20)
    assert_refused(run("huge.pth"), "too large (629,145,600 bytes, limit 536,870,912 bytes)")


@pytest.mark.slow
def test_a_small_file_that_claims_a_huge_tensor_is_refused_by_its_shape(
    run: Run, state: dict[str, Tensor]
) -> None:
    state["output_conv.bias"] = torch.zeros(1).expand(10**15)
    torch.save(state, "s.pth")
    result = run("s.pth")
    assert_refused(result, "do not match the network s")
    assert "misshapen  output_conv.bias" in result.stderr


@pytest.mark.slow
def test_an_old_pytorch_refuses_pickles(
    run: Run, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(state, "s.pth")
    save_file(state, "s.safetensors")
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.9.1"))
    assert_refused(run("s.pth"), "PyTorch 2.9.1 cannot read s.pth safely")
    assert run("s.safetensors").exit_code == 0


def test_an_existing_checkpoint_is_not_overwritten(run: Run, state: dict[str, Tensor]) -> None:
    torch.save(state, "s.pth")
    Path("run").mkdir()
    Path("run/weights.safetensors").write_bytes(b"trained for days")
    result = run("s.pth")
    assert result.exit_code == 2
    assert "run already holds weights.safetensors; name another folder" in result.stderr
    assert Path("run/weights.safetensors").read_bytes() == b"trained for days"
    assert not Path("run/config.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["s.pth", "--json", "s.pth"], "s.pth is read"),
        (["s.pth", "--json", "nowhere/report.json"], "the folder nowhere does not exist"),
        (["missing.pth"], "the file missing.pth does not exist"),
    ],
)
def test_invalid_usage_is_refused_in_one_line(
    run: Run, state: dict[str, Tensor], options: list[str], message: str
) -> None:
    torch.save(state, "s.pth")
    before = Path("s.pth").read_bytes()
    assert_refused(run(*options), message)
    assert Path("s.pth").read_bytes() == before


def test_only_published_variants_are_accepted(run: Run) -> None:
    result = run("s.pth", variant="nano")
    assert result.exit_code == 2
    assert "'nano' is not one of" in result.stderr
