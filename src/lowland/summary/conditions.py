"""The conditions of the long table in words: their names, their units and the groups that a reader looks for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from lowland.measures import SCORES

WORDS = "ieee754_"  # prefix of flips in the float32 words of float networks, the twins of flips in stored codes
PER_CENT = "per cent"
_NAMES = {
    "gaussian": "Gaussian noise",
    "uniform": "uniform noise",
    "salt_and_pepper": "salt-and-pepper noise",
    "dead_at_mean": "dead channels, stuck at their mean",
    "dead_at_zero": "dead channels, stuck at zero",
    "gain_drift": "gain drift",
    "offset_drift": "offset drift",
    "saturation": "saturation",
    "requantization": "coarser ADC",
    "fgsm_linf": "one-step attack (FGSM, L∞)",
    "pgd_linf": "iterated attack (PGD, L∞)",
    "fgsm_l2": "one-step attack (FGSM, L2)",
    "pgd_l2": "iterated attack (PGD, L2)",
    "smeared": "detector smearing",
    "pileup": "pile-up",
    "high_pt": "another pT window",
}
_PARTS = ("weights", "biases", "scales", "activations")
_FAULTS = {"upsets": "multi-bit upsets", "stuck_at_0": "stuck-at-0 bits", "stuck_at_1": "stuck-at-1 bits"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RANKED = "ranked"  # part of the condition of flips that a ranking chose
_COUNTED = {"upsets": "upsets", "stuck_at_0": "stuck bits", "stuck_at_1": "stuck bits"}

GROUPS = {
    "noise": "Noise on the inputs",
    "sensors": "Broken sensors",
    "attacks": "Attacks",
    "memory": "Flipped bits in memory",
    "faults": "Other faults",
    "shift": "Shifted data",
}


def condition_label(condition: str) -> str:
    """A condition in words; its own name with spaces where nobody has given it words."""
    plain = condition.removeprefix(WORDS)
    part, by_rate = _taken_apart(plain)
    if by_rate is None:
        return _NAMES.get(condition, condition.replace("_", " "))
    if part == RANKED:
        return "bit flips of the weights' worst-ranked bits, fixed number"
    what = _FAULTS.get(part, "bit errors" if by_rate else "bit flips")
    memory = " in float32 words" if plain != condition else ""
    place = (" of " if memory else " in ") + part if part in _PARTS else ""
    return f"{what}{memory}{place}, fixed {'rate' if by_rate else 'number'}"


def level_title(condition: str) -> str:
    """What the level of a condition is, for the title of its axis."""
    part, by_rate = _taken_apart(condition.removeprefix(WORDS))
    if by_rate is None:
        return f"{condition_label(condition)}, {level_unit(condition)}"
    if part == "upsets":
        return "bit error rate (adjacent bits flipped together)" if by_rate else "number of upsets"
    if part in _FAULTS:
        return f"probability that a stored bit is stuck at {part[-1]}" if by_rate else f"number of {_FAULTS[part]}"
    if part == "activations":
        return "bit error rate of activations, anew in every inference"
    if part == RANKED:
        return "bits of weights flipped, the worst-ranked first"
    place = f"bit of {part}" if part in _PARTS else "stored bit"
    return (
        f"bit error rate (probability that a {place} is flipped)" if by_rate else f"bits flipped, out of all {place}s"
    )


def level_unit(condition: str) -> str:
    """The unit of a condition's level."""
    part, by_rate = _taken_apart(condition.removeprefix(WORDS))
    if by_rate is not None:
        return "bit error rate" if by_rate else _COUNTED.get(part, "bits flipped")
    if condition == "requantization":
        return "ADC bits"
    return "radius in training standard deviations" if is_attack(condition) else PER_CENT


def level_text(condition: str, level: float) -> str:
    """A level with its unit, as short as it goes."""
    part, by_rate = _taken_apart(condition.removeprefix(WORDS))
    if by_rate is not None:
        counted = _COUNTED.get(part, "flips")
        return f"rate {power_text(level)}" if by_rate else f"{level:.3g} {counted[:-1] if level == 1 else counted}"
    if condition == "requantization":
        return f"{level:.3g} bit{'' if level == 1 else 's'}"
    return f"{level:.3g} σ" if is_attack(condition) else f"{level:.3g} %"


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


def is_attack(condition: str) -> bool:
    """Whether the condition is a gradient attack, its level a radius."""
    return condition.endswith(("_linf", "_l2"))


def is_logarithmic(condition: str) -> bool:
    """Whether levels span decades: numbers of flips and bit error rates."""
    return _taken_apart(condition.removeprefix(WORDS))[1] is not None


def bare_level_text(condition: str, level: float) -> str:
    """A level without its unit, for a table that names the unit itself."""
    return power_text(level) if condition.endswith("bit_error_rate") else number_text(level)


def harder_is_lower(condition: str) -> bool:
    """Whether a lower level disturbs more: an ADC with fewer bits."""
    return condition == "requantization"


def group_of(family: str, condition: str, *, has_levels: bool = True) -> str:
    """The key of ``GROUPS`` that a disturbance belongs to; a corruption without levels is a shifted set."""
    if family == "bit_flip":
        part, _ = _taken_apart(condition.removeprefix(WORDS))
        return "faults" if part in _FAULTS or part == "activations" else "memory"
    if family == "corruption":
        return "sensors" if has_levels else "shift"
    return "attacks" if family == "adversarial" else "noise"


def is_part_of_a_whole(family: str, condition: str) -> bool:
    """Whether it looks closer at what other conditions show whole: flips in one part of the memory, other faults."""
    return family == "bit_flip" and condition.removeprefix(WORDS) not in ("flips", "bit_error_rate")


def disturbances(measurements: pd.DataFrame) -> pd.DataFrame:
    """Every disturbance with a score in the table: family, condition, ``group``; by group, then by appearance.

    Flips in float32 words are no disturbances of their own beside those in stored codes; alone they stay.
    """
    rows = measurements[
        measurements.family.isin(["noise", "bit_flip", "corruption", "adversarial"]) & measurements.measure.isin(SCORES)
    ]
    found = (
        rows.assign(levels=rows.level.notna())
        .groupby(["family", "condition"], sort=False)["levels"]
        .any()
        .reset_index()
    )
    known = set(found.condition)
    bare = found.condition.str.removeprefix(WORDS)
    found = found[(found.condition == bare) | ~bare.isin(known)]
    groups = [
        group_of(f, c, has_levels=bool(levels))
        for f, c, levels in zip(found.family, found.condition, found.levels, strict=True)
    ]
    order = [list(GROUPS).index(group) for group in groups]
    found = found.assign(group=groups, order=order).sort_values("order", kind="stable")
    return found[["family", "condition", "group"]].reset_index(drop=True)


def _taken_apart(condition: str) -> tuple[str, bool | None]:
    """(part or fault, whether by rate) of a flip condition; ("", None) of any other."""
    for ending, by_rate in (("flips", False), ("bit_error_rate", True)):
        part = condition.removesuffix(ending).removesuffix("_")
        if condition.endswith(ending) and part in ("", RANKED, *_PARTS, *_FAULTS):
            return part, by_rate
    return "", None
