"""Recipes: the settings of a training run; every setting has a default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spikerain_edge.errors import InputError
from spikerain_training.config import NetworkConfig, variants

OPTIMIZERS = ("adamw", "muon")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
# Larger values exceed the memory of any machine, or overflow the sample count or PyTorch's seed.
_MOST = {"crop": 4096, "batch": 1 << 20, "steps": 10**9, "seed": (1 << 63) - 1}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    With a network of two frames (`nano-video`, or `network.frames = 2`), a sample is a clip of two
    restored frames and the one before them, rendered in front of clean images that move.

    Attributes:
        variant: name of the network (see `variants`).
        network: settings of `NetworkConfig` that replace those of the variant.
        steps: number of optimiser steps.
        batch: crops per step, or clips of two restored crops, over all processes.
        crop: side of the square crops in pixels, 32 to 4096.
        weather: relative frequency of each kind of weather that is rendered in front of clean
            images (see `spikerain_edge.weather.kinds`), such as `rain`, `curtain` or `snow`.
        dry: share of the clean images without weather, 0 to 1.
        video: share of the clean images whose pair is compressed as video, 0 to 1.
        optimizer: `adamw` as in the paper, or `muon` (see `Muon`).
        learning_rate: peak learning rate.
        floor: learning rate at the end of the cosine, as a share of the peak.
        weight_decay: decoupled weight decay.
        warmup: steps of linear warm-up before the cosine.
        alpha: steepness of the sigmoid surrogate gradient.
        alpha_end: steepness at the last step; 0 keeps it at `alpha`.
        ema: decay of the exponential moving average of the weights.
        ssim: weight of 1 - SSIM (11x11 Gaussian, sigma 1.5), the loss of the paper.
        l1: weight of the mean absolute difference.
        gradient: weight of the difference of image gradients.
        frequency: weight of the difference of Fourier amplitudes.
        psnr: weight per decibel of PSNR below 40 dB, averaged over images.
        flicker: weight of the change of the error from frame to frame (see `flicker_loss`); it
            needs a network of two frames.
        stability: weight per decibel by which the outputs for two almost equal images differ from
            each other by more than 70 dB allows (see `instability`); 0 turns it off.
        teacher: checkpoint folder of a larger network to learn from; empty for none.
        distillation: weight of the difference from the teacher's output.
        clip: largest norm of the gradient.
        firing_target: mean firing rate above which spikes are penalised.
        firing_penalty: weight of that penalty; 0 turns it off.
        precision: `32-true`, `bf16-mixed` or `16-mixed`; membrane potentials stay in float32.
        seed: seed of the initial weights and of the samples.
        save_every: steps between checkpoints.
        validate_every: steps between validations and sample images.
        compile: whether to compile the neurons; saves time after a few dozen steps.
    """

    variant: str = "nano"
    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 20_000
    batch: int = 12
    crop: int = 96
    weather: Mapping[str, float] = field(default_factory=lambda: {"rain": 1.0})
    dry: float = 0.25
    video: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    floor: float = 0.0
    weight_decay: float = 1e-2
    warmup: int = 300
    alpha: float = 4.0
    alpha_end: float = 0.0
    ema: float = 0.999
    ssim: float = 1.0
    l1: float = 0.0
    gradient: float = 0.0
    frequency: float = 0.0
    psnr: float = 0.0
    flicker: float = 0.0
    stability: float = 0.0
    teacher: str = ""
    distillation: float = 0.0
    clip: float = 1.0
    firing_target: float = 0.2
    firing_penalty: float = 0.0
    precision: str = "32-true"
    seed: int = 0
    save_every: int = 200
    validate_every: int = 1000
    compile: bool = False

    def config(self) -> NetworkConfig:
        """Returns the configuration of the network.

        Raises:
            InputError: the variant is unknown, or a network setting is unknown or not valid.
        """
        if self.variant not in variants():
            known = ", ".join(variants())
            raise InputError(f"unknown variant {self.variant!r}", f"set variant to one of {known}")
        if "alpha" in self.network:
            raise InputError(
                "network.alpha cannot be set", "set alpha of the recipe instead: --set alpha=4.0"
            )
        known_network = variants()[self.variant].to_dict()
        return NetworkConfig.from_dict({**known_network, "alpha": self.alpha, **self.network})

    def to_dict(self) -> dict[str, Any]:
        """Returns all settings as plain values, as `run.json` holds them."""
        return asdict(self)


def require_valid(recipe: Recipe) -> None:
    """Checks that the values of a recipe are in range and fit together.

    Raises:
        InputError: a value is out of range, `teacher` is set without `distillation` or the
            reverse, or all loss weights are 0.
    """
    counts = ("steps", "batch", "save_every", "validate_every")
    shares = ("dry", "video", "ema", "floor")
    penalties = ("distillation", "firing_penalty", "flicker", "stability")
    terms = ("ssim", "l1", "gradient", "frequency", "psnr")
    others = ("warmup", "seed", "weight_decay", "alpha_end", "firing_target")
    least = {
        "crop": 32,
        **dict.fromkeys(counts, 1),
        **dict.fromkeys(("learning_rate", "alpha", "clip"), math.ulp(0.0)),
        **dict.fromkeys((*shares, *terms, *penalties, *others), 0),
    }
    for name, bound in least.items():
        value = getattr(recipe, name)
        if not bound <= value < math.inf:
            wanted = "more than 0" if 0 < bound < 1 else f"at least {bound}"
            raise InputError(f"{name} is {value}", f"set {name} to {wanted}")
    for name, bound in {**dict.fromkeys(shares, 1), **_MOST}.items():
        if getattr(recipe, name) > bound:
            raise InputError(f"{name} is {getattr(recipe, name)}", f"set {name} to at most {bound}")
    _require_tables(recipe)
    for name, known in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
        if getattr(recipe, name) not in known:
            chosen, choices = getattr(recipe, name), ", ".join(known)
            raise InputError(f"{name} is {chosen!r}", f"set {name} to one of {choices}")
    if bool(recipe.teacher) != bool(recipe.distillation):
        missing = "teacher=FOLDER" if recipe.distillation else "distillation=1.0"
        raise InputError(
            "teacher and distillation need each other, but only one is set", f"add --set {missing}"
        )
    if not any(getattr(recipe, term) for term in terms):
        raise InputError(
            "the loss is empty because all its weights are 0",
            f"set one of {', '.join(terms)}, for example --set ssim=1.0",
        )


def _require_tables(recipe: Recipe) -> None:
    if recipe.config().frames == 1 and recipe.flicker:
        raise InputError(
            f"flicker is {recipe.flicker}, but the network reads single images",
            "set flicker to 0, or train a network of two frames: --set variant=nano-video",
        )
    for kind, weight in recipe.weather.items():
        if type(weight) not in (int, float):
            raise InputError(f"weather.{kind} is {weight!r}", f"set weather.{kind} to a number")
