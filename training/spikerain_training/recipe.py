"""A training recipe: one TOML file per run, every value with a default."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path

from spikerain_training.config import variants

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        variant: which network.
        steps: optimiser steps.
        batch: crops per step.
        crop: side of a crop in pixels.
        learning_rate: peak rate of AdamW.
        weight_decay: AdamW's decoupled decay.
        warmup: steps of linear warm-up before the cosine.
        ema: decay of the weight average.
        l1: weight of L1 beside 1 - SSIM.
        clip: largest gradient norm.
        firing_target: mean firing rate above which spikes are penalised.
        firing_penalty: weight of that penalty; 0 turns it off.
        seed: seed of weights and samples.
        save_every: steps between checkpoints.
        validate_every: steps between validations.
        compile: whether to compile the network; pays off after a few hundred steps.
    """

    variant: str = "nano"
    steps: int = 20_000
    batch: int = 12
    crop: int = 96
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 300
    ema: float = 0.999
    l1: float = 1.0
    clip: float = 1.0
    firing_target: float = 0.2
    firing_penalty: float = 0.0
    seed: int = 0
    save_every: int = 200
    validate_every: int = 1000
    compile: bool = False


def read_recipe(path: Path) -> Recipe:
    """Reads a TOML recipe.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, or a setting that does not exist or has the wrong type.
    """
    values = tomllib.loads(path.read_text())
    known = {field.name: type(field.default) for field in fields(Recipe)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{path}: unknown setting {name!r}; known are {', '.join(known)}")
        if known[name] is float and type(value) is int:
            values[name] = float(value)
        elif type(value) is not known[name]:
            raise ValueError(f"{path}: {name} must be of type {known[name].__name__}")
    recipe = Recipe(**values)
    if recipe.variant not in variants():
        known_variants = ", ".join(variants())
        raise ValueError(f"{path}: unknown variant {recipe.variant!r}; known are {known_variants}")
    return recipe
