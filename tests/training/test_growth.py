from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from networks import randomised

from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.config import variants
from spikerain_training.fit import Data, fit
from spikerain_training.growth import grow
from spikerain_training.hardware import Hardware
from spikerain_training.network import SpikeRain
from spikerain_training.recipe import Recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 32},
        {"units": 5},
        {"encoder": (2, 1, 3), "decoder": (1, 2, 1)},
        {"width": 48, "units": 4, "encoder": (1, 2, 2)},
    ],
    ids=["wider", "more units", "more blocks", "all"],
)
def test_a_grown_network_computes_the_same_picture(changes: dict[str, object]) -> None:
    small = randomised(variants()["nano"])
    config = replace(small.config, **changes)  # type: ignore[arg-type]
    image = torch.rand(2, 3, 32, 48)

    large = grow(small, config)

    assert sum(p.numel() for p in large.parameters()) > sum(p.numel() for p in small.parameters())
    with torch.no_grad():
        picture = small(image)
        torch.testing.assert_close(large(image), picture, rtol=0, atol=1e-5)
    assert (picture - image).abs().max() > 0.01


def test_a_published_layout_grows_deeper_and_says_that_it_cannot_grow_wider() -> None:
    small = randomised(replace(variants()["nano"], merge_finest=False))
    image = torch.rand(1, 3, 32, 32)

    deeper = grow(small, replace(small.config, units=4, decoder=(2, 1, 1)))

    with torch.no_grad():
        torch.testing.assert_close(deeper(image), small(image), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="merge the finest"):
        grow(small, replace(small.config, width=32))


def test_nano_grows_into_tiny_and_every_part_of_it_learns(
    photographs: Path, tmp_path: Path
) -> None:
    small = randomised(variants()["nano"])
    save_network(tmp_path / "nano", small.config, small.state_dict())
    recipe = Recipe(variant="tiny", steps=3, batch=2, crop=32, warmup=1, l1=1.0, ema=0.0, dry=0.0)
    before = grow(small, variants()["tiny"]).state_dict()

    data = Data({photographs: 1.0})
    fit(recipe, data, tmp_path / "run", hardware=Hardware("cpu"), initial=tmp_path / "nano")

    after = load_network(tmp_path / "run").state_dict()
    frozen = [
        name
        for name, value in before.items()
        if name.endswith("merge.weight") and torch.equal(after[name], value)
    ]
    assert not frozen
    assert not torch.equal(after["embed.weight"][24:], before["embed.weight"][24:])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 16}, "smaller"),
        ({"units": 2}, "smaller"),
        ({"growth": 24}, "growth differ"),
        ({"timesteps": 4}, "timesteps differ"),
        ({"temporal_gate": "pooled"}, "temporal_gate differ"),
    ],
)
def test_what_cannot_hold_the_small_network_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    config = replace(variants()["nano"], **changes)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=reason):
        grow(SpikeRain(variants()["nano"]), config)
