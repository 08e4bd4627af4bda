"""What might foretell robustness: landscape measures and the baselines they must beat, one number per cell."""

from __future__ import annotations

import pandas as pd

from lowland.analysis.criteria import CELL, Criterion, cells, clean_criterion, criterion_values
from lowland.analysis.score import score_of
from lowland.vocabulary.measures import SCORES, SELECTED

CLEAN_SCORES = {f"clean_{name}": name for name in SCORES}  # of each task its own
BASELINES = ("weight_bits", "mean_squared_flip", "weight_norm", *CLEAN_SCORES, "clean_loss")
CLEAN_LOSS = Criterion("loss", "clean loss", "performance", "loss", "", higher_is_better=False)


def predictors(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every landscape measure and every baseline of every cell.

    A measure of pairs of seeds (CKA) is averaged over the pairs of its configuration and given to each of its cells.
    A measure taken under several conditions or levels becomes several predictors, named ``measure (condition level)``.

    Returns:
        The cell's columns, ``predictor``, ``kind`` (``landscape`` | ``baseline``), ``value``, ``status``. A predictor
        has no row on a precision where nobody measured it (float networks have no codes to flip); a cell that lacks
        what other cells of its precision have counts as ``failed``.
    """
    rows = measurements[
        (measurements.family == "landscape") & (measurements.measure != "all") & (measurements.target == "")
    ]
    variants = rows[["measure", "condition", "level"]].drop_duplicates()["measure"].value_counts()
    names = [
        m if variants[m] == 1 else f"{m} ({f'{c} {level:g}'.strip()})"
        for m, c, level in zip(rows.measure, rows.condition, rows.level, strict=True)
    ]
    rows = rows.assign(predictor=names)
    # What is undefined for a whole precision is no failure: float networks have no codes to flip.
    exists = (rows.status != "undefined").groupby([rows.task, rows.precision, rows.predictor]).transform("any")
    rows = rows[exists]
    parts = [_single(measurements, rows[rows.reference == ""]), _pairs(measurements, rows[rows.reference != ""])]
    for _, task in measurements.groupby("task", sort=False):
        score = score_of(task)
        parts += [_clean(task, f"clean_{score.name}", clean_criterion(score)), _clean(task, "clean_loss", CLEAN_LOSS)]
    every = cells(measurements)
    parts.append(every.assign(predictor="weight_bits", value=every.weight_bits.astype("float64"), status="ok"))
    frame = pd.concat([p for p in parts if len(p)], ignore_index=True)
    kind = frame.predictor.isin(BASELINES).map({True: "baseline", False: "landscape"})
    frame = frame.assign(kind=kind, value=frame.value.where(frame.status == "ok"))
    return frame[[*CELL, "predictor", "kind", "value", "status"]]


def _clean(measurements: pd.DataFrame, name: str, criterion: Criterion) -> pd.DataFrame:
    return criterion_values(measurements, criterion).assign(predictor=name)[[*CELL, "predictor", "value", "status"]]


def _single(measurements: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    design = rows[["task", "precision", "predictor", "measure"]].drop_duplicates()
    full = cells(measurements).merge(design, on=["task", "precision"])
    frame = full.merge(rows[[*CELL, "predictor", "value", "status"]], how="left", on=[*CELL, "predictor"])
    frame = frame[frame.status.notna() | ~frame.measure.isin(SELECTED)].drop(columns="measure")  # or nobody asked
    return frame.assign(status=frame.status.fillna("failed"))


def _pairs(measurements: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame(columns=[*CELL, "predictor", "value", "status"])
    per_configuration = (
        rows.assign(good=rows.value.where(rows.status == "ok"), bad=rows.status.where(rows.status != "ok"))
        .groupby(["task", "recipe", "precision", "predictor"], sort=False)
        .agg(value=("good", lambda v: v.mean(skipna=False)), status=("bad", "first"))
        .reset_index()
    )
    frame = cells(measurements).merge(per_configuration, on=["task", "recipe", "precision"])
    return frame.assign(status=frame.status.fillna("ok").astype(str))
