"""The fixed-point neurons against Lava's own simulation, bit by bit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loihi_lif import FixedPointLIF

HERE = Path(__file__).parent
# What lava_lif.py printed with Lava 0.10.0 on Python 3.10.13.
RECORDED: list[Any] = json.loads((HERE / "lava_lif.json").read_text())


@pytest.mark.parametrize("case", RECORDED, ids=["bias", "slow decay", "overflow"])
def test_every_state_is_that_of_lava(case: Any) -> None:
    current_decay, voltage_decay = case["decays"]
    bias = np.array(case["bias"])
    neurons = FixedPointLIF(bias.shape, case["threshold"], current_decay, voltage_decay)
    fired = 0
    for activation, current, voltage in zip(
        case["activations"], case["currents"], case["voltages"], strict=True
    ):
        fired += neurons.step(np.array(activation), bias).sum()
        assert neurons.current.tolist() == current
        assert neurons.voltage.tolist() == voltage
    assert 0 < fired < bias.size * len(case["activations"])


def test_a_case_leaves_24_bits() -> None:
    case = RECORDED[2]
    kept = 1 - (case["decays"][0] + 1) / 4096
    before = np.array(case["currents"][:-1]) * kept
    sums = before + np.array(case["activations"][1:]) * 64
    assert np.abs(sums).max() > 1 << 23
    assert np.abs(case["currents"]).max() <= 1 << 23


def test_lava_still_says_what_was_recorded() -> None:
    python = os.environ.get("LAVA_PYTHON")
    if python is None:
        pytest.skip("LAVA_PYTHON names no Python 3.10 with lava-nc; Lava runs on no newer one")
    done = subprocess.run(
        [python, "-W", "ignore", HERE / "lava_lif.py"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == RECORDED
