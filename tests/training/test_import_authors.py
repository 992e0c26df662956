from __future__ import annotations

import re

import pytest
import torch
from networks import parameter_count, randomise_norms
from torch import Tensor, nn

from spikerain_training.config import NetworkConfig, variants
from spikerain_training.importing.authors import PUBLISHED, authors_name, compare, fitting
from spikerain_training.network import SpikeRain
from spikingjelly_network import SpikingJellySpikeRain, reset_net

# Like a published network, but with fewer blocks and channels: fast to build and to run.
SMALL = NetworkConfig(
    "small", 32, growth=8, units=2, timesteps=4, encoder=(1, 2, 1), decoder=(1, 1, 2)
)

# Replacements from the names of the oracle to the authors' names of the same layers.
ORACLE_TO_AUTHORS = (
    (r"^patch_embedding\.", "patch_embed.proj."),
    (r"^level(\d)\.", r"encoder_level\1."),
    (r"^back(\d)\.", r"decoder_level\1."),
    (r"^to_level2\.", "downsample_1_to_2.maxpool_conv."),
    (r"^to_level3\.", "downsample_2_to_3.maxpool_conv."),
    (r"^from_level3\.1\.", "upsample_3_to_2.up."),
    (r"^from_level2\.1\.", "upsample_2_to_1.up."),
    (r"^join2\.", "reduce_channels_2."),
    (r"^time_weights$", "temporal_fusion.weights"),
    (r"^arfe\.channel\.", "refinement.ca."),
    (r"^arfe\.spatial\.", "refinement.sa."),
    (r"^arfe\.gate\.", "refinement.gate."),
    (r"^to_image\.", "output_conv."),
    (r"\.scus\.", ".layers."),
    (r"\.fusion\.", ".lff."),
    (r"\.mdsa\.temporal\.", ".attn.temporal_fc.1."),
    (r"\.mdsa\.channel\.0\.", ".attn.channel_fc.1."),
    (r"\.mdsa\.channel\.2\.", ".attn.channel_fc.3."),
    (r"\.mdsa\.spatial\.", ".attn.spatial_conv.0."),
    (r"^((?!refinement).+)\.2\.(\w+)$", r"\1.2.bn.\2"),
)


def oracle(config: NetworkConfig, seed: int = 0) -> SpikingJellySpikeRain:
    """Returns an independent implementation with random weights and statistics."""
    torch.manual_seed(seed)
    network = SpikingJellySpikeRain(config)
    with torch.no_grad():
        randomise_norms(network)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.num_batches_tracked is not None
                module.num_batches_tracked.fill_(int(torch.randint(1, 1000, ())))
        network.time_weights.normal_()
        for name, value in network.named_parameters():
            if ".mdsa." in name:
                value.normal_(0, 1.0)
    # In double precision no rounding moves a potential across the threshold.
    return network.double().eval()


def as_authors_save_it(network: SpikingJellySpikeRain) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        tensor = value.float() if value.is_floating_point() else value.clone()
        for pattern, replacement in ORACLE_TO_AUTHORS:
            name = re.sub(pattern, replacement, name)
        if re.search(r"\.(temporal_fc|channel_fc)\.\d\.weight$", name):
            tensor = tensor[..., None, None, None]
        elif name.endswith(".spatial_conv.0.weight"):
            tensor = tensor[:, :, None]
        assert name not in state
        state[name] = tensor
    return state


def imported(state: dict[str, Tensor], config: NetworkConfig) -> SpikeRain:
    found = compare(state, config)
    assert found.complete, found.counts
    network = SpikeRain(config)
    network.load_state_dict(found.weights, strict=True)
    return network.double().eval()


def pictures_differ(ours: SpikeRain, theirs: SpikingJellySpikeRain, side: int = 16) -> float:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64)
    reset_net(theirs)
    with torch.no_grad():
        return float((ours(images) - theirs(images)).abs().max())


@pytest.fixture(scope="module")
def theirs() -> SpikingJellySpikeRain:
    return oracle(SMALL)


@pytest.fixture
def state(theirs: SpikingJellySpikeRain) -> dict[str, Tensor]:
    return as_authors_save_it(theirs)


@pytest.mark.slow
def test_imported_weights_give_the_outputs_of_the_spikingjelly_network(
    theirs: SpikingJellySpikeRain, state: dict[str, Tensor]
) -> None:
    assert pictures_differ(imported(state, SMALL), theirs, side=32) < 1e-4


@pytest.mark.slow
def test_imported_weights_of_s_give_the_outputs_of_the_spikingjelly_network() -> None:
    config = variants()["s"]
    theirs = oracle(config, seed=1)
    assert pictures_differ(imported(as_authors_save_it(theirs), config), theirs) < 1e-4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("encoder_level2.0.layers.1.1.weight", "encoder_level2.1.layers.1.1.weight"),
        ("encoder_level1.0.layers.0.2.bn.weight", "encoder_level1.0.layers.0.2.bn.bias"),
        ("encoder_level3.0.layers.0.2.bn.bias", "encoder_level3.0.layers.0.2.bn.running_mean"),
        ("encoder_level1.0.attn.temporal_fc.1.weight", "encoder_level1.0.attn.temporal_fc.1.bias"),
        ("decoder_level2.0.attn.channel_fc.1.weight", "decoder_level1.0.attn.channel_fc.1.weight"),
        ("decoder_level3.0.lff.1.weight", "decoder_level3.1.lff.1.weight"),
        ("reduce_channels_2.2.bn.running_var", "downsample_1_to_2.maxpool_conv.2.bn.running_var"),
        ("refinement.ca.1.weight", "refinement.sa.0.weight"),
        ("refinement.ca.3.bias", "refinement.gate.0.bias"),
    ],
)
def test_swapping_two_tensors_of_the_same_size_changes_the_output(
    theirs: SpikingJellySpikeRain, state: dict[str, Tensor], one: str, other: str
) -> None:
    assert compare({**state, one: state[other], other: state[one]}, SMALL).complete
    state[one], state[other] = state[other], state[one]

    assert pictures_differ(imported(state, SMALL), theirs) > 1e-3


def test_the_batch_count_of_batch_norms_is_imported(state: dict[str, Tensor]) -> None:
    network = imported(state, SMALL)
    seen = state["encoder_level2.1.layers.0.2.bn.num_batches_tracked"]
    found = network.get_buffer("encoder2.1.units.0.norm.num_batches_tracked")
    assert found.dtype is torch.int64
    assert int(found) == int(seen) > 0


@pytest.mark.parametrize(
    ("variant", "parameters", "last"),
    [
        ("s", 1_589_888, "encoder_level3.3.layers.3.1.weight"),
        pytest.param(
            *("m", 4_434_392, "encoder_level3.7.layers.3.1.weight"), marks=pytest.mark.slow
        ),
        pytest.param(
            *("l", 8_048_576, "decoder_level1.3.attn.spatial_conv.0.weight"), marks=pytest.mark.slow
        ),
    ],
)
def test_every_tensor_of_a_published_network_has_a_unique_authors_name(
    variant: str, parameters: int, last: str
) -> None:
    with torch.device("meta"):
        network = SpikeRain(variants()[variant])
    names = [authors_name(name) for name in network.state_dict()]

    assert parameter_count(network) == parameters
    assert len(set(names)) == len(names)
    assert last in names


@pytest.mark.slow
def test_weights_match_their_own_variant_only() -> None:
    state = as_authors_save_it(oracle(variants()["m"]))
    assert fitting(state) == ["m"]
    assert PUBLISHED == ("s", "m", "l")


def test_missing_unexpected_and_misshapen_tensors_are_told_apart(state: dict[str, Tensor]) -> None:
    complete = len(state)
    del state["patch_embed.proj.weight"]
    state["patch_embed.proj.bias"] = torch.zeros(32)
    state["output_conv.weight"] = torch.zeros(3, 64, 5, 5)
    # The same number of elements in another shape does not match.
    state["refinement.ca.1.weight"] = torch.zeros(64, 8, 1, 1)

    found = compare(state, SMALL)

    assert found.counts == {
        "matched": complete - 3,
        "missing": 1,
        "unexpected": 1,
        "misshapen": 2,
    }
    entries = {entry.theirs: entry for entry in found.entries}
    assert entries["patch_embed.proj.weight"].status == "missing"
    assert entries["patch_embed.proj.weight"].ours == "embed.weight"
    assert entries["patch_embed.proj.weight"].expected == (32, 3, 3, 3)
    assert entries["patch_embed.proj.bias"].status == "unexpected"
    assert entries["output_conv.weight"].found == (3, 64, 5, 5)
    assert entries["output_conv.weight"].expected == (3, 64, 3, 3)
    assert entries["refinement.ca.1.weight"].status == "misshapen"
    assert not {"embed.weight", "output.weight", "enhance.channel_squeeze.weight"} & set(
        found.weights
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensor: tensor.double(), "is float64"),
        (lambda tensor: tensor.long(), "is int64"),
        (lambda tensor: tensor / 0, "holds NaN or infinity"),
        (lambda tensor: tensor.to_sparse(), "is not a dense tensor"),
        (lambda tensor: tensor.to("meta"), "is not a dense tensor"),
        (lambda tensor: tensor.tolist(), "is a list, not a tensor"),
    ],
)
def test_tensors_that_cannot_be_converted_exactly_are_unusable(
    state: dict[str, Tensor], change: object, reason: str
) -> None:
    assert callable(change)
    state["output_conv.bias"] = change(state["output_conv.bias"])
    found = compare(state, SMALL)
    assert [(entry.theirs, entry.reason) for entry in found.entries if entry.reason] == [
        ("output_conv.bias", reason)
    ]
    assert not found.complete


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_converted_exactly(state: dict[str, Tensor], dtype: torch.dtype) -> None:
    half = state["output_conv.weight"].to(dtype)
    state["output_conv.weight"] = half
    taken = compare(state, SMALL).weights["output.weight"]
    assert taken.dtype is torch.float32
    assert torch.equal(taken.to(dtype), half)


def test_attention_weights_without_axes_of_length_one_are_accepted(
    theirs: SpikingJellySpikeRain, state: dict[str, Tensor]
) -> None:
    squeezed = {
        name: tensor.squeeze() if ".attn." in name else tensor for name, tensor in state.items()
    }
    assert pictures_differ(imported(squeezed, SMALL), theirs) < 1e-4


def test_imported_weights_are_copies(state: dict[str, Tensor]) -> None:
    taken = compare(state, SMALL).weights["output.bias"]
    before = taken.clone()
    state["output_conv.bias"].add_(1)
    assert torch.equal(taken, before)
