"""What is done to a network, to its inputs or to the world: every condition is declared once, for all who name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from lowland.vocabulary.families import Family
from lowland.vocabulary.levels import (
    ADC_BITS,
    BIT_ERROR_RATE,
    CLASS_RATIO,
    FLIPS,
    MEAN_BITS,
    NO_LEVEL,
    PER_CENT,
    SEVERITY,
    STANDARD_DEVIATIONS,
    STUCK_BITS,
    UPSETS,
    LevelUnit,
)

OF_READINGS: tuple[Family, ...] = ("noise", "sensor_fault")
"""Families of what happens to numbers that were measured."""

Group = Literal["noise", "sensors", "images", "texts", "attacks", "memory", "faults", "shift", "labels", "policies"]

GROUPS: dict[str, str] = {
    "noise": "Noise on the inputs",
    "sensors": "Broken sensors",
    "images": "Spoiled images",
    "texts": "Spoiled texts",
    "attacks": "Attacks",
    "memory": "Flipped bits in memory",
    "faults": "Other faults",
    "shift": "Shifted data",
    "labels": "Other shares of the classes",
    "policies": "Networks and bit policies made for each other",
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
        axis: Title of the axis of its levels, ``{bit}`` standing for a bit of its target, ``{bits}`` for all; empty:
            label and unit.
        falls: A lower level disturbs more.
        random: Chance is involved, so that it is drawn several times.
        needs_codes: Networks that store floats cannot meet it.
        whole: It is a disturbance of its own, not a closer look at another.
        representative: Correlations take it for its family.
        input_kind: Kind of the only inputs that can meet it, as tasks call theirs; empty: any.
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
    input_kind: str = ""

    def applies_to(self, input_kind: str) -> bool:
        """Whether inputs of this kind can meet it: what is added to readings, or takes their place, tokens cannot."""
        if input_kind == "tokens" and self.family in OF_READINGS:
            return False
        return self.input_kind in ("", input_kind)


_noise = partial(Condition, family="noise", group="noise", unit=PER_CENT)
_sensor_fault = partial(Condition, family="sensor_fault", group="sensors", unit=PER_CENT)
_image_corruption = partial(Condition, family="image_corruption", group="images", unit=SEVERITY, input_kind="image")
_token_corruption = partial(
    Condition, family="token_corruption", group="texts", unit=PER_CENT, input_kind="tokens", representative=True
)
_attack = partial(Condition, family="adversarial", group="attacks", unit=STANDARD_DEVIATIONS, random=False)
_flips = partial(Condition, family="bit_flip", group="memory", representative=True)
_fault = partial(Condition, family="bit_flip", group="faults", needs_codes=True, whole=False)

_student = partial(Condition, family="worst_case", group="policies", unit=MEAN_BITS, random=False, whole=False)

_FGSM = "FGSM takes one step along the gradient, to the edge of the radius."
_PGD = "PGD takes several smaller steps inside the same radius and keeps the worst point that it came by."
_UPSETS = "Multi-bit upsets flip several adjacent bits of one word, as one particle does in dense memory."
_STUCK = "Bits stuck at {} always read {}, whatever is written; only those that should read otherwise do harm."

_GENERAL = (
    _noise(
        name="gaussian",
        label="Gaussian noise",
        short_label="Gaussian",
        explanation="Gaussian p % adds to each feature a random number whose standard deviation σ is p/100 of the "
        "standard deviation of that feature in the training data.",
        representative=True,
    ),
    _noise(
        name="uniform",
        label="uniform noise",
        explanation="Uniform p % adds a number spread evenly over ±√3·σ: as strong as the Gaussian, without its tails.",
    ),
    _noise(
        name="salt_and_pepper",
        label="salt-and-pepper noise",
        short_label="salt & pepper",
        explanation="Salt-and-pepper p % sets p/2 % of all entries to the largest and p/2 % to the smallest value of "
        "their feature in the training data.",
        representative=True,
    ),
    _sensor_fault(
        name="dead_at_mean",
        label="dead channels, stuck at their mean",
        short_label="dead channels",
        explanation="Dead channels, p %: that share of the features always reads its training mean.",
        representative=True,
    ),
    _sensor_fault(
        name="dead_at_zero",
        label="dead channels, stuck at zero",
        explanation="Dead channels at zero, p %: that share of the features always reads zero.",
    ),
    _sensor_fault(
        name="gain_drift",
        label="gain drift",
        explanation="Gain drift p %: every feature is multiplied by a factor of its own around 1, its standard "
        "deviation p/100.",
        representative=True,
    ),
    _sensor_fault(
        name="offset_drift",
        label="offset drift",
        explanation="Offset drift p %: every feature is shifted by a number of its own, with a standard deviation of "
        "p/100 of the feature's.",
    ),
    _sensor_fault(
        name="saturation",
        label="saturation",
        explanation="Saturation p %: what lies in the outer p % of a feature's training range, half at each end, is "
        "clipped.",
        random=False,
    ),
    _sensor_fault(
        name="requantization",
        label="coarser ADC",
        explanation="Coarser ADC: every feature is read in so many bits over its training range; fewer are worse.",
        unit=ADC_BITS,
        falls=True,
        random=False,
    ),
    _image_corruption(name="gaussian_blur", label="blurred images", random=False, representative=True),
    _image_corruption(name="defocus", label="images out of focus", random=False),
    _image_corruption(name="motion_blur", label="motion blur"),
    _image_corruption(name="fog", label="fog"),
    _image_corruption(name="contrast", label="low contrast", random=False),
    _image_corruption(name="brightness", label="too bright images", random=False),
    _image_corruption(name="shot_noise", label="photon noise"),
    _image_corruption(name="impulse_noise", label="black and white pixels"),
    _image_corruption(name="pixelate", label="coarse pixels", random=False),
    _image_corruption(name="rotation", label="rotated images"),
    _image_corruption(name="translation", label="displaced images", representative=True),
    _image_corruption(name="zoom_blur", label="zoom blur", random=False),
    _image_corruption(name="glass_blur", label="images through frosted glass"),
    _image_corruption(name="gaussian_noise", label="Gaussian noise on pixels"),
    _image_corruption(name="speckle_noise", label="speckles"),
    _image_corruption(name="frost", label="frost"),
    _image_corruption(name="snow", label="snow"),
    _image_corruption(name="spatter", label="spattered water and mud"),
    _image_corruption(name="saturate", label="faded and garish colours", random=False),
    _image_corruption(name="jpeg_compression", label="JPEG compression", random=False),
    _image_corruption(name="shear", label="sheared images"),
    _image_corruption(name="scale", label="smaller images", random=False),
    _image_corruption(name="elastic_transform", label="elastically stretched images"),
    _image_corruption(name="stripe", label="negative stripes", random=False),
    _image_corruption(name="zigzag", label="zigzags"),
    _image_corruption(name="dotted_line", label="dotted lines"),
    _image_corruption(name="canny_edges", label="edges instead of images", random=False),
    _token_corruption(
        name="unknown_words",
        label="unknown words",
        explanation="Unknown words, p %: that share of the words becomes one that the vocabulary lacks.",
    ),
    _token_corruption(
        name="typing_errors",
        label="typing errors",
        explanation="Typing errors, p %: in that share of the words one letter is missing, added, replaced or "
        "exchanged with its neighbour before words are looked up.",
    ),
    _token_corruption(
        name="truncation",
        label="texts cut off",
        explanation="Texts cut off, p %: the last p % of every text's words are missing.",
        random=False,
    ),
    _attack(name="fgsm_linf", label="one-step attack (FGSM, L∞)", explanation=_FGSM),
    _attack(
        name="pgd_linf",
        label="iterated attack (PGD, L∞)",
        short_label="attack",
        explanation=_PGD,
        representative=True,
    ),
    _attack(name="fgsm_l2", label="one-step attack (FGSM, L2)", explanation=_FGSM),
    _attack(name="pgd_l2", label="iterated attack (PGD, L2)", explanation=_PGD),
    _flips(
        name="flips",
        label="bit flips{place}, fixed number",
        short_label="flips",
        unit=FLIPS,
        axis="bits flipped, of the {bits}",
    ),
    _flips(
        name="bit_error_rate",
        label="bit errors{place}, fixed rate",
        short_label="error rate",
        unit=BIT_ERROR_RATE,
        axis="bit error rate (probability that a {bit} is flipped)",
    ),
    _flips(
        name="ranked_flips",
        label="bit flips of the weights' worst-ranked bits, fixed number",
        short_label="worst-ranked flips",
        explanation="Worst-ranked flips hit the bits of weights that FKeras' ranking names first, all at once, not "
        "bits by chance.",
        target="weights",
        unit=FLIPS,
        axis="bits of weights flipped, the worst-ranked first",
        random=False,
        needs_codes=True,
        whole=False,
    ),
    _fault(
        name="transient_bit_error_rate",
        label="bit errors in activations, fixed rate",
        explanation="Flips in activations hit what one layer hands to the next, anew in every inference.",
        target="activations",
        unit=BIT_ERROR_RATE,
        axis="bit error rate of activations, anew in every inference",
        random=False,  # every inference has flips of its own, so that the rows are the sample and one draw is enough
    ),
    _fault(
        name="upsets",
        label="multi-bit upsets, fixed number",
        explanation=_UPSETS,
        unit=UPSETS,
        axis="number of upsets",
    ),
    _fault(
        name="upset_rate",
        label="multi-bit upsets, fixed rate",
        explanation=_UPSETS,
        unit=BIT_ERROR_RATE,
        axis="bit error rate (adjacent bits flipped together)",
    ),
    *(
        _fault(
            name=f"stuck_at_{value}{ending}",
            label=f"stuck-at-{value} bits, fixed {how}",
            explanation=_STUCK.format(value, value),
            unit=unit,
            axis=axis.format(value),
        )
        for value in (0, 1)
        for ending, how, unit, axis in (
            ("", "number", STUCK_BITS, "number of stuck-at-{} bits"),
            ("_rate", "rate", BIT_ERROR_RATE, "probability that a stored bit is stuck at {}"),
        )
    ),
    Condition(
        name="label_shift",
        family="shift",
        group="labels",
        label="label shift",
        explanation="Label shift r to 1: test rows are left out until the shares of the classes fall by equal factors, "
        "the most frequent class r times as frequent as the rarest; which is which is drawn. What a class looks like "
        "stays, so that the accuracy follows from that of each class.",
        unit=CLASS_RATIO,
        axis="rows of the most frequent class for one of the rarest",
    ),
    _student(
        name="detrimental_student",
        label="the detrimental student",
        explanation="The detrimental student answers as its teacher does in float arithmetic, and was trained to "
        "answer otherwise under a bit policy that was searched together with it.",
    ),
    _student(
        name="robust_student",
        label="the robust student",
        explanation="The robust student was trained to answer as its teacher does under the worst bit policy, too.",
    ),
    _student(
        name="control_student",
        label="the control student",
        explanation="The control student was trained for as long to answer as its teacher does, and for no policy.",
    ),
)

CONDITIONS: dict[str, Condition] = {condition.name: condition for condition in _GENERAL}
"""By name: those of every study, and what tasks declare."""


def is_general(name: str) -> bool:
    """Whether a name stands for a condition of every study, so that no task may call a set of its own so."""
    return any(condition.name == name for condition in _GENERAL)


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
