"""Renders rain, curtains of rain, fog and snow for the demo camera, training and evaluation.

Each kind of weather has a style that describes its appearance, a sampler of random styles, and a
class whose objects render one seeded instance of it on pictures of one size. Rendered at successive
times, measured in frames, it moves like weather on video.
"""

from spikerain_edge.images import Image
from spikerain_edge.weather.base import Layer, Weather
from spikerain_edge.weather.curtain import Curtain, CurtainStyle, sample_curtain_style
from spikerain_edge.weather.fog import Fog, FogStyle, sample_fog_style
from spikerain_edge.weather.kinds import kinds, sample_weather
from spikerain_edge.weather.misty_rain import MistyRain, sample_misty_rain
from spikerain_edge.weather.rain import Rain, blend
from spikerain_edge.weather.rain_style import (
    Blend,
    RainStyle,
    sample_defocused_style,
    sample_downpour_style,
    sample_style,
    sample_wide_style,
)
from spikerain_edge.weather.snow import Snow, SnowStyle, sample_snow_style

__all__ = [
    "Blend",
    "Curtain",
    "CurtainStyle",
    "Fog",
    "FogStyle",
    "Image",
    "Layer",
    "MistyRain",
    "Rain",
    "RainStyle",
    "Snow",
    "SnowStyle",
    "Weather",
    "blend",
    "kinds",
    "sample_curtain_style",
    "sample_defocused_style",
    "sample_downpour_style",
    "sample_fog_style",
    "sample_misty_rain",
    "sample_snow_style",
    "sample_style",
    "sample_weather",
    "sample_wide_style",
]
