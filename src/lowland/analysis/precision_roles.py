"""Which precisions are no deployment formats to be counted: controls, and those that code hardly any weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

FLOAT_BITS = 32
LEAST_CODED = 0.5
"""Share of the weights' memory that a deployed network must code, so that what it answers tells of its precision."""


def control_precisions(
    measurements: pd.DataFrame, precisions: Mapping[str, Mapping[str, Any]] | None = None
) -> frozenset[str]:
    """Names of the precisions whose networks were fine-tuned without quantizers.

    The long table alone tells them where they were compared: a float network differs from the run's float network only
    if it was tuned on, and no other network that is quantized after training has fine-tuned weights to compare with.

    Args:
        measurements: Rows of the long table.
        precisions: As a study declares them, by name, where they are at hand: those that are ``fine_tuned`` count as
            well.
    """
    method, kind = measurements.method, measurements.reference_kind
    told = ((method == "float") & (kind == "float")) | ((method == "ptq") & (kind == "fake_float"))
    declared = [name for name, options in (precisions or {}).items() if options.get("fine_tuned")]
    return frozenset(str(name) for name in measurements.precision[told].unique()) | frozenset(declared)


def coded_shares(measurements: pd.DataFrame) -> dict[str, float]:
    """How much of a float network's memory each precision codes in its width, 0 to 1, from the sizes.

    If the share s is coded in b of 32 bits, the network has 1 - s·(1 - b/32) of the size; s is solved for.

    Args:
        measurements: Rows of the long table, of one task.

    Returns:
        By name, of precisions with fewer than 32 bits a weight; without sizes there is none.
    """
    sizes = measurements[
        (measurements.family == "cost") & (measurements.measure == "size") & (measurements.status == "ok")
    ]
    whole = sizes.value[sizes.method == "float"].mean()
    coded = sizes[(sizes.method != "float") & (sizes.weight_bits < FLOAT_BITS)]
    return {
        str(name): float(
            min(1.0, max(0.0, (1 - part.value.mean() / whole) / (1 - part.weight_bits.mean() / FLOAT_BITS)))
        )
        for name, part in coded.groupby("precision", sort=False)
        if whole > 0
    }


def hardly_coded(measurements: pd.DataFrame) -> dict[str, float]:
    """The precisions that code less than ``LEAST_CODED`` of the weights' memory, with the share that they code.

    Args:
        measurements: Rows of the long table, of one task.
    """
    return {name: share for name, share in coded_shares(measurements).items() if share < LEAST_CODED}
