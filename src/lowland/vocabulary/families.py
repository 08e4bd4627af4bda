"""The kinds of measures in the long table."""

from __future__ import annotations

from typing import Literal

Family = Literal[
    "performance",
    "cost",
    "landscape",
    "noise",
    "bit_flip",
    "sensor_fault",
    "image_corruption",
    "token_corruption",
    "shift",
    "adversarial",
    "disagreement",
    "worst_case",
    "certificate",
]

DISTURBANCES: tuple[Family, ...] = (
    "noise",
    "bit_flip",
    "sensor_fault",
    "image_corruption",
    "token_corruption",
    "shift",
    "adversarial",
)
"""Those under which the score is measured again."""

SCORED: tuple[Family, ...] = ("performance", *DISTURBANCES)
"""Those in which the headline score is measured."""

SWEPT: tuple[Family, ...] = tuple(family for family in DISTURBANCES if family != "shift")
"""Disturbances of the same samples: each is compared with itself undisturbed."""
