from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from export_parts import TRAINED, origin_of, rained_on, scenes
from onnx import helper
from precision_parts import photograph
from rich.console import Console
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from spikerain_edge.errors import ModelError
from spikerain_edge.images import Image
from spikerain_edge.inference import Derainer
from spikerain_export.conversion import Artefact, Request, convert
from spikerain_export.gates import gates, require
from spikerain_export.origin import Graph, Origin, open_origin
from spikerain_export.spikes import spike_differences
from spikerain_export.tables import proof_table
from spikerain_export.truth import Scene
from spikerain_export.verification import Proof, measure, time_in_turn
from spikerain_training.network import SpikeRain


@pytest.fixture(scope="module")
def origin() -> Origin:
    return open_origin("nano")


@pytest.fixture(scope="module")
def full(origin: Origin) -> Artefact:
    return convert(origin, Request())


@pytest.fixture(scope="module")
def bytes8(origin: Origin) -> Artefact:
    others = [photograph(96, 96)[:, ::-1], rained_on(photograph(96, 96))]
    return convert(
        origin, Request("int8"), [Scene(np.ascontiguousarray(image)) for image in others]
    )


@pytest.fixture(scope="module")
def proofs(full: Artefact, bytes8: Artefact) -> tuple[Proof, ...]:
    return measure(full, [bytes8], scenes())


def pictures(artefact: Artefact) -> list[list[Image]]:
    with Derainer.from_bytes(artefact.content) as derainer:
        return [[derainer(scene.rainy) for scene in group] for group in scenes()]


def luma(image: Image) -> npt.NDArray[np.float64]:
    return np.asarray(rgb2ycbcr(image[..., ::-1])[..., 0], np.float64)


@pytest.mark.slow
def test_agreement_is_the_psnr_at_each_size(
    full: Artefact, bytes8: Artefact, proofs: tuple[Proof, ...]
) -> None:
    expected, made = pictures(full), pictures(bytes8)
    known = {
        label: peak_signal_noise_ratio(np.stack(wanted), np.stack(actual), data_range=255)
        for label, wanted, actual in zip(("72x64", "64x48"), expected, made, strict=True)
    }
    assert proofs[1].psnr == pytest.approx(known)
    singles = [
        peak_signal_noise_ratio(one, two, data_range=255)
        for wanted, actual in zip(expected, made, strict=True)
        for one, two in zip(wanted, actual, strict=True)
    ]
    assert proofs[1].worst == pytest.approx(min(singles))


@pytest.mark.slow
def test_the_loss_is_the_difference_of_both_scores_against_the_clean_image(
    full: Artefact, bytes8: Artefact, proofs: tuple[Proof, ...]
) -> None:
    known = []
    for group, before, after in zip(scenes(), pictures(full), pictures(bytes8), strict=True):
        truth = group[0].clean
        assert truth is not None
        kept = [luma(image) for image in (before[0], after[0])]
        known.append(
            [
                peak_signal_noise_ratio(luma(truth), kept[0], data_range=255)
                - peak_signal_noise_ratio(luma(truth), kept[1], data_range=255),
                *(
                    structural_similarity(
                        luma(truth),
                        image,
                        data_range=255,
                        gaussian_weights=True,
                        sigma=1.5,
                        use_sample_covariance=False,
                    )
                    for image in kept
                ),
            ]
        )
    psnr_lost, ssim_before, ssim_after = np.mean(known, axis=0)
    assert proofs[1].psnr_loss is not None
    assert proofs[1].psnr_loss.mean == pytest.approx(psnr_lost, abs=1e-6)
    assert proofs[1].ssim_loss == pytest.approx(ssim_before - ssim_after, abs=1e-5)


@pytest.mark.slow
def test_a_worse_graph_has_a_loss_and_a_better_graph_a_gain(
    full: Artefact, bytes8: Artefact
) -> None:
    rainy = rained_on(photograph(48, 64))
    with Derainer.from_bytes(full.content) as derainer:
        truth = derainer(rainy)
    (_, worse) = measure(full, [bytes8], [[Scene(rainy, truth)]])
    assert worse.psnr_loss is not None
    assert worse.psnr_loss.mean > 50
    with Derainer.from_bytes(bytes8.content) as derainer:
        truth = derainer(rainy)
    (same, better) = measure(full, [bytes8], [[Scene(rainy, truth)]])
    assert better.psnr_loss is not None
    assert same.psnr_loss is not None
    assert better.psnr_loss.mean < -50
    assert same.psnr_loss.mean == 0


@pytest.mark.slow
def test_without_a_network_the_fp32_graph_is_its_own_reference(
    proofs: tuple[Proof, ...], full: Artefact
) -> None:
    assert set(proofs[0].psnr.values()) == {math.inf}
    assert proofs[0].psnr_loss is not None
    assert (proofs[0].psnr_loss.mean, proofs[0].spikes) == (0, ())
    assert [proof.reference for proof in proofs] == ["itself", "onnx fp32"]
    assert proofs[0].size_bytes == len(full.content)
    assert [proof.precision for proof in proofs] == ["fp32", "int8"]
    assert proofs[1].target == "onnxruntime"


def test_the_network_is_the_reference_of_the_fp32_graph(full: Artefact) -> None:
    (proof,) = measure(full, [], scenes(), lambda image: np.zeros_like(image))
    wanted = np.stack(pictures(full)[0])
    known = peak_signal_noise_ratio(np.zeros_like(wanted), wanted, data_range=255)
    assert proof.psnr["72x64"] == pytest.approx(known)
    assert proof.reference == "pytorch"


@pytest.mark.slow
def test_lower_precisions_are_always_compared_with_the_fp32_graph(
    full: Artefact, bytes8: Artefact, proofs: tuple[Proof, ...]
) -> None:
    beside = measure(full, [bytes8], scenes(), lambda image: np.zeros_like(image))
    assert beside[1].psnr == proofs[1].psnr
    assert beside[1].psnr_loss == proofs[1].psnr_loss


@pytest.mark.slow
def test_the_shipped_graph_agrees_with_its_checkpoint(full: Artefact) -> None:
    from spikerain_training.restore import restore

    network = open_origin(str(TRAINED)).network
    assert network is not None
    (proof,) = measure(full, [], scenes(), lambda image: restore(network, image))
    require(proof)


def test_an_fp32_graph_that_is_worse_than_its_network_fails(full: Artefact) -> None:
    rainy = rained_on(photograph(48, 64))
    with Derainer.from_bytes(full.content) as derainer:
        truth = derainer(rainy).copy()
    truth[0, 0] ^= 1
    (proof,) = measure(full, [], [[Scene(rainy, truth)]], lambda image: truth)
    assert min(proof.psnr.values()) > gates()["fp32"].psnr
    with pytest.raises(ModelError, match=r"loses [0-9.]+ dB of PSNR against the clean"):
        require(proof)


@pytest.mark.slow
def test_the_table_shows_no_agreement_for_a_graph_without_a_reference(
    proofs: tuple[Proof, ...],
) -> None:
    def shown(reference: str) -> str:
        console = Console(width=200, record=True, file=io.StringIO())
        console.print(proof_table([replace(proofs[0], reference=reference), proofs[1]]))
        (line,) = (line for line in console.export_text().splitlines() if line.startswith("fp32 "))
        return line

    assert "equal" not in shown("itself")
    assert shown("itself").split()[1:7] == ["reference", "reference", "-", "-", "-", "-"]
    assert shown("pytorch").split()[1:4] == ["equal", "equal", "equal"]


def test_scenes_without_a_clean_image_give_no_loss(full: Artefact) -> None:
    (proof,) = measure(full, [], [[Scene(photograph(48, 64))]])
    assert (proof.psnr_loss, proof.ssim_loss) == (None, None)
    require(proof)


def test_latencies_are_measured_in_alternating_rounds() -> None:
    called: list[int] = []

    def derain(number: int) -> Derainer:
        return lambda image: called.append(number)  # type: ignore[return-value]

    timings = time_in_turn([derain(0), derain(1)], Scene(photograph(48, 64)), rounds=3)
    assert called == [0, 1] * 4
    assert all(0 <= each.least <= each.median <= each.most for each in timings)


def test_a_graph_compared_with_itself_has_no_different_spikes(full: Artefact) -> None:
    found = spike_differences(
        full.graph, full.graph, [Scene(photograph()), Scene(photograph(40, 64))]
    )
    assert [layer.layer for layer in found] == [one.name for one in full.graph.spec.neurons]
    assert {layer.share for layer in found} == {0}
    assert all(0 <= layer.rate <= 1 for layer in found)
    assert any(layer.rate > 0 for layer in found)


def inverted(graph: Graph, spikes: str) -> Graph:
    """The graph with one of its spike tensors inverted."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    (node,) = (each for each in model.graph.node if spikes in each.output)
    node.output[0] = "before"
    one = next(each.name for each in model.graph.initializer if each.name == "scalar/1")
    place = list(model.graph.node).index(node) + 1
    model.graph.node.insert(place, helper.make_node("Sub", [one, "before"], [spikes]))
    return Graph(model, graph.spec)


@pytest.mark.slow
def test_different_spikes_are_counted_in_their_own_layer(
    published: SpikeRain, tmp_path: Path
) -> None:
    probe = origin_of(published, tmp_path / "checkpoint").probe
    assert probe is not None
    last = probe.spec.neurons[-1]
    found = spike_differences(probe, inverted(probe, last.spikes[-1]), [Scene(photograph(48, 64))])
    # All neurons of the last layer differ at one of three timesteps; no layer reads them.
    assert {one.layer: one.share for one in found if one.share} == {last.name: pytest.approx(1 / 3)}


@pytest.mark.slow
def test_spikes_are_compared_correctly_across_channel_layouts(
    full: Artefact, bytes8: Artefact
) -> None:
    """At 128x128, layers of nano have 16 channels of 16x16: both layouts have the same shape."""
    image = photograph(128, 128)
    found = spike_differences(full.graph, bytes8.graph, [Scene(image)])
    assert max(layer.share for layer in found) > 0
    by_rows = spike_differences(full.graph, bytes8.graph, [Scene(image[:, :120])])
    for square, other in zip(found, by_rows, strict=True):
        # If the layouts were mixed up, the share would be near 2 * rate * (1 - rate).
        assert square.share < 3 * other.share + 0.02, square.layer
