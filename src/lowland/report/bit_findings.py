"""Which bits matter, in words: the worst flip, what protecting bits is worth, what a greedy search breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lowland.analysis.conditions import number_text, power_text
from lowland.analysis.score import Score, score_of
from lowland.report.figures.protection import shown_rate
from lowland.report.style import Style

FEW = 1e-4  # a bit error rate at which hardly two errors meet
MANY = 3  # expected flips, above which first order leaves out too much
MEASURED = (
    "worst_flip_drop",
    "bit_error_slope",
    "protected_bits",
    "protected_bits_simulated",
    "score_after_search",
)


def bit_findings(
    measurements: pd.DataFrame, *, pictures: Mapping[str, pd.DataFrame], style: Style, recipe: str | None = None
) -> dict[str, Any] | None:
    """What is known about single bits of one recipe, its first seed that was looked at.

    Args:
        measurements: The long table of one task.
        pictures: ``flip_map`` and ``protection``, either may be missing.
        style: Of the report.
        recipe: Preferred; where nothing is known about it, the first recipe of which something is.

    Returns:
        None where nothing was measured; else ``recipe``, ``asked`` (whether it is the preferred one) and
        ``precisions``: per precision ``precision``, ``worst`` (drop, tensor, bit, bits), ``slope`` (score lost per
        unit of bit error rate, with two standard errors), ``plan`` (see ``_plan``) and ``search`` (``clean`` and
        ``steps`` of k and the score left, on the same rows), each None where it is not known, and all of it in
        ``sentences``.
    """
    rows = measurements[measurements.measure.isin(MEASURED)]
    tables = [t for t in (pictures.get("flip_map"), pictures.get("protection")) if t is not None and len(t)]
    recipes = set(rows.recipe).union(*(t.recipe for t in tables))
    if not recipes:
        return None
    chosen = recipe if recipe is not None and recipe in recipes else next(n for n in style.recipes if n in recipes)
    score = score_of(measurements)
    found = []
    for precision in style.precisions:
        ours = _first_seed(rows, chosen, precision)
        flips = _first_seed(pictures.get("flip_map"), chosen, precision)
        protection = _first_seed(pictures.get("protection"), chosen, precision)
        if len(ours) or len(flips) or len(protection):
            known = {
                "precision": precision,
                "worst": _worst(ours, flips),
                "slope": _slope(ours),
                "plan": _plan(protection),
                "search": _search(ours),
            }
            sentences = _sentences(known, score)
            if sentences or len(flips) or len(protection):
                found.append(known | {"sentences": sentences})
    if not found and not any(len(table) for table in tables):
        return None  # every network that was looked at was lost
    return {"recipe": chosen, "asked": chosen == recipe, "precisions": found}


def _first_seed(table: pd.DataFrame | None, recipe: str, precision: str) -> pd.DataFrame:
    if table is None or table.empty:
        return pd.DataFrame()
    rows = table[(table.recipe == recipe) & (table.precision == precision)]
    return rows[rows.seed == rows.seed.iloc[0]] if len(rows) else rows


def _worst(rows: pd.DataFrame, flips: pd.DataFrame) -> dict[str, Any] | None:
    """The most damaging single flip and where it sits."""
    drop = _value(rows[rows.measure == "worst_flip_drop"]) if len(rows) else None
    if not len(flips) or not flips.largest_score_drop.notna().any():
        return None if drop is None else {"drop": drop, "tensor": None}
    top = flips.loc[flips.largest_score_drop.idxmax()]
    where = {"tensor": str(top.tensor), "from_top": int(top.bits - top.bit), "bits": int(top.bits)}
    return {"drop": float(top.largest_score_drop) if drop is None else drop, **where}


def _plan(protection: pd.DataFrame) -> dict[str, Any] | None:
    """The plan at the rate that the figure shows.

    Returns:
        rate, clean, floor, ``unprotected`` (simulated score without protection and two standard errors) and
        ``unprotected_expected`` (predicted to first order; either None where unknown), ``needed`` (by simulation) and
        ``needed_expected`` (to first order; None where not even all do), num_bits, ``flips`` (how many are expected at
        this rate), ``extra`` (additional bits, two per triplicated one), ``share`` (of the memory), ``checked`` (k,
        simulated score, two standard errors: the simulation at or next above ``needed``; None where there is none),
        ``secded`` (the rate that an error-correcting code leaves, and its share of more memory; or None).
    """
    if not len(protection):
        return None
    plan = protection[protection.bit_error_rate == shown_rate(protection)].sort_values("protected")
    first = plan.iloc[0]
    needed, expected = (None if v != v else int(v) for v in (first.needed_by_simulation, first.needed))
    simulated = plan[plan.simulated.notna()]
    bare = simulated[simulated.protected == 0]
    checked = simulated[simulated.protected >= needed] if needed is not None else plan[:0]
    extra = None if needed is None else 2 * needed
    return {
        "rate": float(first.bit_error_rate),
        "clean": float(first.clean),
        "floor": float(first.floor),
        "unprotected": _simulated(bare.iloc[0]) if len(bare) else None,
        "unprotected_expected": float(first.expected) if first.protected == 0 else None,
        "needed": needed,
        "needed_expected": expected,
        "num_bits": int(first.num_bits),
        "flips": float(first.bit_error_rate * first.num_bits),
        "extra": extra,
        "share": None if extra is None else extra / float(first.num_bits),
        "checked": _simulated(checked.iloc[0]) if len(checked) else None,
        "secded": {"rate": float(first.secded_rate), "overhead": float(first.secded_overhead)}
        if "secded_rate" in plan
        else None,
    }


def _simulated(row: pd.Series) -> dict[str, Any]:
    """One simulated score with two standard errors."""
    return {
        "k": int(row.protected),
        "score": float(row.simulated),
        "error": 2 * float(row.simulated_standard_error),
    }


def _search(rows: pd.DataFrame) -> dict[str, Any] | None:
    """The score after the flips of a greedy search, and on the same rows before them."""
    if not len(rows):
        return None
    found = rows[(rows.measure == "score_after_search") & (rows.status == "ok")].sort_values("level")
    flipped = found[found.level > 0]
    if not len(flipped):
        return None
    steps = [{"k": int(k), "score": float(v)} for k, v in zip(flipped.level, flipped.value, strict=True)]
    return {"clean": _value(found[found.level == 0]), "steps": steps}


def _slope(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Score lost per unit of bit error rate, with two standard errors."""
    known = rows[(rows.measure == "bit_error_slope") & (rows.status == "ok")] if len(rows) else rows
    return (float(known.value.iloc[0]), 2 * float(known.standard_error.iloc[0])) if len(known) else None


def _value(rows: pd.DataFrame) -> float | None:
    known = rows[(rows.status == "ok") & rows.value.notna()] if len(rows) else rows
    return float(known.value.iloc[0]) if len(known) else None


def _sentences(known: Mapping[str, Any], score: Score) -> list[str]:
    """The findings of one precision in words."""
    sentences = []
    if worst := known["worst"]:
        place = ""
        if worst["tensor"] is not None:
            top = worst["from_top"]
            bit = "the most significant bit" if top == 1 else f"bit {top} from the top"
            place = f" (in {worst['tensor']}, {bit} of {worst['bits']})"
        sentences.append(f"The worst single flip costs {score.change(worst['drop'])} of {score.label}{place}.")
    if known["slope"] is not None:
        slope, error = known["slope"]
        cost = score.change(FEW * slope)
        if error > 0:
            both = f"{score.bare_change(FEW * slope)} ± {score.change(FEW * error)}"
            cost = f"{both} (two standard errors over the rows)"
        sentences.append(f"Where errors are few, each {power_text(FEW)} of bit error rate costs {cost}.")
    if known["plan"]:
        sentences += _plan_sentences(known["plan"], score)
    if search := known["search"]:
        start = "" if search["clean"] is None else f"from {score.text(search['clean'])} "
        ends = [search["steps"][0], *search["steps"][1:][-1:]]
        path = " and ".join(f"{score.text(step['score'])} with {step['k']:g}" for step in ends)
        flips = "flip" if search["steps"][-1]["k"] == 1 else "flips"
        sentences.append(f"A greedy search for the worst flips brings {score.label} {start}to {path} {flips}.")
    return sentences


def _plan_sentences(plan: Mapping[str, Any], score: Score) -> list[str]:
    """What triplicating bits is worth: what the simulation found first, what first order predicted after it."""
    needed, floor, total = plan["needed"], score.text(plan["floor"]), plan["num_bits"]
    head = f"At bit error rate {power_text(plan['rate'])}"
    sentences = []
    if bare := plan["unprotected"]:
        predicted = plan["unprotected_expected"]
        beside = "" if predicted is None else f" (predicted to first order: {score.text(max(predicted, 0.0))})"
        sentences.append(f"{head}, {_outcome(bare, score)} without protection{beside}.")
    there = "" if sentences else f"{head}: "
    if needed == 0:
        sentences.append(f"{there}In simulation the {score.floor} of {floor} holds without protection.")
    elif needed is None:
        sentences.append(
            f"{there}In simulation not even tripling all {total:,} bits holds the {score.floor} of {floor}."
        )
    else:
        left = f"; with {check['k']:,} tripled, {_outcome(check, score)}" if (check := plan["checked"]) else ""
        sentences.append(
            f"{there}In simulation, tripling {needed:,} of {total:,} bits holds the {score.floor} of {floor}, for "
            f"{plan['extra']:,} more bits of memory ({_rounded(100 * plan['share'])} %){left}."
        )
    expected = plan["needed_expected"]
    if expected is None:
        predicted = f"First order predicts that not even all {total:,} bits do"
    elif expected == 0:
        predicted = "First order predicts that none needs protection"
    else:
        predicted = f"First order predicts {expected:,} bits"
    doubt = ""
    if plan["flips"] > MANY:
        doubt = f", but it is good only where few bits flip at once, and here about {plan['flips']:,.0f} do"
    sentences.append(f"{predicted}{doubt}.")
    if code := plan["secded"]:
        sentences.append(
            f"The other way, words that correct one error and detect two (SECDED), leaves a rate of "
            f"{number_text(code['rate'])} for {_rounded(100 * code['overhead'])} % more memory."
        )
    return sentences


def _rounded(number: float) -> str:
    """Two digits, without a power of ten."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _outcome(simulated: Mapping[str, Any], score: Score) -> str:
    """What is left, or what the score has become."""
    value = _with_error(simulated, score)
    return f"{value} is left" if score.higher_is_better else f"{score.label} is {value}"


def _with_error(simulated: Mapping[str, Any], score: Score) -> str:
    """A simulated score with its error, the unit once where both have the same."""
    value, error = simulated["score"], simulated["error"]
    if error != error:
        return score.text(value)
    margin = score.margin(error, beside=value)
    if score.is_share:
        return f"{score.text(value)} ± {margin} points"
    return f"{score.bare(value)} ± {margin} {score.units}".rstrip()
