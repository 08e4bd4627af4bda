"""Whether anything that is known before deployment warns of the worst policy, as rows and in a sentence."""

from __future__ import annotations

import pandas as pd

from lowland.report.labels import predictor_label
from lowland.report.style import MINUS
from lowland.report.words import listed, plural

MOST = 5
"""Signs in the table."""
SURE = 0.05
"""Highest p value, corrected for all signs that were tried, of one that surely goes along."""
SIGNS = {
    "highest_crest": "highest crest factor of a layer",
    "largest_layer_drop": "most lost through one layer",
    "rescaled_drop": "lost to rescaled channels",
    "quantization_drop": "lost to quantization itself",
}
"""Signs that are no measure of the long table."""


def combined(warnings: pd.DataFrame) -> pd.DataFrame:
    """The signs of a task over all precisions, the strongest relation first.

    Args:
        warnings: From ``policy_warnings``, of one task.
    """
    if warnings.empty:
        return warnings
    own = warnings[(warnings.precision == "") & (warnings.status == "ok")]
    return own.sort_values("value", key=abs, ascending=False, kind="stable")


def warning_sentence(signs: pd.DataFrame) -> str:
    """What surely goes along with the loss to the worst policy.

    Args:
        signs: From ``combined``.

    Returns:
        Empty without any.
    """
    if signs.empty:
        return ""
    tried = f"{len(signs)} {plural(len(signs), 'sign', 'signs')}"
    recipes = int(signs.num_recipes.max())
    if bool(signs.descriptive.all()):
        return (
            f"Of {recipes} recipes nothing sure can be said: fewer than eight. The numbers describe these networks and "
            "say nothing about others."
        )
    told = signs[~signs.descriptive.astype(bool)]  # of the others too few recipes know
    sure = told[told.family_chance < SURE]
    if sure.empty:
        return (
            f"No: at equal accuracy none of {tried} surely goes along with the loss to the worst policy over {recipes} "
            f"recipes (p < {SURE:g}, corrected for all of them)."
        )
    names = listed([f"{sign_label(row.predictor)} ({_signed(row.value)})" for row in sure.head(MOST).itertuples()])
    more = f" and {len(sure) - MOST} more" if len(sure) > MOST else ""
    return (
        f"At equal accuracy {len(sure)} of {tried} surely {'goes' if len(sure) == 1 else 'go'} along with the loss to "
        f"the worst policy over {recipes} recipes (p < {SURE:g}, corrected for all of them): {names}{more}."
    )


def warning_rows(signs: pd.DataFrame) -> list[dict[str, str]]:
    """The strongest signs.

    Args:
        signs: From ``combined``.
    """
    return [
        {
            "sign": sign_label(row.predictor),
            "value": _signed(row.value),
            "interval": f"{_signed(row.low)} to {_signed(row.high)}" if row.low == row.low else "",
            "chance": _chance(row.family_chance),
            "alone": _signed(row.without_accuracy),
        }
        for row in signs.head(MOST).itertuples()
    ]


def sign_label(name: str) -> str:
    """A sign in words.

    Args:
        name: Of the column ``predictor``.
    """
    return SIGNS.get(name) or predictor_label(name)


def _signed(value: float) -> str:
    return "" if value != value else f"{value:+.2f}".replace("-", MINUS)


def _chance(value: float) -> str:
    return "" if value != value else "< 0.001" if value < 0.001 else f"{value:.2g}"
