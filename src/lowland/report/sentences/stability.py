"""Whether a deployed network still says the same, in sentences: references, training, abstention."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from lowland.analysis.stability import ALL_SHIFTED, NOMINAL, paired_difference
from lowland.report.style import MINUS
from lowland.report.words import listed

REFERENCES = {
    "fake_float": "its own fine-tuned weights without quantizers",
    "runtime": "the same network in another runtime",
}
"""What a network is compared with besides its float network and other seeds, in the order of the sentence."""


def rate_text(share: float, missing: str = "no number") -> str:
    """A share of rows in per cent: 0.35 %, 12 %; ``missing`` in place of NaN."""
    if share != share:
        return missing
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def points_text(difference: float) -> str:
    """A difference of shares in points, with its sign: +0.4 points."""
    return f"{points(difference)} points"


def points(difference: float, missing: str = "no number") -> str:
    """A difference of shares in points, with its sign but without the word: +0.4; ``missing`` in place of NaN."""
    if difference != difference:
        return missing
    rounded = round(100 * difference, 2)
    return f"{rounded:+.2g}".replace("-", MINUS) if rounded else "0"


def reference_sentence(means: pd.DataFrame) -> str:
    """How much a configuration differs from the references that the table does not have.

    Args:
        means: From ``changes_of_configurations``, of one configuration.

    Returns:
        Empty where there is none.
    """
    parts = []
    churn = means[(means.measure == "churn") & (means.num_seeds > 0)].set_index(["reference_kind", "condition"])["mean"]
    for kind, words in REFERENCES.items():
        if (kind, NOMINAL) not in churn.index:
            continue
        shifted = [name for found, name in churn.index if found == kind and name != NOMINAL]
        place = ALL_SHIFTED if ALL_SHIFTED in shifted else shifted[0] if shifted else ""
        beside = f" ({rate_text(float(churn[kind, place]))} on shifted data)" if place else ""
        parts.append(f"{words}: {rate_text(float(churn[kind, NOMINAL]))}{beside}")
    return f"It differs from {'; from '.join(parts)}." if parts else ""


def training_sentence(
    changes: pd.DataFrame, widths: Mapping[str, tuple[str, float, float]], *, controls: Collection[str] = ()
) -> str:
    """Fine-tuning with quantizers against quantizing after training, at every pair of equal widths.

    Args:
        changes: From ``changed_answers``, of one task.
        widths: Method, bits of weights and of activations by precision, in the order to be told.
        controls: From ``control_precisions``; they are no networks that were quantized after plain training.

    Returns:
        Empty where there is no such pair.
    """
    told, over = _pairs(changes, widths, [name for name in widths if name not in controls])
    return f"Answers that differ, {over}: {'; '.join(told)}." if told else ""


def control_sentence(
    changes: pd.DataFrame, widths: Mapping[str, tuple[str, float, float]], controls: Collection[str]
) -> str:
    """Fine-tuning with quantizers against fine-tuning without them, at every pair of equal widths.

    Args:
        changes: From ``changed_answers``, of one task.
        widths: As of ``training_sentence``.
        controls: From ``control_precisions``.

    Returns:
        Empty where there is no such pair.
    """
    told, over = _pairs(changes, widths, controls)
    return f"The control, fine-tuned without quantizers and then quantized, {over}: {'; '.join(told)}." if told else ""


def _pairs(
    changes: pd.DataFrame, widths: Mapping[str, tuple[str, float, float]], rivals: Collection[str]
) -> tuple[list[str], str]:
    """Every precision of method qat less each of these rivals of method ptq and its widths, and over what that is."""
    pairs = [
        (name, other)
        for name, (method, *bits) in widths.items()
        for other, (rival, *others) in widths.items()
        if method == "qat" and rival == "ptq" and others == bits and other in rivals
    ]
    known = [(name, other, *_against(changes, name, other)) for name, other in pairs]
    recipes = max((count for *_, count in known), default=0)
    over = f"95 % over {recipes} recipes" if recipes > 1 else "of one recipe"
    return [f"{name} less {other} {parts}" for name, other, parts, _ in known if parts], over


def _against(changes: pd.DataFrame, name: str, other: str) -> tuple[str, int]:
    """The difference of two precisions on nominal and shifted rows, and over how many recipes."""
    parts, recipes = [], 0
    places = {NOMINAL: "on nominal rows", _shifted(changes): "on shifted data"} | {NOMINAL: "on nominal rows"}
    for place, words in places.items():
        mean, low, high, count = paired_difference(changes, name, other, condition=place)
        if count:
            interval = f" [{points(low)}, {points(high)}]" if low == low else ""
            parts.append(f"{points_text(mean)}{interval} {words}")
            recipes = count
    return listed(parts) if parts else "", recipes


def _shifted(changes: pd.DataFrame) -> str:
    sets = [name for name in changes.condition.unique() if name != NOMINAL]
    return ALL_SHIFTED if ALL_SHIFTED in sets else sets[0] if sets else NOMINAL


def recipe_sentence(means: pd.DataFrame, precision: str) -> str:
    """Which recipe changes the fewest and which the most answers at a precision; empty where there is one recipe.

    Args:
        means: From ``changes_of_configurations``, of one task.
        precision: Of all recipes.
    """
    rows = means[(means.precision == precision) & (means.measure == "churn") & (means.reference_kind == "float")]
    place = _shifted(rows)
    known = rows[(rows.condition == place) & rows["mean"].notna()].sort_values("mean", kind="stable")
    if len(known) < 2:
        return ""
    least, most = known.iloc[0], known.iloc[-1]
    where = "on nominal rows" if place == NOMINAL else "on shifted data"
    return (
        f"Of the recipes at {precision}, {least.recipe} changes the fewest answers {where} "
        f"({rate_text(float(least['mean']))}), {most.recipe} the most ({rate_text(float(most['mean']))})."
    )


def abstention_sentences(rows: pd.DataFrame) -> Iterator[str]:
    """What is answered, and how much of that is wrong, where the network may abstain.

    A seed for which no threshold was proved answers nothing, which counts as a share of 0.

    Args:
        rows: Rows of the long table of one configuration, of one half of the held-out rows.
    """
    known = rows[rows.measure.isin(("answered_share", "risk_among_answered"))]
    for (kind, level), part in known.groupby(["reference_kind", "level"], sort=False):
        risk, wrongly = ("disagreement with float", "otherwise") if kind == "float" else ("wrong answers", "wrongly")
        asked = f"At most {rate_text(float(level))} {risk} among what is answered"
        answered = part[(part.measure == "answered_share") & part.status.isin(("ok", "undefined"))]
        proved = answered[(answered.condition == NOMINAL) & (answered.status == "ok")].seed.nunique()
        if not proved:
            yield f"{asked}: no threshold could be proved, so it may answer nothing."
            continue
        shares = answered.assign(value=answered.value.where(answered.status == "ok", 0.0))
        risks = part[(part.measure == "risk_among_answered") & (part.status == "ok")]
        seeds = answered[answered.condition == NOMINAL].seed.nunique()
        nominal, shifted = (
            (shares.value[where(shares)].mean(), risks.value[where(risks)].mean())
            for where in (lambda rows: rows.condition == NOMINAL, lambda rows: rows.condition != NOMINAL)
        )
        told = (
            f"{asked}, proved for {proved} of {seeds} {'seed' if seeds == 1 else 'seeds'}: it answers "
            f"{rate_text(float(nominal[0]))} of the nominal rows, {rate_text(float(nominal[1]))} of these {wrongly}"
        )
        if shifted[0] == shifted[0]:
            told += (
                f"; of shifted rows, where nothing is promised, {rate_text(float(shifted[0]))}, "
                f"{rate_text(float(shifted[1]))} of these {wrongly}"
            )
        yield f"{told}."
