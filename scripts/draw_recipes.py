"""Write the recipes of the published grid, conf/paper/parameters_recipes.yml: the published strengths and drawn ones.

    python -m scripts.draw_recipes

Correlations resample recipes, and a handful of them has no power: further strengths are drawn log-uniformly, one
in each of equal parts of the range, once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

TARGET = Path(__file__).resolve().parents[1] / "conf" / "paper" / "parameters_recipes.yml"
SEED = 250208355
# The published code divides ECON-T's Jacobian penalty by 8 times the batch: its strength 1e-1 is 1.2e-5 of the penalty.
PUBLISHED_DIVISOR = 8 * 1024
JACOBIAN: dict[str, Any] = {"kind": "jacobian", "num_projections": 2}
STRENGTHS = {"jacobian": ("1e-1", "1e-2", "1e-3"), "orthogonal": ("1e-4", "1e-5", "1e-6")}
# Kind -> smallest and largest strength, and how many are drawn between them.
DRAWN: dict[str, tuple[float, float, int]] = {
    "jacobian": (1e-6, 1.0, 6),
    "orthogonal": (1e-6, 1e-2, 5),
    "weight_decay": (1e-3, 1.0, 5),
}
HEADER = f"""\
# Written by `python -m scripts.draw_recipes` (seed {SEED}); edit that, not this file.
# jacobian_* are in the correct unit; jacobian_published_* are what the published code's strengths come to in it for
# ECON-T: its penalty is divided by {PUBLISHED_DIVISOR}. Two projections are exact for the two outputs of fusion.
# *_drawn_* are log-uniform.
"""


def recipes() -> dict[str, dict[str, Any]]:
    """All recipes by name, the published ones first."""
    found: dict[str, dict[str, Any]] = {"plain": {"kind": "plain"}}
    for strength in STRENGTHS["jacobian"]:
        found[f"jacobian_{strength}"] = JACOBIAN | {"weight": float(strength)}
    for strength in STRENGTHS["jacobian"]:
        found[f"jacobian_published_{strength}"] = JACOBIAN | {"weight": _rounded(float(strength) / PUBLISHED_DIVISOR)}
    for strength in STRENGTHS["orthogonal"]:
        found[f"orthogonal_{strength}"] = {"kind": "orthogonal", "weight": float(strength)}
    draws = np.random.default_rng(SEED)
    for kind, (low, high, count) in DRAWN.items():
        shares = (np.arange(count) + draws.uniform(size=count)) / count  # one in each part of the range
        strengths = low * (high / low) ** shares
        for number, strength in enumerate(strengths, 1):
            options = JACOBIAN if kind == "jacobian" else {"kind": kind}
            found[f"{kind}_drawn_{number}"] = options | {"weight": _rounded(float(strength))}
    return found


def text() -> str:
    """The file: the recipes, and which of them are fine-tuned with quantizers."""
    named = recipes()
    tuned = [name for name in named if "drawn" not in name]
    body = yaml.safe_dump({"recipes": named}, sort_keys=False, default_flow_style=None)
    chosen = yaml.safe_dump({"qat_recipes": tuned}, sort_keys=False)
    return f"{HEADER}\n{body}\n# The drawn ones are quantized after training only.\n{chosen}"


def _rounded(value: float) -> float:
    """Three digits are enough for a strength, five for a unit."""
    return float(f"{value:.5g}")


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    print(TARGET)
