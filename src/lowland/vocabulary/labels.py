"""What conditions and their levels are called, as their records say it."""

from __future__ import annotations

import math

from lowland.vocabulary.conditions import condition_named
from lowland.vocabulary.targets import TARGETS

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
        part = TARGETS[target].part if target in TARGETS else target
        return known.axis.format(bit=f"bit of {part}", bits=f"bits of {part}")
    return f"{condition_label(condition, target)}, {known.unit.title}"


def level_unit(condition: str) -> str:
    """The unit of a condition's level."""
    return condition_named(condition).unit.title


def level_text(condition: str, level: float) -> str:
    """A level with its unit, as short as it goes."""
    unit = condition_named(condition).unit
    number = power_text(level) if unit.by_power else f"{level:.3g}"
    return (unit.one if level == 1 else unit.many).format(number)


def bare_level_text(condition: str, level: float) -> str:
    """A level without its unit, for a table that names the unit itself."""
    return power_text(level) if condition_named(condition).unit.by_power else number_text(level)


def number_text(value: float) -> str:
    """A number with two or three digits, very small ones as powers of ten."""
    if value >= 1e-2 or value <= 0:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"
    return power_text(value)


def power_text(value: float) -> str:
    """A positive number as a multiple of a power of ten, with two digits."""
    if not 0 < value < 1:
        return f"{value:.2g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = f"{value / 10**exponent:.2g}"
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return power if mantissa == "1" else f"{mantissa}·{power}"
