"""An HTML page with the images of all methods side by side, and enlarged details.

The page is one file. It loads no other files and contains no script.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2

from spikerain_edge.files import write_whole
from spikerain_edge.images import Image
from spikerain_edge.images.metrics import Quality
from spikerain_training.evaluation.insets import Inset, most_changed
from spikerain_training.evaluation.outcomes import RAINY, TRUTH, Outcome, Score
from spikerain_training.evaluation.summary import Mean, Summary

_LONGEST = 800
"""Longer side of embedded images in pixels: twice the width of a column on a large screen."""
_LABELS = {RAINY: "Rainy", TRUTH: "Truth"}
_CONDITIONS = {
    "light": "light rain",
    "medium": "medium rain",
    "heavy": "heavy rain",
    "none": "no rain",
    "paired": "",
    "real": "photograph",
}


@dataclass(frozen=True)
class Figure:
    """One scene as HTML with embedded images.

    Attributes:
        condition: condition of the scene.
        markup: HTML element.
    """

    condition: str
    markup: str


def draw(outcome: Outcome, scores: Sequence[Score]) -> Figure:
    """Draws a scene: the rainy image, the image of each method, and the ground truth.

    The details that are enlarged are those that the first method changed most.

    Args:
        outcome: images of the scene.
        scores: scores of the scene; empty without ground truth.
    """
    pictures = dict(outcome.restored)
    first, second = [*pictures.values(), pictures[RAINY]][:2]
    if outcome.truth is not None:
        pictures[TRUTH] = outcome.truth
    insets = most_changed(first, second)
    reached = {score.method: score.quality for score in scores}
    columns = "".join(
        _column(name, picture, insets, reached.get(name)) for name, picture in pictures.items()
    )
    scene = outcome.scene
    words = " · ".join(filter(None, (scene.name, _CONDITIONS.get(scene.condition))))
    return Figure(
        scene.condition,
        f'<figure style="--columns:{len(pictures)}"><figcaption>{html.escape(words)}</figcaption>'
        f'<div class="columns">{columns}</div></figure>',
    )


def page(title: str, figures: Iterable[Figure], summaries: Sequence[Summary]) -> str:
    """Returns the HTML page.

    Args:
        title: heading, such as the names of the methods.
        figures: scenes in the order of the page.
        summaries: means for the table at the top; may be empty.
    """
    style = files("spikerain_training.evaluation").joinpath("gallery.css").read_text("utf-8")
    shown = "".join(figure.markup for figure in figures)
    name = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{name}</title><style>{style}</style></head><body><h1>{name}</h1>"
        f"{_table(summaries)}<main>{shown}</main></body></html>\n"
    )


def write(path: Path, content: str) -> None:
    """Writes the page; the file appears complete or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_whole(path, content.encode(errors="surrogateescape"))


def _column(name: str, picture: Image, insets: Sequence[Inset], reached: Quality | None) -> str:
    label = html.escape(_LABELS.get(name, name))
    height, width = picture.shape[:2]
    marks = "".join(_mark(inset, height, width) for inset in insets)
    zooms = "".join(
        f'<img class="zoom" src="{_png(inset.crop(picture))}" alt="{label}, enlarged">'
        for inset in insets
    )
    return (
        f'<div class="column"><h2>{label}</h2><div class="whole">'
        f'<img src="{_jpeg(picture)}" width="{width}" height="{height}" alt="{label}">{marks}</div>'
        f'<div class="zooms">{zooms}</div><p>{_measures(reached)}</p></div>'
    )


def _mark(inset: Inset, height: int, width: int) -> str:
    left, top = 100 * inset.left / width, 100 * inset.top / height
    across, down = 100 * inset.side / width, 100 * inset.side / height
    place = f"left:{left:.2f}%;top:{top:.2f}%;width:{across:.2f}%;height:{down:.2f}%"
    return f'<span class="mark" style="{place}"></span>'


def _measures(reached: Quality | None) -> str:
    if reached is None or math.isinf(reached.psnr_y):
        return ""
    return f"<b>{reached.psnr_y:.2f} dB</b> <span>SSIM {reached.ssim_y:.4f}</span>"


def _table(summaries: Sequence[Summary]) -> str:
    if not summaries:
        return ""
    names = ("", "Method", "Rainy, dB", "Restored, dB", "Gain, dB", "SSIM", "Images")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(_row(summary) for summary in summaries)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div><p>PSNR and SSIM on MATLAB luma (BT.601, 16 to 235), means over images; in brackets "
        "the 95 % bootstrap interval.</p>"
    )


def _row(summary: Summary) -> str:
    rainy, restored = summary.rainy, summary.restored
    cells = (
        _CONDITIONS.get(summary.condition) or summary.condition,
        summary.method,
        _number(rainy["psnr_y"], ".2f"),
        _number(restored["psnr_y"].mean, ".2f"),
        _with_interval(summary.gain["psnr_y"], "+.2f"),
        f"{_number(rainy['ssim_y'], '.4f')} → {_number(restored['ssim_y'].mean, '.4f')}",
        str(summary.images),
    )
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "—"


def _with_interval(mean: Mean, form: str) -> str:
    if not math.isfinite(mean.low):
        return _number(mean.mean, form)
    return f"{mean.mean:{form}} [{mean.low:{form}}, {mean.high:{form}}]"


def _jpeg(image: Image) -> str:
    height, width = image.shape[:2]
    scale = _LONGEST / max(height, width)
    if scale < 1:
        shown = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, shown, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return f"data:image/jpeg;base64,{_base64(content.tobytes())}"


def _png(image: Image) -> str:
    return f"data:image/png;base64,{_base64(cv2.imencode('.png', image)[1].tobytes())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
