"""Which cells are looked into, and how closely."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lowland.selection import Selection


class DiagnosisOptions(Selection):
    """Of which cells the worst policy is looked into: which inputs it breaks, through which layers.

    Attributes:
        worst_inputs: Test rows that are listed, those that lose most under the policy.
        interacting_layers: How many layers are lowered two at a time, those that cost most alone.
    """

    worst_inputs: Annotated[int, Field(ge=1, strict=True)]
    interacting_layers: Annotated[int, Field(ge=2, strict=True)]
