"""A made-up study of ECON-T: a long table in which the published claims are true or false because they were put so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lowland.measurements import COLUMNS, checked

PUBLISHED = ("plain", "jacobian_published_1e-1", "jacobian_1e-1", "orthogonal_1e-5")
DRAWN = tuple(f"jacobian_drawn_{number}" for number in range(1, 9))
BITS = (3, 5, 6, 8, 12)
CLEAN = {3: 1.62, 5: 1.25, 6: 1.19, 8: 1.15, 12: 1.13}
CKA = {"plain": 0.5, "jacobian_published_1e-1": 0.93, "jacobian_1e-1": 0.96, "orthogonal_1e-5": 0.85}
LAYERS = {"encoder_0": 0.9, "encoder_3": 0.7, "decoder.0": 0.1}
NAN = float("nan")


def published_study(
    *,
    task: str = "econ",
    score: str = "emd",
    recipes: tuple[str, ...] = (*PUBLISHED, *DRAWN),
    seeds: tuple[str, ...] = ("s0", "s1", "s2"),
    bits: tuple[int, ...] = BITS,
    best: int = 5,
    eigenvalue_growth: float = 0.6,
    gentle: bool = True,
) -> pd.DataFrame:
    """The long table.

    Args:
        task: Its name.
        score: Its score, lower is better.
        recipes: Published ones have QAT and PTQ cells, drawn ones PTQ cells.
        seeds: Repetitions.
        bits: Widths of the codes.
        best: The most robust width.
        eigenvalue_growth: Exponent with which the largest eigenvalue grows with the bits.
        gentle: Whether the largest eigenvalue decides how robust a recipe is; else CKA does.
    """
    rng = np.random.default_rng(0)
    rows: list[tuple[object, ...]] = []
    for recipe in recipes:
        sharp, alike = rng.normal(0, 0.5), CKA.get(recipe, rng.uniform(0.4, 0.95))
        harm = np.exp(sharp) if gentle else 2 * (1 - alike)
        for method in ("qat", "ptq") if recipe in PUBLISHED else ("ptq",):
            for width in bits:
                pairs = [(a, b) for i, a in enumerate(seeds) for b in seeds[i + 1 :]]
                for seed in seeds:
                    cell = (task, recipe, seed, f"{method}{width}", method, width, width)

                    def add(family, measure, value, condition="", level=NAN, target="", reference="", cell=cell):  # type: ignore[no-untyped-def]  # a short hand
                        value = float(value) * (1 + 0.002 * rng.normal())
                        about = (
                            family,
                            measure,
                            condition,
                            target,
                            level,
                            "",
                            "",
                            reference,
                            "seed" if reference else "",
                        )
                        rows.append((*cell, *about, value, 0.0, 10, "ok"))

                    clean = CLEAN[width] * (1.07 if recipe == "orthogonal_1e-5" else 1.0)
                    add("performance", score, clean)
                    sharpness = np.exp(sharp) * width**eigenvalue_growth
                    add("landscape", "largest_eigenvalue", 10 * sharpness)
                    add("landscape", "input_curvature", 0.01 * harm, "gaussian", 10.0)
                    add("landscape", "flip_curvature", 0.001 * harm)
                    for other in (b for a, b in pairs if a == seed):
                        add("landscape", "cka", alike, reference=f"{task}.{recipe}.{other}.{method}{width}")
                        for layer, likeness in LAYERS.items():
                            reference = f"{task}.{recipe}.{other}.{method}{width}"
                            add("landscape", "cka", likeness, target=layer, reference=reference)
                    for family, condition, levels in (
                        ("noise", "gaussian", (5.0, 10.0)),
                        ("bit_flip", "ranked_flips", (1.0, 20.0)),
                    ):
                        for level in levels:
                            rise = (0.05 + 0.02 * abs(width - best)) * harm * level
                            add(family, score, 1.2 + rise, condition, level)
                            add(family, "loss_rise", rise, condition, level)
    return checked(pd.DataFrame.from_records(rows, columns=list(COLUMNS)))
