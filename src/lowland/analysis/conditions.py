"""The conditions of the long table in words, and which of them a table has."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lowland.measures import SCORES
from lowland.vocabulary.conditions import GROUPS, condition_named
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.targets import TARGETS, codes_target

KEYS = ["family", "condition", "target"]
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def condition_label(condition: str, target: str = "") -> str:
    """A condition in words, and what it hits where that is not the whole."""
    place = TARGETS[target].place if target in TARGETS else f"in {target}"
    return condition_named(condition).label.format(place=place and f" {place}")


def short_label(condition: str, target: str = "") -> str:
    """The same where there is little room."""
    short = condition_named(condition).short_label
    if not short:
        return condition_label(condition, target)
    return f"{short}, fp32" if target in TARGETS and TARGETS[target].is_float32 else short


def level_title(condition: str, target: str = "") -> str:
    """What the level of a condition is, for the title of its axis."""
    known = condition_named(condition)
    if known.axis:
        return known.axis.format(bit=TARGETS[target].bit if target in TARGETS else f"bit of {target}")
    return f"{condition_label(condition, target)}, {known.unit.title}"


def level_unit(condition: str) -> str:
    """The unit of a condition's level."""
    return condition_named(condition).unit.title


def level_text(condition: str, level: float) -> str:
    """A level with its unit, as short as it goes."""
    unit = condition_named(condition).unit
    number = power_text(level) if unit.by_power else f"{level:.3g}"
    return (unit.one if level == 1 else unit.many).format(number)


def number_text(value: float) -> str:
    """A number with two or three digits, very small ones as powers of ten."""
    if value >= 1e-2 or value <= 0:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"
    return power_text(value)


def listed(names: Sequence[str]) -> str:
    """One or more names with commas and a last "and"."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def power_text(value: float) -> str:
    """A positive number as a multiple of a power of ten, with two digits."""
    if not 0 < value < 1:
        return f"{value:.2g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = f"{value / 10**exponent:.2g}"
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{mantissa}·{power}"


def is_logarithmic(condition: str) -> bool:
    """Whether levels span decades: numbers of flips and bit error rates."""
    return condition_named(condition).unit.logarithmic


def bare_level_text(condition: str, level: float) -> str:
    """A level without its unit, for a table that names the unit itself."""
    return power_text(level) if condition_named(condition).unit.by_power else number_text(level)


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
