"""A made-up study: a long table whose relations are known because they were put there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lowland.measurements import COLUMNS, checked

RECIPES = (
    "plain",
    "weight_decay_1e-4",
    "weight_decay_1e-3",
    "jacobian_1e-3",
    "jacobian_1e-2",
    "orthogonal_1e-4",
    "orthogonal_1e-3",
    "clipping",
)
PRECISIONS = {
    "fp32": ("float", 32),
    "qat8": ("qat", 8),
    "qat4": ("qat", 4),
    "qat2": ("qat", 2),
    "ptq8": ("ptq", 8),
    "ptq6": ("ptq", 6),
    "ptq4": ("ptq", 4),
}
NOISE = (5.0, 10.0, 15.0, 20.0, 30.0, 50.0)
FLIPS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
RATES = (1e-4, 1e-3, 1e-2)
PARAMETERS = 4389


@dataclass(frozen=True)
class Planted:
    """What is true in the made-up study.

    Attributes:
        flips: Whether flip curvature drives the loss after bit flips.
        noise: Whether input curvature drives the loss under Gaussian noise.
        noise_of_measuring: Relative spread of a measured loss rise around the truth.
    """

    flips: bool = True
    noise: bool = True
    noise_of_measuring: float = 0.1


def study(
    *,
    planted: Planted = Planted(),
    recipes: tuple[str, ...] = RECIPES,
    seeds: tuple[str, ...] = ("s0", "s1", "s2"),
    precisions: tuple[str, ...] = tuple(PRECISIONS),
    task: str = "jets",
    seed: int = 0,
) -> pd.DataFrame:
    """The long table of a study of one task; every number that is not planted is independent noise."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[object, ...]] = []
    recipe_flip = dict(zip(recipes, rng.normal(0, 0.7, len(recipes)), strict=True))
    recipe_input = dict(zip(recipes, rng.normal(0, 0.5, len(recipes)), strict=True))
    recipe_clean = dict(zip(recipes, rng.normal(0, 0.006, len(recipes)), strict=True))
    recipe_raw = {r: rng.normal(0, 0.8, 4) for r in recipes}
    for recipe in recipes:
        for run in seeds:
            for precision in precisions:
                method, bits = PRECISIONS[precision]
                cell = (task, recipe, run, precision, method, bits, bits)
                rows += _cell(
                    cell,
                    planted,
                    rng,
                    sharp=recipe_flip[recipe] + rng.normal(0, 0.15),
                    steep=recipe_input[recipe] + rng.normal(0, 0.1),
                    clean=recipe_clean[recipe] + rng.normal(0, 0.004),
                    raw=recipe_raw[recipe] + rng.normal(0, 0.2, 4),
                    other_flip=rng.normal(0, 0.7),
                    other_input=rng.normal(0, 0.5),
                    pairs=[f"{task}.{recipe}.{s}.{precision}" for s in seeds[1:]] if run == seeds[0] else [],
                )
    return checked(pd.DataFrame.from_records(rows, columns=list(COLUMNS)))


def _cell(
    cell: tuple[object, ...],
    planted: Planted,
    rng: np.random.Generator,
    *,
    sharp: float,
    steep: float,
    clean: float,
    raw: np.ndarray,
    other_flip: float,
    other_input: float,
    pairs: list[str],
) -> list[tuple[object, ...]]:
    method, bits = str(cell[4]), int(str(cell[5]))
    rows: list[tuple[object, ...]] = []

    def add(
        family,
        measure,
        value,
        condition="",
        level=float("nan"),
        error=0.0,
        num=1,
        reference="",
        target="",
    ):  # type: ignore[no-untyped-def]  # a short hand
        kind = "seed" if reference else ""
        split = {"cost": "", "landscape": "landscape"}.get(family, "test")
        about = (family, measure, condition, target, level, "", split, reference, kind)
        rows.append((*cell, *about, float(value), float(error), num, "ok"))

    lost_by_bits = {2: 0.05, 4: 0.008, 6: 0.002}.get(bits, 0.0) + (0.03 if method == "ptq" and bits == 4 else 0.0)
    accuracy = 0.748 + clean - lost_by_bits
    loss = 0.75 - 1.5 * clean + 3 * lost_by_bits
    size = PARAMETERS * bits + (0 if method == "float" else 165 * 12)
    curvature = 2.5e-3 * np.exp(sharp) * 4.0 ** (-(bits - 8) / 8) if method != "float" else np.nan
    slope = 0.011 * np.exp(steep) * (1.6 if bits == 2 else 1.0)
    true_flip = np.exp(other_flip - sharp) * curvature if not planted.flips else curvature
    true_noise = 0.011 * np.exp(other_input) if not planted.noise else slope

    add("performance", "accuracy", accuracy, error=0.006, num=5000)
    add("performance", "loss", loss, error=0.01, num=5000)
    add("cost", "size", size)
    add("cost", "parameters", PARAMETERS)
    if method != "float":
        add("performance", "deployment_mismatch", abs(rng.normal(0, 1e-6)))
        add("performance", "integer_mismatch_rate", abs(rng.normal(0, 2e-4)))
    for name, shift in (("smeared", 0.02), ("pileup", 0.05), ("high_pt", 0.03)):
        rise = shift * np.exp(rng.normal(0, 0.2))
        add("shift", "accuracy", accuracy - rise, name, num=5000)
        add("shift", "accuracy_drop", rise, name, num=5000)
        add("shift", "loss_rise", 2 * rise * np.exp(rng.normal(0, 0.1)), name, num=5000)

    add("landscape", "loss", loss + rng.normal(0, 0.005), error=0.01, num=5000)
    add("landscape", "gradient_norm", 0.05 * np.exp(raw[0]))
    add("landscape", "hessian_trace", 90 * np.exp(raw[1]))
    add("landscape", "largest_eigenvalue", 12 * np.exp(raw[1] + rng.normal(0, 0.3)))
    add("landscape", "input_curvature", slope, "gaussian", 10.0, 0.02 * slope, 5000)
    if method != "float":
        add("landscape", "flip_curvature", curvature, error=0.02 * curvature, num=5000)
        add("landscape", "mean_squared_flip", curvature / 40 * np.exp(raw[3] * 0.5), num=PARAMETERS)
        add("landscape", "rounding_curvature", 0.4 * curvature * np.exp(rng.normal(0, 0.3)))
    add("landscape", "scaled_trace", 30 * np.exp(raw[1] * 0.5))
    add("landscape", "normalised_sharpness", 10 * np.exp(raw[2]))
    add("landscape", "weight_norm", 9 * np.exp(0.3 * raw[2]))
    add("landscape", "output_entropy", 0.7 * np.exp(0.1 * raw[0]))
    for pair in pairs:
        add("landscape", "cka", 0.8 + 0.05 * np.tanh(raw[0]), reference=pair)

    def disturbed(family: str, condition: str, level: float, truth: float, target: str = "") -> None:
        rise = truth * (1 + rng.normal(0, planted.noise_of_measuring))
        drop = 0.55 * (1 - np.exp(-0.6 * max(rise, 0.0)))
        error = planted.noise_of_measuring * abs(truth)
        add(family, "accuracy", accuracy - drop, condition, level, 0.3 * error, 8, target=target)
        add(family, "accuracy_drop", drop, condition, level, 0.3 * error, 8, target=target)
        add(family, "loss_rise", rise, condition, level, error, 8, target=target)
        add(family, "mismatch_rate", min(1.0, 1.4 * drop), condition, level, 0.3 * error, 8, target=target)

    for level in NOISE:
        disturbed("noise", "gaussian", level, _bent(true_noise * (level / 10) ** 2, at=0.3))
        disturbed("noise", "salt_and_pepper", level, 0.02 * level * np.exp(rng.normal(0, 0.3)))
    target, truth = ("float32", 4e-3 * np.exp(other_flip)) if method == "float" else ("", true_flip)
    for count in FLIPS:
        disturbed("bit_flip", "flips", count, _bent(truth * count, at=0.5), target)
    for rate in RATES:
        disturbed("bit_flip", "bit_error_rate", rate, _bent(truth * rate * size, at=0.5), target)
    if method == "float":
        add("bit_flip", "non_finite_rate", 0.01, "flips", FLIPS[-1], num=8, target="float32")
    return rows


def _bent(rise: float, *, at: float) -> float:
    """A loss that rises as predicted while small and flattens out where it is large."""
    return at * float(np.log1p(rise / at)) if rise > 0 else rise
