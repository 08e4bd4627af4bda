"""The units in which the strength of a condition is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelUnit:
    """What a level counts.

    Attributes:
        name: As the long table has it; empty where a condition has no levels.
        title: For the heading of a column.
        one: A level of 1 in a sentence, ``{}`` standing for the number.
        many: Any other level likewise.
        logarithmic: Levels span decades: axes and half-lives are logarithmic.
        by_power: Levels are far below 1 and written as powers of ten.
    """

    name: str
    title: str
    one: str
    many: str
    logarithmic: bool = False
    by_power: bool = False


NO_LEVEL = LevelUnit("", "", "", "")
PER_CENT = LevelUnit("per cent", "per cent", "{} %", "{} %")
CLASS_RATIO = LevelUnit("class ratio", "most frequent class to rarest", "equal shares", "{} to 1", logarithmic=True)
SEVERITY = LevelUnit("severity", "severity, 1 to 5", "severity {}", "severity {}")
ADC_BITS = LevelUnit("ADC bits", "ADC bits", "{} bit", "{} bits")
STANDARD_DEVIATIONS = LevelUnit(
    "training standard deviations", "radius in training standard deviations", "{} σ", "{} σ"
)
BITS = LevelUnit("bits", "bits", "{} bit", "{} bits")
MEAN_BITS = LevelUnit("mean bits", "bits on average", "{} bit on average", "{} bits on average")
FLIPS = LevelUnit("flips", "bits flipped", "{} flip", "{} flips", logarithmic=True)
UPSETS = LevelUnit("upsets", "upsets", "{} upset", "{} upsets", logarithmic=True)
STUCK_BITS = LevelUnit("stuck bits", "stuck bits", "{} stuck bit", "{} stuck bits", logarithmic=True)
BIT_ERROR_RATE = LevelUnit("bit error rate", "bit error rate", "rate {}", "rate {}", logarithmic=True, by_power=True)
