from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor, nn

from spikerain_edge.inference import Activity, Derainer
from spikerain_edge.profiling.operations import count_operations
from spikerain_edge.profiling.rows import neuron_rows
from spikerain_edge.profiling.spikes import (
    count_spikes,
    firing_rate,
    mean_activity,
    spikes_per_frame,
)
from spikerain_training.neuron import LIF

Noise = Callable[[int, int], npt.NDArray[np.uint8]]
Spikes = dict[str, npt.NDArray[np.float32]]
SIDE = 64


@pytest.fixture(scope="module")
def activity(nano: Any, noise: Noise) -> Activity:
    with Derainer.load(str(nano.graph), threads=1, probe=True) as derainer:
        return derainer.activity(noise(SIDE, SIDE))


@pytest.fixture(scope="module")
def fired(nano: Any, noise: Noise) -> Spikes:
    """Spikes of PyTorch's neurons, (T, channels, pixels), under the graph's names."""
    seen: Spikes = {}

    def watch(name: str, module: LIF) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def note(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[name] = output.unflatten(0, (module.timesteps, -1)).flatten(3)[:, 0].numpy()

        return note

    handles = [
        module.register_forward_hook(watch(name, module))
        for name, module in nano.network.named_modules()
        if isinstance(module, LIF)
    ]
    nano.run(noise(SIDE, SIDE))
    for handle in handles:
        handle.remove()
    # The graph turns decoder and skip connection into spikes before it concatenates them.
    channels = {layer.name: layer.channels for layer in nano.spec.neurons}
    for name in [name for name in seen if f"{name}.decoded" in channels]:
        joined, decoded = seen.pop(name), channels[f"{name}.decoded"]
        seen[f"{name}.decoded"], seen[f"{name}.skipped"] = joined[:, :decoded], joined[:, decoded:]
    return seen


def test_firing_rates_agree_with_pytorch(nano: Any, activity: Activity, fired: Spikes) -> None:
    rows = neuron_rows(nano.spec, activity, SIDE, SIDE)
    assert {row.name for row in rows} == set(fired)
    for row in rows:
        spikes = fired[row.name]
        np.testing.assert_allclose(
            row.firing_rate_per_timestep, spikes.mean(axis=(1, 2)), rtol=0, atol=1e-6
        )
        silent = (spikes.max(axis=(0, 2)) == 0).mean()
        assert row.silent_share == pytest.approx(silent, abs=1e-6)
        assert row.count == spikes[0].size


def test_spikes_are_counted(nano: Any, activity: Activity, fired: Spikes) -> None:
    counted = spikes_per_frame(nano.spec, activity.rates, SIDE, SIDE)
    assert counted == pytest.approx(sum(spikes.sum() for spikes in fired.values()), rel=1e-6)
    places = sum(spikes.size for spikes in fired.values())
    assert firing_rate(nano.spec, activity.rates) == pytest.approx(counted / places)


def test_synaptic_operations_are_dense_ones_times_the_rate_of_what_they_read(
    nano: Any, activity: Activity, fired: Spikes
) -> None:
    count = count_operations(nano.spec, SIDE, SIDE)
    spikes = count_spikes(nano.spec, count, activity)
    (down,) = (layer for layer in count.layers if layer.name == "down1.convolve")
    rate = fired["down1.neuron"].mean()
    assert spikes.operations[down.name] == pytest.approx(down.macs * rate, rel=1e-6)
    described = nano.spec.synaptic_operations(SIDE, SIDE, activity.rates)
    assert spikes.total_operations == pytest.approx(described, rel=1e-6)
    assert spikes.input_rates == nano.spec.input_rates(activity.rates)
    assert 0 < spikes.total_operations < count.spiking_macs
    assert set(spikes.operations) == {layer.name for layer in count.layers if layer.spiking}


def test_several_images_are_averaged() -> None:
    def activity_of(rate: float) -> Activity:
        return Activity(np.full((3, 2), rate, np.float32), np.full(3, rate / 2, np.float32))

    mean = mean_activity([activity_of(0.25), activity_of(0.75)])
    np.testing.assert_array_equal(mean.rates, np.full((3, 2), 0.5))
    np.testing.assert_array_equal(mean.silent, np.full(3, 0.25))
