"""A training recipe: one TOML file per run, every value with a default."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from spikerain_edge.errors import InputError
from spikerain_training.config import NetworkConfig, variants

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPTIMIZERS = ("adamw", "muon")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
# Beyond them the memory of a machine, a count of samples or a seed of PyTorch's overflows.
_MOST = {"crop": 4096, "batch": 1 << 20, "steps": 10**9, "seed": (1 << 63) - 1}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        variant: which network.
        network: settings of `NetworkConfig` that differ from the variant's.
        steps: optimiser steps.
        batch: crops per step, over all processes.
        crop: side of a crop in pixels, 32 to 4096.
        weather: how often which weather is rendered in front of clean images, in any unit:
            `rain`, `wide_rain`, `downpour`, `fog`, `snow`.
        dry: share of clean images that stay without weather.
        optimizer: `adamw`, as in the paper, or `muon` (see `Muon`).
        learning_rate: peak rate of the optimiser.
        floor: share of the peak rate that the cosine ends at.
        weight_decay: decoupled decay.
        warmup: steps of linear warm-up before the cosine.
        alpha: steepness of the sigmoid surrogate.
        alpha_end: steepness at the last step; 0 leaves it at `alpha`.
        ema: decay of the weight average.
        ssim: weight of 1 - SSIM (11x11 Gaussian, sigma 1.5), the paper's objective.
        l1: weight of the mean absolute difference.
        gradient: weight of the difference of image gradients.
        frequency: weight of the difference of Fourier amplitudes.
        psnr: weight of a decibel of PSNR below 40 dB, each image counting alike.
        stability: weight of a decibel by which the pictures of two images that differ by less than
            a camera resolves fall short of 70 dB; 0 turns it off.
        teacher: checkpoint folder of a larger network to learn from; empty for none.
        distillation: weight of the difference from the teacher's picture.
        clip: largest gradient norm.
        firing_target: mean firing rate above which spikes are penalised.
        firing_penalty: weight of that penalty; 0 turns it off.
        precision: `32-true`, `bf16-mixed` or `16-mixed`; membrane potentials stay in float32.
        seed: seed of weights and samples.
        save_every: steps between checkpoints.
        validate_every: steps between validations and sample images.
        compile: whether to compile the neurons; pays off after a few dozen steps.
    """

    variant: str = "nano"
    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 20_000
    batch: int = 12
    crop: int = 96
    weather: Mapping[str, float] = field(default_factory=lambda: {"rain": 1.0})
    dry: float = 0.25
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
        """The network to train.

        Raises:
            InputError: an unknown variant, or a network setting that is unknown or unusable.
        """
        if self.variant not in variants():
            known = ", ".join(variants())
            raise InputError(f"unknown variant {self.variant!r}", f"set variant to one of {known}")
        if "alpha" in self.network:
            raise InputError("network.alpha cannot be set", "set the recipe's own alpha instead")
        known_network = variants()[self.variant].to_dict()
        return NetworkConfig.from_dict({**known_network, "alpha": self.alpha, **self.network})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as recorded beside a checkpoint."""
        return asdict(self)


def read_recipe(path: Path) -> Recipe:
    """Reads a TOML recipe.

    Raises:
        InputError: no such file, not TOML, or a setting that does not exist or cannot have its
            value.
    """
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the recipe {path} ({error.strerror})", "name a TOML file with --config"
        ) from error
    # The last of them: tables or lists that are nested without end.
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not a TOML file ({error})",
            'write a line NAME = VALUE for each setting, text in quotes: variant = "nano"',
        ) from error
    try:
        return adapted(Recipe(), settings)
    except InputError as error:
        raise InputError(f"{path}: {error.cause}", error.remedy) from error


def adapted(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """A recipe with some settings changed.

    Raises:
        InputError: a setting does not exist or cannot have its value.
    """
    known = {setting.name: getattr(Recipe(), setting.name) for setting in fields(Recipe)}
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"unknown setting {name!r}", f"choose from {', '.join(known)}")
        changed[name] = _typed(name, value, type(known[name]))
    result = replace(recipe, **changed)
    _require_sensible(result)
    return result


def parse_override(text: str) -> tuple[str, Any]:
    """A setting and its value from `name=value`, the value written as in TOML.

    `network.width=32` and `weather.snow=0.4` change one entry of a table; a word needs no quotes.

    Raises:
        InputError: there is no `=`.
    """
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise InputError(f"--set {text} sets nothing", "write --set NAME=VALUE")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return name.strip(), value.strip()


def overridden(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A recipe with `name=value` overrides applied; of one setting the last counts.

    Settings that need each other may come in any order: the result alone has to make sense.

    Raises:
        InputError: see `parse_override` and `adapted`.
    """
    changed: dict[str, Any] = {}
    for text in overrides:
        name, value = parse_override(text)
        table, separator, key = name.partition(".")
        if separator:
            entries = changed.get(table, getattr(recipe, table, None))
            if not isinstance(entries, Mapping):
                raise InputError(
                    f"--set {text}: {table!r} is not a table of settings",
                    "name an entry of one, such as network.width=32 or weather.snow=0.4",
                )
            value = {**entries, key: value}
        changed[table] = value
    return adapted(recipe, changed)


def _typed(name: str, value: Any, expected: type) -> Any:
    if expected is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if expected is dict and isinstance(value, Mapping):
        return dict(value)
    if type(value) is not expected:
        kind = "a table" if expected is dict else f"of type {expected.__name__}"
        raise InputError(f"{name} is {value!r:.80}", f"it must be {kind}")
    return value


def _require_sensible(recipe: Recipe) -> None:
    """Checks, before a run begins, that a recipe can be trained.

    Raises:
        InputError: a value is out of range; the message names the setting.
    """
    counts = ("steps", "batch", "save_every", "validate_every")
    shares = ("dry", "ema", "floor")
    prices = ("distillation", "firing_penalty", "stability")
    terms = ("ssim", "l1", "gradient", "frequency", "psnr")
    others = ("warmup", "seed", "weight_decay", "alpha_end", "firing_target")
    least = {
        "crop": 32,
        **dict.fromkeys(counts, 1),
        **dict.fromkeys(("learning_rate", "alpha", "clip"), math.ulp(0.0)),
        **dict.fromkeys((*shares, *terms, *prices, *others), 0),
    }
    for name, bound in least.items():
        value = getattr(recipe, name)
        if not bound <= value < math.inf:
            wanted = "above 0" if 0 < bound < 1 else f"at least {bound}"
            raise InputError(f"{name} is {value}", f"it must be {wanted}")
    for name, bound in {**dict.fromkeys(shares, 1), **_MOST}.items():
        if getattr(recipe, name) > bound:
            raise InputError(f"{name} is {getattr(recipe, name)}", f"it must be at most {bound}")
    _require_tables(recipe)
    for name, known in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
        if getattr(recipe, name) not in known:
            chosen, choices = getattr(recipe, name), ", ".join(known)
            raise InputError(f"{name} is {chosen!r}", f"it must be one of {choices}")
    if bool(recipe.teacher) != bool(recipe.distillation):
        raise InputError("teacher and distillation go together", "set both, or neither")
    if not any(getattr(recipe, term) for term in terms):
        raise InputError("the loss is empty", f"give one of {', '.join(terms)} a weight")


def _require_tables(recipe: Recipe) -> None:
    recipe.config()
    for kind, weight in recipe.weather.items():
        if type(weight) not in (int, float):
            raise InputError(f"weather.{kind} is {weight!r}", "it must be a number")
