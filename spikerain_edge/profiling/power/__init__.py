"""Measured energy: what the board itself reports. Nothing here is estimated."""

from spikerain_edge.profiling.power.discovery import open_meters
from spikerain_edge.profiling.power.measurement import Measurement, RailEnergy, measure
from spikerain_edge.profiling.power.meter import PowerMeter, Sampling
from spikerain_edge.profiling.power.running import MeasuredEnergy, RunMeter
from spikerain_edge.profiling.power.sysfs import RailError

__all__ = [
    "MeasuredEnergy",
    "Measurement",
    "PowerMeter",
    "RailEnergy",
    "RailError",
    "RunMeter",
    "Sampling",
    "measure",
    "open_meters",
]
