from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from networks import randomised

from spikerain_edge.errors import InputError
from spikerain_training.checkpoint import load_network, save_network
from spikerain_training.config import NetworkConfig, variants
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
        {"attention_reduction": 3, "enhancement_reduction": 2},
        {"width": 48, "attention_reduction": 16, "enhancement_reduction": 4},
    ],
    ids=["wider", "more units", "more blocks", "all", "less reduced", "wider, equally reduced"],
)
def test_a_grown_network_has_the_same_output(changes: dict[str, object]) -> None:
    small = randomised(variants()["nano"])
    config = replace(small.config, **changes)  # type: ignore[arg-type]
    image = torch.rand(2, 3, 32, 48)

    large = grow(small, config)

    assert sum(p.numel() for p in large.parameters()) > sum(p.numel() for p in small.parameters())
    with torch.no_grad():
        restored = small(image)
        torch.testing.assert_close(large(image), restored, rtol=0, atol=1e-5)
    assert (restored - image).abs().max() > 0.01


def test_growing_into_the_same_shape_keeps_the_weights() -> None:
    small = randomised(variants()["nano"])

    same = grow(small, replace(small.config, variant="mine", alpha=9.0))

    assert same.config.alpha == 9.0
    for name, value in small.state_dict().items():
        assert torch.equal(same.state_dict()[name], value), name


def test_a_network_without_the_finest_merge_grows_deeper_but_not_wider() -> None:
    small = randomised(replace(variants()["nano"], merge_finest=False))
    image = torch.rand(1, 3, 32, 32)

    deeper = grow(small, replace(small.config, units=4, decoder=(2, 1, 1)))

    with torch.no_grad():
        torch.testing.assert_close(deeper(image), small(image), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="merge_finest = true can be made wider"):
        grow(small, replace(small.config, width=32))


@pytest.mark.slow
def test_nano_grows_into_tiny_and_all_new_parts_learn(photographs: Path, tmp_path: Path) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 16}, "smaller"),
        ({"units": 2}, "smaller"),
        ({"growth": 24}, "growth is 24, not 16"),
        ({"temporal_gate": "pooled"}, "temporal_gate is pooled, not per-timestep"),
        ({"tau": 3.0}, r"tau is 3\.0, not 2\.0"),
        ({"threshold": 0.2}, r"threshold is 0\.2, not 0\.15"),
        ({"attention_reduction": 24}, "smaller"),
        ({"enhancement_reduction": 24}, "smaller"),
        ({"width": 32, "enhancement_reduction": 12}, "smaller"),
    ],
)
def test_a_network_that_cannot_contain_the_small_one_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    config = replace(variants()["nano"], **changes)  # type: ignore[arg-type]

    with pytest.raises(InputError, match=reason):
        grow(SpikeRain(variants()["nano"]), config)


@pytest.mark.parametrize(("variant", "changes"), [("nano", {}), ("tiny", {"width": 48})])
def test_a_network_for_images_grows_into_one_that_reads_two_frames(
    variant: str, changes: dict[str, object]
) -> None:
    small = randomised(variants()["nano"])
    config = replace(variants()[variant], frames=2, **changes)  # type: ignore[arg-type]
    image, previous = torch.rand(2, 2, 3, 32, 48)

    large = grow(small, config)

    with torch.no_grad():
        restored, change = small(image), image - previous
        torch.testing.assert_close(large(image), restored, rtol=0, atol=1e-5)
        expected = restored - change / (1 + math.exp(3))
        torch.testing.assert_close(large(image, previous), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", ["nano", "nano-video"])
def test_nano_grows_into_a_network_of_one_timestep(variant: str) -> None:
    small = randomised(variants()["nano"])
    single = randomised(replace(variants()["nano"], timesteps=1))
    state = {name: value for name, value in small.state_dict().items() if name != "fuse.weights"}
    single.load_state_dict(state, strict=False)
    image = torch.rand(1, 3, 32, 32)

    large = grow(small, replace(variants()[variant], timesteps=1))

    with torch.no_grad():
        torch.testing.assert_close(large(image), single(image), rtol=0, atol=1e-5)


def with_gates_of_constants(config: NetworkConfig) -> SpikeRain:
    """Returns a random network whose gates do not depend on the image."""
    network = randomised(config)
    deciding = re.compile(
        r"attention\.(temporal|squeeze|spatial)\.weight"
        r"|enhance\.(channel_squeeze|spatial_excite|gate)\.weight"
    )
    for name, value in network.state_dict().items():
        if deciding.search(name):
            value.zero_()
    return network


@pytest.mark.parametrize("changes", [{}, {"width": 32}], ids=["same width", "wider"])
def test_a_network_without_gates_starts_with_constant_gates(changes: dict[str, object]) -> None:
    small = with_gates_of_constants(variants()["nano"])
    config = replace(small.config, gates=False, **changes)  # type: ignore[arg-type]
    image = torch.rand(1, 3, 32, 32)

    plain = grow(small, config)

    with torch.no_grad():
        torch.testing.assert_close(plain(image), small(image), rtol=0, atol=1e-5)


def test_nano_grows_into_nano_spike_which_keeps_every_other_weight() -> None:
    small = randomised(variants()["nano"])

    spiking = grow(small, variants()["nano-spike"]).state_dict()

    trained = small.state_dict()
    changed = [name for name, value in spiking.items() if not torch.equal(value, trained[name])]
    assert {name.removesuffix(".merge.weight") for name in changed} == {
        *(f"{stage}{level}.0" for stage in ("encoder", "decoder") for level in (1, 2, 3)),
        "output.weight",
    }


def test_a_network_without_gates_does_not_grow_into_one_with_gates() -> None:
    with pytest.raises(InputError, match="gates is True, not False"):
        grow(SpikeRain(variants()["nano-spike"]), variants()["nano"])


def test_a_network_of_two_frames_does_not_grow_into_one_for_images() -> None:
    with pytest.raises(InputError, match="some of its layers are smaller"):
        grow(SpikeRain(replace(variants()["nano"], frames=2)), variants()["nano"])
