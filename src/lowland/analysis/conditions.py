"""Which conditions a long table has, and what is compared with what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lowland.vocabulary.conditions import GROUPS, condition_named
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.measures import SCORES
from lowland.vocabulary.targets import codes_target

KEYS = ["family", "condition", "target"]


def is_logarithmic(condition: str) -> bool:
    """Whether levels span decades: numbers of flips and bit error rates."""
    return condition_named(condition).unit.logarithmic


def harder_is_lower(condition: str) -> bool:
    """Whether a lower level disturbs more: an ADC with fewer bits."""
    return condition_named(condition).falls


def group_of(condition: str) -> str:
    """The key of ``GROUPS`` that a disturbance belongs to."""
    return str(condition_named(condition).group)


def is_part_of_a_whole(condition: str, target: str = "") -> bool:
    """Whether it looks closer at what other conditions show whole: flips in one part of the memory, other faults."""
    known = condition_named(condition)
    return codes_target(target) != known.target or not known.whole


def codes_targets(targets: pd.Series) -> pd.Series:
    """Of every target the part of stored codes that it is shown beside: each name is looked up once, not each row."""
    return targets.map({name: codes_target(name) for name in targets.unique()})


def beside_codes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, those of float32 words with the target of the stored codes that they are shown beside."""
    return rows.assign(target=codes_targets(rows.target))


def disturbances(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every disturbance with a score in the table: family, condition, target, ``group``; by group, then by appearance.

    Flips in float32 words are no disturbances of their own beside those in stored codes; alone they stay.
    """
    rows = measurements[measurements.family.isin(DISTURBANCES) & measurements.measure.isin(SCORES)]
    found = rows[KEYS].drop_duplicates()
    codes = codes_targets(found.target)
    known = set(zip(found.condition, found.target, strict=True))
    alone = np.array([pair not in known for pair in zip(found.condition, codes, strict=True)], dtype=bool)
    found = found[(found.target == codes) | alone]
    found = found.assign(group=[group_of(c) for c in found.condition])
    order = found.group.map(list(GROUPS).index)
    return found.iloc[order.argsort(kind="stable")].reset_index(drop=True)
