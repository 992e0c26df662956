"""Gates limit the mean loss over scenes with clean images, considering its uncertainty."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from precision_parts import photograph
from scipy import stats

from spikerain_edge.errors import ModelError
from spikerain_edge.spec import Precision
from spikerain_export.gates import gates, require
from spikerain_export.truth import Loss, psnr_lost, student_quantile
from spikerain_export.verification import FULL, LatencySpread, Proof

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def measured(precision: Precision, psnr: float, loss: Loss | None) -> Proof:
    psnrs = {"192x192": 99.0, "320x240": psnr}
    timing = LatencySpread(1.0, 1.0, 1.0)
    return Proof(precision, "any", 1, FULL, psnrs, psnr, loss, None, (), timing)


def test_the_gates_have_the_documented_values() -> None:
    limits = {name: (gate.psnr, gate.loss) for name, gate in gates().items()}
    assert limits == {"fp32": (40, 0.02), "fp16": (38, 0.1), "int8": (35, 0.1)}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_graph_must_reach_its_agreement_at_every_size(precision: Precision) -> None:
    gate = gates()[precision]
    require(measured(precision, gate.psnr, None))
    with pytest.raises(
        ModelError, match=f"agrees with its reference to .*{gate.psnr:g} dB are req"
    ):
        require(measured(precision, gate.psnr - 0.1, None))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_loss_fails_if_it_is_certain_or_twice_the_limit(precision: Precision) -> None:
    limit = gates()[precision].loss
    fine = Loss(1.5 * limit, limit, 2 * limit, 24)
    require(measured(precision, 50, fine))
    require(measured(precision, 50, Loss(-1.0, -1.1, -0.9, 24)))
    for excess in (replace(fine, low=1.01 * limit), replace(fine, mean=2.01 * limit)):
        with pytest.raises(
            ModelError, match=f"over 24 scenes.* {limit:g} dB are allowed"
        ) as raised:
            require(measured(precision, 50, excess))
        assert "--no-verify" in raised.value.remedy
        assert ("--data" in raised.value.remedy) == (precision == "int8")


def test_the_confidence_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.3, 24)
    found = Loss.of(values.tolist())
    low, high = stats.t.interval(0.95, 23, values.mean(), stats.sem(values))
    assert (found.mean, found.scenes) == (pytest.approx(values.mean()), 24)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-3), pytest.approx(high, rel=1e-3))
    for freedom in (6, 10, 23, 47, 1000):
        known = stats.t.ppf(0.975, freedom)
        assert student_quantile(freedom) == pytest.approx(known, rel=1e-3)


def test_a_single_scene_gives_an_infinite_interval() -> None:
    assert Loss.of([0.2]) == Loss(0.2, -math.inf, math.inf, 1)


def test_a_perfect_picture_has_no_loss_against_another() -> None:
    truth = photograph(48, 64)
    worse = truth ^ 1
    assert psnr_lost(truth, truth, truth) == 0
    assert 20 < psnr_lost(truth, truth, worse) < 100
    assert psnr_lost(truth, worse, truth) == -psnr_lost(truth, truth, worse)
