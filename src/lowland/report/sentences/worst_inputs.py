"""The inputs that suffer most under the worst policy, as a table where they are no images."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.policies import layer_name
from lowland.report.figures.worst_inputs import answers_text
from lowland.report.style import MINUS
from lowland.report.words import listed, plural

TOLD_BY = {"margin": "a small margin", "crest": "a high crest factor", "range": "a large range"}


def inputs_sentence(table: pd.DataFrame) -> str:
    """What the worst inputs have in common.

    Args:
        table: The pictures ``worst_inputs`` of one network.
    """
    count, broken = len(table), int(table.broken.astype(bool).sum())
    if count == 1:
        return f"The input that loses most {'gets another' if broken else 'keeps its'} answer."
    sentence = f"Of the {count} inputs that lose most, {broken} {plural(broken, 'gets', 'get')} another answer."
    layers = table.crest_layer[table.crest_layer != ""]
    if len(layers):
        often = layers.map(layer_name).value_counts(sort=True)
        sentence += (
            f" Their largest outliers, measured by the crest factor, stand before layer {often.index[0]} in "
            f"{int(often.iloc[0])} of {count}."
        )
    return sentence


def input_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """Rows of the table, the worst first.

    Args:
        table: The pictures ``worst_inputs`` of one network.
    """
    return [
        {
            "row": f"{row.row:.0f}",
            "margin": _number(row.margin),
            "under": _number(row.margin_under),
            "answers": answers_text(row.answer, row.answer_under),
            "crest": _number(row.crest),
            "layer": layer_name(row.crest_layer),
            "range": _number(row.range),
        }
        for row in table.itertuples()
    ]


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2g}".replace("-", MINUS)


def detection_sentence(areas: pd.DataFrame) -> str:
    """How well what an input shows tells that the worst policy will change its answer.

    Args:
        areas: From ``of_policies``, of the measure ``broken_auroc`` and one configuration.

    Returns:
        Empty without any.
    """
    known = areas[areas["mean"].notna()].sort_values("mean", ascending=False, kind="stable")
    if known.empty:
        return ""
    told = listed([f"{TOLD_BY.get(row.target, row.target)} {row.mean:.2f}" for row in known.itertuples()])
    return (
        f"How well an input shows beforehand that the policy will break it: {told} (area under the ROC curve, 0.5 by "
        "chance; neither label nor policy is used)."
    )
