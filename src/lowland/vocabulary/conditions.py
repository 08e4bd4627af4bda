"""What is done to a network, to its inputs or to the world: every condition is declared once, for all who name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lowland.vocabulary.families import Family
from lowland.vocabulary.levels import (
    ADC_BITS,
    BIT_ERROR_RATE,
    FLIPS,
    NO_LEVEL,
    PER_CENT,
    SEVERITY,
    STANDARD_DEVIATIONS,
    STUCK_BITS,
    UPSETS,
    LevelUnit,
)

Group = Literal["noise", "sensors", "images", "attacks", "memory", "faults", "shift"]

GROUPS: dict[str, str] = {
    "noise": "Noise on the inputs",
    "sensors": "Broken sensors",
    "images": "Spoiled images",
    "attacks": "Attacks",
    "memory": "Flipped bits in memory",
    "faults": "Other faults",
    "shift": "Shifted data",
}
"""Where a reader of the report looks for a condition, in the order of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that is done.

    Attributes:
        name: Its name in the long table.
        family: Family of the measures taken under it.
        group: Where the report has it, a key of ``GROUPS``.
        label: Its name in a sentence. ``{place}`` stands for a part of the network, where it hits one.
        short_label: Its name where there is little room; the label where it is empty.
        explanation: One sentence for an engineer who has not met it.
        target: What it always hits; empty where that is the whole, or a matter of choice.
        unit: What its levels count; ``NO_LEVEL`` for what is there or not.
        axis: Title of the axis of its levels, ``{bit}`` standing for a bit of its target; empty: label and unit.
        falls: A lower level disturbs more.
        random: Chance is involved, so that it is drawn several times.
        needs_codes: Networks that store floats cannot meet it.
        whole: It is a disturbance of its own, not a closer look at another.
        representative: Correlations take it for its family.
    """

    name: str
    family: Family
    group: Group
    label: str
    short_label: str = ""
    explanation: str = ""
    target: str = ""
    unit: LevelUnit = NO_LEVEL
    axis: str = ""
    falls: bool = False
    random: bool = True
    needs_codes: bool = False
    whole: bool = True
    representative: bool = False


def _noise(
    name: str, label: str, explanation: str, *, short_label: str = "", representative: bool = False
) -> Condition:
    return Condition(
        name=name,
        family="noise",
        group="noise",
        label=label,
        short_label=short_label,
        explanation=explanation,
        unit=PER_CENT,
        representative=representative,
    )


def _sensor_fault(name: str, label: str, explanation: str, *, representative: bool = False) -> Condition:
    return Condition(
        name=name,
        family="sensor_fault",
        group="sensors",
        label=label,
        explanation=explanation,
        unit=PER_CENT,
        representative=representative,
    )


def _image_corruption(name: str, label: str, *, random: bool = True, representative: bool = False) -> Condition:
    return Condition(
        name=name,
        family="image_corruption",
        group="images",
        label=label,
        unit=SEVERITY,
        random=random,
        representative=representative,
    )


def _attack(kind: str, norm: str, label: str, explanation: str, *, representative: bool = False) -> Condition:
    return Condition(
        name=f"{kind}_{norm}",
        family="adversarial",
        group="attacks",
        label=label,
        explanation=explanation,
        unit=STANDARD_DEVIATIONS,
        random=False,
        representative=representative,
    )


def _bits(name: str, label: str, unit: LevelUnit, *, axis: str, short_label: str = "") -> Condition:
    return Condition(
        name=name,
        family="bit_flip",
        group="memory",
        label=label,
        short_label=short_label,
        unit=unit,
        axis=axis,
        representative=True,
    )


def _fault(name: str, label: str, explanation: str, unit: LevelUnit, *, axis: str) -> Condition:
    return Condition(
        name=name,
        family="bit_flip",
        group="faults",
        label=label,
        explanation=explanation,
        unit=unit,
        axis=axis,
        needs_codes=True,
        whole=False,
    )


_FGSM = "FGSM takes one step along the gradient, to the edge of the radius."
_PGD = "PGD takes several smaller steps inside the same radius and keeps the worst point that it came by."
_UPSETS = "Multi-bit upsets flip several adjacent bits of one word, as one particle does in dense memory."
_STUCK = "Bits stuck at {} always read {}, whatever is written; only those that should read otherwise do harm."

_GENERAL = (
    _noise(
        "gaussian",
        "Gaussian noise",
        "Gaussian p % adds to each feature a random number whose standard deviation σ is p/100 of the standard "
        "deviation of that feature in the training data.",
        short_label="Gaussian",
        representative=True,
    ),
    _noise(
        "uniform",
        "uniform noise",
        "Uniform p % adds a number spread evenly over ±√3·σ: as strong as the Gaussian, without its tails.",
    ),
    _noise(
        "salt_and_pepper",
        "salt-and-pepper noise",
        "Salt-and-pepper p % sets p/2 % of all entries to the largest and p/2 % to the smallest value of their feature "
        "in the training data.",
        short_label="salt & pepper",
        representative=True,
    ),
    replace(
        _sensor_fault(
            "dead_at_mean",
            "dead channels, stuck at their mean",
            "Dead channels, p %: that share of the features always reads its training mean.",
            representative=True,
        ),
        short_label="dead channels",
    ),
    _sensor_fault(
        "dead_at_zero",
        "dead channels, stuck at zero",
        "Dead channels at zero, p %: that share of the features always reads zero.",
    ),
    _sensor_fault(
        "gain_drift",
        "gain drift",
        "Gain drift p %: every feature is multiplied by a factor of its own around 1, its standard deviation p/100.",
        representative=True,
    ),
    _sensor_fault(
        "offset_drift",
        "offset drift",
        "Offset drift p %: every feature is shifted by a number of its own, with a standard deviation of p/100 of the "
        "feature's.",
    ),
    replace(
        _sensor_fault(
            "saturation",
            "saturation",
            "Saturation p %: what lies in the outer p % of a feature's training range, half at each end, is clipped.",
        ),
        random=False,
    ),
    replace(
        _sensor_fault(
            "requantization",
            "coarser ADC",
            "Coarser ADC: every feature is read in so many bits over its training range; fewer are worse.",
        ),
        unit=ADC_BITS,
        falls=True,
        random=False,
    ),
    _image_corruption("gaussian_blur", "blurred images", random=False, representative=True),
    _image_corruption("defocus", "images out of focus", random=False),
    _image_corruption("motion_blur", "motion blur"),
    _image_corruption("fog", "fog"),
    _image_corruption("contrast", "low contrast", random=False),
    _image_corruption("brightness", "too bright images", random=False),
    _image_corruption("shot_noise", "photon noise"),
    _image_corruption("impulse_noise", "black and white pixels"),
    _image_corruption("pixelate", "coarse pixels", random=False),
    _image_corruption("rotation", "rotated images"),
    _image_corruption("translation", "displaced images", representative=True),
    _attack("fgsm", "linf", "one-step attack (FGSM, L∞)", _FGSM),
    replace(_attack("pgd", "linf", "iterated attack (PGD, L∞)", _PGD, representative=True), short_label="attack"),
    _attack("fgsm", "l2", "one-step attack (FGSM, L2)", _FGSM),
    _attack("pgd", "l2", "iterated attack (PGD, L2)", _PGD),
    _bits(
        "flips",
        "bit flips{place}, fixed number",
        FLIPS,
        axis="bits flipped, out of all {bit}s",
        short_label="flips",
    ),
    _bits(
        "bit_error_rate",
        "bit errors{place}, fixed rate",
        BIT_ERROR_RATE,
        axis="bit error rate (probability that a {bit} is flipped)",
        short_label="error rate",
    ),
    replace(
        _bits(
            "ranked_flips",
            "bit flips of the weights' worst-ranked bits, fixed number",
            FLIPS,
            axis="bits of weights flipped, the worst-ranked first",
            short_label="worst-ranked flips",
        ),
        target="weights",
        explanation="Worst-ranked flips hit the bits of weights that FKeras' ranking names first, all at once, not "
        "bits by chance.",
        random=False,
        needs_codes=True,
        whole=False,
    ),
    replace(
        _fault(
            "transient_bit_error_rate",
            "bit errors in activations, fixed rate",
            "Flips in activations hit what one layer hands to the next, anew in every inference.",
            BIT_ERROR_RATE,
            axis="bit error rate of activations, anew in every inference",
        ),
        target="activations",
        random=False,  # every inference has flips of its own, so that the rows are the sample and one draw is enough
    ),
    _fault("upsets", "multi-bit upsets, fixed number", _UPSETS, UPSETS, axis="number of upsets"),
    _fault(
        "upset_rate",
        "multi-bit upsets, fixed rate",
        _UPSETS,
        BIT_ERROR_RATE,
        axis="bit error rate (adjacent bits flipped together)",
    ),
    *(
        _fault(
            f"stuck_at_{value}{ending}",
            f"stuck-at-{value} bits, fixed {how}",
            _STUCK.format(value, value),
            unit,
            axis=axis.format(value),
        )
        for value in (0, 1)
        for ending, how, unit, axis in (
            ("", "number", STUCK_BITS, "number of stuck-at-{} bits"),
            ("_rate", "rate", BIT_ERROR_RATE, "probability that a stored bit is stuck at {}"),
        )
    ),
)

CONDITIONS: dict[str, Condition] = {condition.name: condition for condition in _GENERAL}
"""By name: those of every study, and what tasks declare."""


def shifted_set(name: str, label: str = "", explanation: str = "") -> Condition:
    """The condition that a task's data come from elsewhere.

    Args:
        name: Of the set, as the task's raw table has it.
        label: In a sentence; by default the name with spaces.
        explanation: What is different there.
    """
    return Condition(
        name=name,
        family="shift",
        group="shift",
        label=label or name.replace("_", " "),
        explanation=explanation,
        random=False,
        representative=True,
    )


def declare(*conditions: Condition) -> None:
    """Adds conditions of a task to those that everybody knows.

    Raises:
        ValueError: A name that already stands for something else.
    """
    for condition in conditions:
        known = CONDITIONS.setdefault(condition.name, condition)
        if known != condition:
            raise ValueError(f"condition {condition.name!r} is declared twice, as {known} and as {condition}")


def condition_named(name: str) -> Condition:
    """A condition by its name; one that nobody declared is a shifted set (a table from elsewhere)."""
    return CONDITIONS.get(name) or shifted_set(name)


def declare_written(words: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Adds the conditions of a study as they stand beside its table, where nobody here has declared them.

    Args:
        words: ``conditions`` of ``vocabulary.json``: by task and name the fields of each.
    """
    for conditions in words.values():
        for name, fields in conditions.items():
            if name not in CONDITIONS:
                declare(Condition(**{**fields, "unit": LevelUnit(**fields["unit"])}))
