"""Says once what a video has that its frames do not keep."""

from __future__ import annotations

import logging

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

_log = logging.getLogger(__name__)
_BITS = 8
# Transfer functions of HDR: PQ and HLG, as FFmpeg numbers them.
_HDR = {16: "PQ", 18: "HLG"}


def is_cover(stream: VideoStream) -> bool:
    """Whether a stream is the picture on the cover of an album, not a video."""
    return bool(stream.disposition & Disposition.attached_pic)


def tell_losses(container: InputContainer, stream: VideoStream, label: str) -> None:
    """Warns of further videos, of depth, of opacity and of HDR, which are not kept.

    Args:
        container: the file.
        stream: its video that is read.
        label: what to call the file.
    """
    videos = [each for each in container.streams.video if not is_cover(each)]
    if len(videos) > 1:
        place = videos.index(stream) + 1
        _log.warning("%s holds %d videos; number %d is read", label, len(videos), place)
    form = stream.codec_context.format
    if form is None:
        return
    if any(component.bits > _BITS for component in form.components):
        _log.warning("%s has more than 8 bits per channel; it is read with 8", label)
    # VP8 and VP9 hold opacity beside the video, which FFmpeg's decoders leave out.
    beside = stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1"
    if beside or any(component.is_alpha for component in form.components):
        _log.warning("%s is transparent; its opacity is not kept", label)
    curve = _HDR.get(int(stream.codec_context.color_trc or 0))
    if curve:
        _log.warning("%s is HDR (%s); its brightness is not converted", label, curve)
