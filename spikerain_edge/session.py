"""One run: opens the model, the cameras and their outputs, derains, and summarises the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spikerain_edge.camera_now import CameraNow
from spikerain_edge.camera_stream import CameraStream, Show, show_nobody
from spikerain_edge.errors import SpikeRainError
from spikerain_edge.files import require_writable
from spikerain_edge.inference import Derainer
from spikerain_edge.inference.backends import backend_named
from spikerain_edge.metered import SharedEngine
from spikerain_edge.models import IMAGE_MODEL
from spikerain_edge.profiling.live import FrameCost, mean_cost
from spikerain_edge.profiling.power import RunMeter
from spikerain_edge.run_options import RunOptions, check_cameras, check_outputs
from spikerain_edge.run_summary import status_line, total
from spikerain_edge.stream.concurrently import call_all, run_all
from spikerain_edge.stream.frame import Frame
from spikerain_edge.stream.gate_mode import GateMode
from spikerain_edge.stream.sources import check_uri, may_be_absent
from spikerain_edge.stream.traffic import Traffic
from spikerain_edge.stream.turns import Turns
from spikerain_edge.stream.uris import without_password

_log = logging.getLogger(__name__)


class Session:
    """Cameras, a derainer that they share, and outputs, opened and connected.

    Args:
        options: options of the run.
        progress: called with each frame after it is written, on any thread.
        show: called with the number of the camera and each image before and after the network, on
            any thread.

    Raises:
        SpikeRainError: the model, a source or a sink cannot be opened; nothing was written.
    """

    def __init__(
        self,
        options: RunOptions,
        progress: Callable[[Frame], None] = lambda frame: None,
        show: Show = show_nobody,
    ) -> None:
        check_cameras(options)
        if options.json not in (None, "-"):
            require_writable(Path(options.json))
        self._options = options
        provider = backend_named(options.backend)
        with ExitStack() as opened:
            self._derainer = Derainer.load(
                options.model,
                provider=provider,
                threads=options.threads,
                probe=True,
                tile=options.tile,
                spin=False,  # decoders and encoders run beside the network
            )
            opened.callback(self._derainer.close)
            self._tester = self._derainer
            # The rain gate needs a network for single images: see `Gate`.
            if options.gate is GateMode.AUTO and self._derainer.spec.reads_video:
                self._tester = Derainer.load(
                    IMAGE_MODEL, provider=provider, threads=options.threads, spin=False
                )
                opened.callback(self._tester.close)
            engine = SharedEngine(self._derainer, self._tester, Turns())
            self._streams = [
                CameraStream(options, index, engine, progress, show)
                for index in range(len(options.cameras))
            ]
            for stream in self._streams:
                opened.callback(stream.close)
            self._open()
            opened.pop_all()
        on_gpu = any(name in self._derainer.backend for name in ("CUDA", "TensorRT"))
        self._power = RunMeter.open(gpu=on_gpu)
        _log.debug("running %s on %s", self._derainer.spec.name, self._derainer.backend)

    @property
    def expected(self) -> int | None:
        """Number of frames to expect; None if it is unknown."""
        expected = 0
        for stream in self._streams:
            if stream.expected is None:
                return None
            expected += stream.expected
        return expected

    @property
    def traffics(self) -> list[Traffic]:
        """Counts and times of the frames of each camera so far."""
        return [stream.traffic for stream in self._streams]

    @property
    def cost(self) -> FrameCost | None:
        """Mean cost of a frame so far; None before the first frame."""
        return mean_cost([stream.costs for stream in self._streams])

    @property
    def stuck(self) -> float:
        """Seconds for which a frame has been worked on, or a camera's driver has not returned."""
        return max(stream.stuck for stream in self._streams)

    @property
    def now(self) -> list[CameraNow]:
        """How each camera is doing now."""
        return [stream.now for stream in self._streams]

    @property
    def status(self) -> str:
        """One line about the run so far."""
        return status_line([stream.record for stream in self._streams])

    def stop(self) -> None:
        """Requests an early end of the run; safe to call in a signal handler."""
        for stream in self._streams:
            stream.stop()

    def cut(self) -> None:
        """Begins a new file of every recording; safe in a signal handler."""
        for stream in self._streams:
            stream.cut()

    def run(self) -> None:
        """Runs all cameras to their ends; one that fails does not end the others.

        Raises:
            SpikeRainError: a source, the engine or a sink failed; written files are complete.
        """
        with self._derainer, self._tester, self._power:
            run_all(self._streams)

    def summary(self, failure: SpikeRainError | None = None) -> dict[str, Any]:
        """Returns the summary that `--json` writes.

        Args:
            failure: the error that `run` raised, if any.
        """
        spec = self._derainer.spec
        records = [stream.record for stream in self._streams]
        cameras = [without_password(camera) for camera in self._options.cameras]
        together = total(records, failure)
        return {
            **together.document(),
            "cameras": [
                {"camera": camera, **record.document()}
                for camera, record in zip(cameras, records, strict=True)
            ],
            "model": spec.name,
            "variant": spec.variant,
            "timesteps": spec.timesteps,
            "precision": spec.precision,
            "backend": self._derainer.backend,
            "energy_prices": "energy_mj_per_frame: operations alone, snn-derain: 12.5 pJ per "
            "analogue MAC, 77 fJ per SOP; whole_energy: with memory traffic and neuron updates",
            "measured_energy": self._power.energy(together.traffic.frames).document(),
            "options": {
                **asdict(self._options),
                "camera": cameras[0] if len(cameras) == 1 else None,
                "cameras": cameras,
                "outputs": [without_password(output) for output in self._options.outputs],
            },
        }

    def _open(self) -> None:
        """Opens sources and outputs, except those of cameras that others do not wait for."""
        for camera in self._options.cameras:
            check_uri(camera, self._options.capture)
        waits = self._options.capture.wait_for_camera and len(self._streams) > 1
        opened = [
            stream
            for stream, camera in zip(self._streams, self._options.cameras, strict=True)
            if not (waits and may_be_absent(camera))
        ]
        call_all([stream.open for stream in opened])
        check_outputs(self._options, [stream.source for stream in opened if stream.source])
        for stream in opened:
            stream.connect()
