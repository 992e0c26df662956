from __future__ import annotations

import pytest

from spikerain_edge.profiling.energy import (
    VLIF_NEURON_PJ,
    ann_energy_mj,
    cmos45,
    energy_mj,
    price_lists,
    snn_derain,
)

# A billion operations at a picojoule each are a millijoule.


def test_analogue_operations_and_spikes_have_their_prices() -> None:
    assert energy_mj(2e9, 30e9, snn_derain()) == pytest.approx(2 * 12.5 + 30 * 0.077)
    assert energy_mj(2e9, 30e9, cmos45()) == pytest.approx(2 * 4.6 + 30 * 0.9)


def test_as_an_ann_every_operation_is_a_multiply_accumulate() -> None:
    assert ann_energy_mj(277.06e9, snn_derain()) == pytest.approx(3463.25)
    assert ann_energy_mj(277.06e9, cmos45()) == pytest.approx(1274.476)


def test_neurons_are_free_unless_priced() -> None:
    assert energy_mj(0, 0, snn_derain(), spikes=1e9) == 0
    assert energy_mj(1e9, 0, snn_derain(VLIF_NEURON_PJ), spikes=2e9) == pytest.approx(19.9)
    assert ann_energy_mj(1e9, snn_derain(VLIF_NEURON_PJ)) == 12.5


def test_every_price_list_names_its_source_and_what_it_leaves_out() -> None:
    for prices in (*price_lists(), *price_lists(VLIF_NEURON_PJ)):
        assert "memory traffic" in prices.leaves_out
        assert prices.source
    assert "neuron updates" in price_lists()[0].leaves_out
    assert "stay silent" in price_lists(VLIF_NEURON_PJ)[0].leaves_out
