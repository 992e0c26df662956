from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from spikerain_edge.errors import ComputeError
from spikerain_edge.images.reading import read_image
from spikerain_training import fit as loop
from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.config import variants
from spikerain_training.datasets import training_samples
from spikerain_training.fit import Data, fit
from spikerain_training.hardware import Hardware
from spikerain_training.logbook import StepReport
from spikerain_training.losses import ssim
from spikerain_training.network import SpikeRain
from spikerain_training.recipe import Recipe
from spikerain_training.restore import restore

CPU = Hardware("cpu")
RECIPE = Recipe(
    steps=6, batch=2, crop=32, warmup=2, save_every=3, firing_penalty=0.3, l1=1.0, seed=4
)


def after(steps: int) -> Callable[[], bool]:
    """Returns a function that interrupts the run after step number `steps`."""
    asked: list[None] = []

    def interrupted() -> bool:
        asked.append(None)
        return len(asked) >= steps

    return interrupted


def assert_same_files(first: Path, second: Path) -> None:
    for name in ("weights.safetensors", "training.safetensors"):
        tensors, expected = load_file(first / name), load_file(second / name)
        assert tensors.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(tensors[key], tensor), f"{name}: {key}"


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("stop", [3, 4])
def test_an_interrupted_and_resumed_run_ends_with_the_same_weights(
    photographs: Path, pairs: Path, tmp_path: Path, mixed: bool, stop: int, optimizer: str
) -> None:
    folders = {photographs: 1.0, pairs: 2.0} if mixed else {photographs: 1.0}
    data = Data(folders)
    recipe = replace(RECIPE, alpha_end=8.0, optimizer=optimizer, stability=0.01)
    whole: list[StepReport] = []
    parts: list[StepReport] = []

    assert fit(recipe, data, tmp_path / "whole", hardware=CPU, progress=whole.append) == 6
    run = tmp_path / "parts"
    assert fit(recipe, data, run, hardware=CPU, interrupted=after(stop), progress=parts.append) == (
        stop
    )
    assert fit(recipe, data, run, hardware=CPU, resume=True, progress=parts.append) == 6

    assert [progress.step for progress in parts] == [1, 2, 3, 4, 5, 6]
    assert parts == whole
    assert_same_files(run, tmp_path / "whole")


@pytest.mark.slow
def test_training_reduces_the_error_of_rainy_images(pairs: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=40, batch=4, learning_rate=2e-3, ema=0.9)
    losses: list[float] = []

    fit(
        recipe,
        Data({pairs: 1.0}),
        tmp_path / "run",
        hardware=CPU,
        progress=lambda progress: losses.append(progress.loss),
    )

    network = load_network(tmp_path / "run")
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    for path in (pairs / "target").iterdir():
        clean, rainy = read_image(path), read_image(pairs / "input" / path.name)
        error = np.abs(restore(network, rainy).astype(float) - clean).mean()
        assert error < 0.7 * np.abs(rainy.astype(float) - clean).mean()


@pytest.mark.slow
def test_a_run_that_diverges_stops_and_keeps_the_last_checkpoint(
    photographs: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, learning_rate=1e30, save_every=1)
    output = tmp_path / "run"
    saved: list[dict[str, bytes]] = []

    def remember(progress: StepReport) -> None:
        assert math.isfinite(progress.loss)
        saved.append({path.name: path.read_bytes() for path in output.glob("*.safetensors")})

    with pytest.raises(ComputeError, match=r"at step \d.*bad_batch"):
        fit(recipe, Data({photographs: 1.0}), output, hardware=CPU, progress=remember)

    batch = load_file(output / "bad_batch.safetensors")
    assert batch["rainy"].shape == batch["clean"].shape == (2, 3, 32, 32)
    assert saved
    for name, content in saved[-1].items():
        assert (output / name).read_bytes() == content
    load_network(output)


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_does_not_change_the_weights(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rates: list[torch.Tensor], target: float) -> torch.Tensor:
        # Finite in the forward pass, NaN in the backward pass: a square root at zero.
        return (rates[0] * 0).sqrt()

    monkeypatch.setattr(loop, "excess_firing", broken)

    with pytest.raises(ComputeError, match="at step 0"):
        fit(replace(RECIPE, save_every=1), Data({photographs: 1.0}), tmp_path, hardware=CPU)

    assert not (tmp_path / "weights.safetensors").exists()


def test_a_run_can_start_from_the_weights_of_another(photographs: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    start = SpikeRain(variants()["nano"])
    save_network(tmp_path / "start", start.config, start.state_dict())
    recipe = replace(RECIPE, steps=1, learning_rate=1e-12, weight_decay=0.0, ema=0.0)

    fit(
        recipe, Data({photographs: 1.0}), tmp_path / "run", hardware=CPU, initial=tmp_path / "start"
    )

    trained = load_network(tmp_path / "run").state_dict()
    for name, value in start.state_dict().items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            torch.testing.assert_close(trained[name], value, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_the_distillation_term_changes_loss_and_weights(pairs: Path, tmp_path: Path) -> None:
    """The teacher is trained, so it is better than the student at some pixels."""
    teacher = tmp_path / "teacher"
    fit(replace(RECIPE, steps=30, batch=4, ema=0.9), Data({pairs: 1.0}), teacher, hardware=CPU)
    recipe = replace(RECIPE, steps=2, teacher=str(teacher), distillation=5.0, firing_penalty=0.0)
    taught: list[StepReport] = []
    alone: list[StepReport] = []

    fit(recipe, Data({pairs: 1.0}), tmp_path / "taught", hardware=CPU, progress=taught.append)
    untaught = replace(recipe, teacher="", distillation=0.0)
    fit(untaught, Data({pairs: 1.0}), tmp_path / "alone", hardware=CPU, progress=alone.append)

    assert taught[0].ssim == alone[0].ssim
    assert taught[0].loss > alone[0].loss + 0.01
    assert taught[1].ssim != alone[1].ssim


@pytest.mark.slow
def test_mixed_precision_trains_like_single_precision_and_keeps_float32_weights(
    photographs: Path, tmp_path: Path
) -> None:
    single: list[StepReport] = []
    mixed: list[StepReport] = []
    data = Data({photographs: 1.0})

    fit(RECIPE, data, tmp_path / "single", hardware=CPU, progress=single.append)
    bf16 = replace(RECIPE, precision="bf16-mixed")
    fit(bf16, data, tmp_path / "mixed", hardware=CPU, progress=mixed.append)

    assert mixed != single
    assert mixed[0].loss == pytest.approx(single[0].loss, rel=0.03)
    assert mixed[0].firing_rate == pytest.approx(single[0].firing_rate, rel=0.03)
    assert mixed[-1].loss == pytest.approx(single[-1].loss, rel=0.3)
    weights = load_file(tmp_path / "mixed" / "weights.safetensors")
    assert weights["embed.weight"].dtype is torch.float32


@pytest.mark.slow
def test_compiled_neurons_give_the_same_losses_and_gradients(
    photographs: Path, tmp_path: Path
) -> None:
    plain: list[StepReport] = []
    compiled: list[StepReport] = []
    data = Data({photographs: 1.0})
    recipe = replace(RECIPE, steps=3, alpha_end=6.0)

    fit(recipe, data, tmp_path / "plain", hardware=CPU, progress=plain.append)
    fused = replace(recipe, compile=True)
    fit(fused, data, tmp_path / "compiled", hardware=CPU, progress=compiled.append)

    for one, other in zip(compiled, plain, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-2)


@pytest.mark.slow
def test_reported_metrics_are_those_of_the_batch(pairs: Path, tmp_path: Path) -> None:
    """A network with a zero output layer returns its input: the metrics are those of the rain."""
    network = SpikeRain(variants()["nano"])
    with torch.no_grad():
        network.output.weight.zero_()
        network.output.bias.zero_()  # type: ignore[union-attr]
    save_network(tmp_path / "start", network.config, network.state_dict())
    recipe = replace(RECIPE, steps=1, firing_penalty=0.0)
    reports: list[StepReport] = []

    fit(
        recipe,
        Data({pairs: 1.0}),
        tmp_path / "run",
        hardware=CPU,
        initial=tmp_path / "start",
        progress=reports.append,
    )

    samples = training_samples({pairs: 1.0}, recipe.crop, 2, recipe.seed)
    rainy, clean = (torch.stack(side) for side in zip(samples[0], samples[1], strict=True))
    error = torch.mean((rainy - clean) ** 2).item()
    structure = ssim(rainy, clean).item()
    assert reports[0].psnr == pytest.approx(-10 * math.log10(error), abs=1e-3)
    assert reports[0].ssim == pytest.approx(structure, abs=1e-5)
    distance = torch.mean((rainy - clean).abs()).item()
    assert reports[0].loss == pytest.approx(1 - structure + distance, abs=1e-4)
