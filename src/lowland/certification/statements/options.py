"""Which cells are certified, and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import Field

from lowland.selection import NONE_SWITCHES_OFF, Selection
from lowland.vocabulary.planned import Planned

Name = Literal["rounding", "confidence", "global", "deployed", "noise", "upsets", "random_upsets"]
STATEMENT_NAMES: tuple[str, ...] = get_args(Name)
ROUNDING = "weight_rounding"
"""The condition of statements about weight boxes; its level is a number of bits."""
NOISE = "input_codes"
"""The condition of statements about input noise; its level is a radius in steps of the input's quantizer."""
RATE = "bit_error_rate"
"""The condition of statements about random flips; its level is the probability of a flip."""
WORDS: dict[str, tuple[str, ...]] = {
    "weights+biases": ("weights", "biases"),
    "weights+biases+scales+tables": ("weights", "biases", "scales", "tables"),
    "weights+biases+activations": ("weights", "biases", "activations"),
}
"""The sets of words of statements about upsets, by the target that the long table has."""
TRIPLICATED = "weights+biases"
"""The words whose protection is looked for."""


class CertificationOptions(Selection):
    """Which cells are certified, and what is asked of them.

    Attributes:
        precisions: Names from the axis of precisions; or how many of those of float networks and of those of networks
            with codes, from the first; or ``all``. ``none`` switches certificates off.
        seeds: How many seeds, from the first; or ``all``.
        statements: Of ``rounding`` (rows that no rounding of weights and biases changes), ``confidence`` (how far it
            moves a confidence), ``global`` (the same for all inputs), ``deployed`` (integer network against its float
            network), ``noise`` (rows that no input noise changes), ``upsets`` (rows that no flipped bit changes) and
            ``random_upsets`` (accuracy to be expected when bits flip at a rate).
        rows: Test rows, and as many landscape rows where protection is chosen.
        bits: Widths at which float networks are asked what rounding can cost them; networks with codes are asked at
            their own.
        proofs: Certified rows at each width whose proofs are found once more in a form that can be stored, checked in
            rational numbers by code of its own, and kept in the certificate.
        deviation_rows: Rows whose largest change of the confidence is computed.
        noise_radii: In steps of the input's quantizer.
        noise_rows: Rows that are asked what noise can do to them.
        upset_rates: Probabilities that a stored bit is flipped, of ``random_upsets``.
        safe_shares: Of landscape rows that protection is to make upset-safe.
        seconds: That programmes of one statement may take; afterwards bounds are as they are.
        global_seconds: Likewise of ``global``, which is asked at the most bits alone.
    """

    statements: Annotated[tuple[Name, ...], NONE_SWITCHES_OFF]
    rows: Annotated[int, Field(ge=10, strict=True)]
    bits: Annotated[tuple[Annotated[int, Field(ge=2, le=24)], ...], NONE_SWITCHES_OFF]
    proofs: Annotated[int, Field(ge=0, strict=True)]
    deviation_rows: Annotated[int, Field(ge=1, strict=True)]
    noise_radii: Annotated[tuple[Annotated[int, Field(ge=1)], ...], NONE_SWITCHES_OFF]
    noise_rows: Annotated[int, Field(ge=1, strict=True)]
    upset_rates: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], NONE_SWITCHES_OFF]
    safe_shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], NONE_SWITCHES_OFF]
    seconds: Annotated[float, Field(gt=0)]
    global_seconds: Annotated[float, Field(gt=0)]

    def planned(self) -> Iterator[Planned]:
        """What is stated of a cell, where anything is."""
        if not (self.precisions and self.seeds):
            return
        asked = {
            "upsets": (
                *(
                    Planned(family="certificate", measures=("upset_safe_share", "upset_safe_share_lower"), target=words)
                    for words in WORDS
                ),
                Planned(
                    family="certificate",
                    measures=("protection_bits", "protected_safe_share"),
                    target=TRIPLICATED,
                    levels=self.safe_shares,
                ),
            ),
            "noise": (
                Planned(
                    family="certificate",
                    measures=("noise_safe_share",),
                    condition=NOISE,
                    levels=tuple(map(float, self.noise_radii)),
                ),
            ),
            "random_upsets": (
                Planned(
                    family="certificate",
                    measures=("expected_accuracy", "expected_accuracy_lower"),
                    condition=RATE,
                    target=TRIPLICATED,
                    levels=self.upset_rates,
                ),
            ),
            "deployed": (Planned(family="certificate", measures=("deployed_deviation",)),),
        }
        for name in self.statements:
            yield from asked.get(name, ())
