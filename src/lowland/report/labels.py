"""What predictors, rankings and methods are called on the page."""

from __future__ import annotations

from lowland.analysis.predictors import CLEAN_SCORES
from lowland.analysis.rankings import CEILING
from lowland.vocabulary.measures import MEASURES

RUNTIME_BITS = 8
"""Of the codes of every runtime with dynamic arithmetic."""

METHODS = {
    "float": "32-bit floating point",
    "qat": "quantization-aware training",
    "ptq": "quantized after training",
    "dynamic": "dynamically quantized",
    "weight_only": "weights alone quantized",
    "imported": "from outside, as it came",
}
_PREDICTORS = {name: f"clean {MEASURES[score].label}" for name, score in CLEAN_SCORES.items()} | {
    "weight_bits": "bit width",
    "clean_loss": "clean loss",
    "loss": "loss (other rows)",
}
_RANKINGS = {
    "matched": "matched curvature",
    "second_order": "second-order Taylor",
    "first_order": "first-order Taylor",
    "fkeras": "FKeras",
    "fkeras_pylandscape": "FKeras, as in PyLandscape",
    "magnitude": "weight magnitude",
    "squared_change": "squared weight change",
    "most_significant": "most significant bit first",
    CEILING: "the map itself, on other rows",
}


def method_label(method: str, *bits: int) -> str:
    """How a network got its precision, in words.

    Args:
        method: As the long table has it.
        bits: Widths of its codes.
    """
    if method == "dynamic" and min(bits) < RUNTIME_BITS:
        return f"{METHODS[method]}, extrapolated: runtimes have {RUNTIME_BITS} bits"
    return METHODS[method]


def predictor_label(name: str) -> str:
    """A predictor in words.

    Args:
        name: Of a column of correlations or fits, such as ``input_curvature (gaussian 10)``.
    """
    base, _, rest = name.partition(" (")
    label = _PREDICTORS.get(base) or (MEASURES[base].label if base in MEASURES else base.replace("_", " "))
    return f"{label} ({rest}" if rest else label


def ranking_label(ranking: str) -> str:
    """A ranking of flips in words.

    Args:
        ranking: Its name in the column ``condition`` of the long table.
    """
    return _RANKINGS.get(ranking, ranking.replace("_", " "))
