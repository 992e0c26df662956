"""`spikerain-train evaluate --video`: measures methods on clips."""

from __future__ import annotations

import csv as csv_files
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from spikerain_edge.console import counting_bar, write_json
from spikerain_edge.errors import InputError
from spikerain_edge.files import write_whole
from spikerain_training.commands.tables import aligned, interval, number, show
from spikerain_training.evaluation.clip_scores import TRACK_LENGTH, WARM_UP
from spikerain_training.evaluation.clip_summary import ClipSummary, summarise_clips
from spikerain_training.evaluation.clips import (
    FRAMES,
    RealScore,
    SeededScore,
    clip_scenes,
    real_scores,
    seeded_scores,
)
from spikerain_training.evaluation.outcomes import RAINY
from spikerain_training.evaluation.summary import Mean, finite
from spikerain_training.evaluation.video_methods import open_video_method

_SEEDED = ("camera, rain", "method", "dB", "SSIM", "flicker")
_COMPARED = ("gain dB", "95 % interval", "flicker ratio", "95 % interval")


def evaluate_video(
    models: Sequence[str],
    photographs: Path | None,
    clips: Sequence[Path],
    limit: int | None,
    seed: int,
    console: Console,
    csv: Path | None = None,
    json: str | None = None,
) -> None:
    """Measures methods on seeded clips of photographs and on real clips; prints tables.

    Args:
        models: values of `--model`; the others are compared with the first.
        photographs: folder of clean images, of which clips are made; None for real clips only.
        clips: videos of a static camera without ground truth.
        limit: use only this many photographs.
        seed: seed of the bootstrap.
        console: where progress is shown, and the tables if JSON goes to standard output.
        csv: file for the scores of every seeded clip.
        json: file for means and scores; `-` for standard output.

    Raises:
        InputError: a model, a photograph or a clip cannot be used, two methods have one name, or
            there are no photographs to write scores of.
        CheckpointError: a checkpoint is damaged.
        ModelError: a model cannot be used.
    """
    if csv and photographs is None:
        raise InputError(
            "--csv holds the scores of photographs, and none are given", "add --data, or use --json"
        )
    with ExitStack() as stack:
        methods = [stack.enter_context(open_video_method(given)) for given in models]
        names = [RAINY, *(method.name for method in methods)]
        if len(set(names)) < len(names):
            raise InputError(
                f"two methods have the same name ({', '.join(names)})",
                "choose another name: --model NAME=MODEL",
            )
        real = [score for path in clips for score in real_scores(path, methods)]
        scenes = clip_scenes(photographs, limit) if photographs else []
        with counting_bar(console) as bar:
            tracked = bar.track(scenes, description="evaluating")
            seeded = list(seeded_scores(tracked, methods))
    means = summarise_clips(seeded, seed)
    place = None if json != "-" else console
    try:
        if seeded:
            show(_seeded_table(means, methods[0].name), place)
        if real:
            show(_real_table(real), place)
    # The files are written even if the reader of standard output stops, as `head` does.
    finally:
        if csv:
            _write_csv(csv, seeded)
        if json:
            write_json(_document(means, seeded, real), json)


def require_video(stills: Mapping[str, object], *, video: bool) -> None:
    """Checks that the options of `evaluate` fit to clips.

    Args:
        stills: options that need single images, and their values.
        video: whether `--video` is given.

    Raises:
        InputError: `--video` is missing, or one of the other options is given.
    """
    if not video:
        raise InputError("--clip needs --video", "add --video")
    for name, value in stills.items():
        if value:
            raise InputError(f"{name} cannot be used with --video", f"leave out {name}")


def _seeded_table(means: Sequence[ClipSummary], first: str) -> str:
    rows = [[*_SEEDED, *_COMPARED]]
    rows += [
        [
            *(mean.condition, mean.method),
            number(mean.mean["psnr_y"].mean, ".2f"),
            number(mean.mean["ssim_y"].mean, ".4f"),
            number(mean.mean["flicker"].mean, ".2f"),
            *_compared(mean),
        ]
        for mean in means
    ]
    return aligned(
        f"On luma, frames {WARM_UP + 1} to {FRAMES}; flicker in levels; compared with {first}", rows
    )


def _compared(mean: ClipSummary) -> list[str]:
    if not mean.gain or mean.flicker_ratio is None:
        return ["-"] * len(_COMPARED)
    gain, ratio = mean.gain["psnr_y"], mean.flicker_ratio
    return [number(gain.mean, "+.2f"), interval(gain), number(ratio.mean, ".2f"), _ends(ratio)]


def _ends(mean: Mean) -> str:
    return f"{mean.low:.2f} to {mean.high:.2f}"


def _real_table(scores: Sequence[RealScore]) -> str:
    inputs = {score.clip: score for score in scores if score.method == RAINY}
    rows = [["clip", "method", "change", "over rainy", "tracks", "over rainy"]]
    for score in scores:
        rainy = inputs[score.clip]
        rows.append(
            [
                *(score.clip, score.method),
                number(score.change, ".2f"),
                number(score.change / rainy.change if rainy.change else math.nan, ".2f"),
                number(score.tracks, ".1f"),
                number(score.tracks / rainy.tracks if rainy.tracks else math.nan, ".2f"),
            ]
        )
    return aligned(
        f"Change of static regions from frame to frame in levels; tracks that live {TRACK_LENGTH} "
        "frames",
        rows,
    )


def _write_csv(path: Path, scores: Sequence[SeededScore]) -> None:
    text = io.StringIO(newline="")
    rows = [score.row() for score in scores]
    writer = csv_files.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode(errors="surrogateescape"))


def _document(
    means: Sequence[ClipSummary], seeded: Sequence[SeededScore], real: Sequence[RealScore]
) -> dict[str, Any]:
    return {
        "means": [mean.to_dict() for mean in means],
        "clips": [score.row() for score in seeded],
        "real": [asdict(score) | {"tracks": finite(score.tracks)} for score in real],
    }
