"""The run as metrics that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import InfoMetricFamily

from spikerain_edge.serving.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99"}
_READY = ("spikerain_ready", "1 if a frame is newer than the stall time-out.")
_CONNECTED = ("spikerain_camera_connected", "1 while the camera sends frames.")
_FIRING = ("spikerain_firing_ratio", "Share of neurons that fire, in the latest frame looked at.")
_OUTAGES = ("spikerain_outages", "Latest outages of the camera, 1000 at most.")
_OUTAGES_SECONDS = ("spikerain_outages_seconds", "Length of these outages together.")
_OUTPUTS = ("spikerain_output_frames", "Frames of an output, by what became of them.")
_RAIN = ("spikerain_rain_state", "1 for the state that holds.")
_INTENSITY = ("spikerain_rain_intensity", "Light that the network removes from the rain.")
_MEASURED = ("spikerain_measured_energy_joules", "Energy of the run, read from a power rail.")
_BYPASSED = ("spikerain_frames_bypassed", "Frames that passed unchanged.")
_RESTARTS = ("spikerain_restarts", "Frames that a video model read without the one before.")
_NOW = (
    ("fps", "spikerain_frames_per_second", "Rate over the latest five seconds.", 1.0),
    ("silent_seconds", "spikerain_silent_seconds", "Time since the newest frame.", 1.0),
    ("energy_mj", "spikerain_frame_energy_joules", "Estimated, operations alone, mean.", 1e-3),
    ("whole_energy_mj", "spikerain_frame_whole_energy_joules", "Estimated with memory.", 1e-3),
    ("viewers", "spikerain_viewers", "Streams that are being watched.", 1.0),
)
_COUNTS = (
    ("frames", "spikerain_frames", "Frames written."),
    ("dropped", "spikerain_frames_dropped", "Frames that gave way to newer ones."),
    ("missing", "spikerain_frames_missing", "Frames that could not be used."),
    ("corrupt", "spikerain_frames_corrupt", "Frames that arrived damaged."),
)
_TIMES = (
    ("latency_ms", "spikerain_inference_seconds", "Time in the network, latest 65536 frames."),
    ("end_to_end_ms", "spikerain_end_to_end_seconds", "Time from capture to the last output."),
    ("age_ms", "spikerain_age_seconds", "Age of a camera's frames at the last output."),
)


class Metrics:
    """Metrics of a run and of its process, made when they are asked for.

    Args:
        status: tells how the run is doing.
    """

    def __init__(self, status: Status) -> None:
        self._status = status
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Returns all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Names no metric in advance, so that nothing is collected when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics of the run."""
        families = Families()
        status, summary = self._status, self._status.summary()
        for camera, live in enumerate(status.live()):
            name = live["camera"]
            families.gauge(*_READY, status.ready(camera), camera=name)
            families.gauge(*_CONNECTED, live["state"] == "streaming", camera=name)
            _add_now(families, name, live)
            if summary is not None:
                document = summary["cameras"][camera]
                _add_counts(families, name, document)
                _add_times(families, name, document)
                _add_rain(families, name, document.get("rain"))
        if summary is not None:
            _add_measured(families, summary["measured_energy"])
        yield from families.all()
        if summary is not None:
            yield _about(summary)


class Families:
    """Metrics by name, each with the samples of all cameras."""

    def __init__(self) -> None:
        self._found: dict[str, Metric] = {}

    def gauge(self, name: str, text: str, value: float | None, **labels: str) -> None:
        """Adds a value that goes up and down; None if it is not known."""
        if value is not None:
            self.add("gauge", name, text, float(value), **labels)

    def counter(self, name: str, text: str, value: float, **labels: str) -> None:
        """Adds a count."""
        self.add("counter", name, text, value, **labels)

    def add(self, kind: str, name: str, text: str, value: float, **labels: str) -> None:
        """Adds a value of this kind."""
        family = self._found.setdefault(name, Metric(name, text, kind))
        family.add_sample(f"{name}_total" if kind == "counter" else name, labels, value)

    def all(self) -> Iterable[Metric]:
        """Returns all metrics."""
        return self._found.values()


def _add_now(families: Families, camera: str, live: Mapping[str, Any]) -> None:
    for key, name, text, scale in _NOW:
        value = live[key]
        families.gauge(name, text, None if value is None else value * scale, camera=camera)
    for row in live["firing_rates"]:
        families.gauge(*_FIRING, row["rate"], camera=camera, layer=row["layer"])


def _add_counts(families: Families, camera: str, document: Mapping[str, Any]) -> None:
    for key, name, text in _COUNTS:
        families.counter(name, text, document[key], camera=camera)
    outages = document["outages"]
    families.gauge(*_OUTAGES, len(outages), camera=camera)
    lasted = sum(outage["seconds"] for outage in outages)
    families.gauge(*_OUTAGES_SECONDS, lasted, camera=camera)
    for reason, count in (document.get("restarts") or {}).items():
        families.counter(*_RESTARTS, count, camera=camera, reason=reason)
    for output in document["outputs"]:
        for result in ("written", "dropped", "failed"):
            labels = {"camera": camera, "output": output["output"], "result": result}
            families.counter(*_OUTPUTS, output[result], **labels)


def _add_times(families: Families, camera: str, document: Mapping[str, Any]) -> None:
    for key, name, text in _TIMES:
        for rank, milliseconds in document[key].items():
            labels = {"camera": camera, "quantile": _QUANTILES[rank]}
            families.add("summary", name, text, milliseconds / 1e3, **labels)


def _add_measured(families: Families, measured: Mapping[str, Any]) -> None:
    if measured["joules"] is not None:
        families.counter(*_MEASURED, measured["joules"], rail=measured["rail"])


def _add_rain(families: Families, camera: str, rain: Mapping[str, Any] | None) -> None:
    if rain is None:
        return
    for state in ("rain", "dry", "unknown"):
        families.gauge(*_RAIN, rain["state"] == state, camera=camera, state=state)
    families.gauge(*_INTENSITY, rain["intensity"], camera=camera)
    families.counter(*_BYPASSED, rain["bypassed"], camera=camera)


def _about(summary: Mapping[str, Any]) -> Metric:
    about = InfoMetricFamily("spikerain_build", "What runs.")
    facts = {key: str(summary[key]) for key in ("model", "variant", "precision", "backend")}
    about.add_metric((), {"version": version("spikerain-edge"), **facts})
    return about
