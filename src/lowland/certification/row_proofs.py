"""Certified rows with proofs that are stored, and checked against the network without trusting what found them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lowland.certification.checker import ProofError, check_proof
from lowland.certification.confidence import assigned_classes, contrasts, num_outputs, wins_ties
from lowland.certification.encoding.encode import Encoded, encoded_row
from lowland.certification.encoding.scalar_network import Numbers
from lowland.certification.options import MethodOptions
from lowland.certification.proof import prove_at_most, stored_values
from lowland.certification.query import Query

LEAST_MARGIN = 1e-12
"""Margin that is asked of a proof where a tie is lost."""
Proofs = list[dict[str, Any]]
"""As JSON holds them, one for every other class."""


def prove_row(query: Query, row: int, options: MethodOptions) -> Proofs | None:
    """Proofs that the assigned class of a row stays ahead of every other one, whatever moves within the box.

    Args:
        query: The question; its activations are made of linear pieces.
        row: Which of its rows.
        options: Until when.

    Returns:
        ``None`` where one of them is not found: time ran out, the margin is not positive, or hardly so.
    """
    encoded, claims = encoded_row(query, row), []
    for factors, bound in _claims(query, row):
        proof = prove_at_most(encoded.network, encoded.outputs, -factors, bound, timeout=options.seconds_left)
        if proof is None:
            return None
        claims.append(proof.stored)
    return claims


def check_row(query: Query, row: int, proofs: Sequence[Mapping[str, Any]]) -> None:
    """Checks in rational numbers that stored proofs are of this row of this network, and that they hold.

    Args:
        query: The question, made anew from the network.
        row: Which of its rows.
        proofs: From ``prove_row``, or read from JSON.

    Raises:
        ProofError: Proofs of another network, box or row, of other or fewer margins, or that do not hold.
    """
    encoded = encoded_row(query, row)
    values, asked = stored_values(encoded.network), list(_claims(query, row))
    if len(proofs) != len(asked):
        raise ProofError(f"row {row} has {len(proofs)} proofs; expected {len(asked)}, one for every other class")
    for proof, (factors, bound) in zip(proofs, asked, strict=True):
        if proof["values"] != values:
            raise ProofError(f"a proof of row {row} is about other values; expected those of its network and box")
        terms = {place: factor for place, factor in proof["claim"]["terms"]}
        if terms != _terms(encoded, -factors) or proof["claim"]["bound"] > bound:
            raise ProofError(f"a proof of row {row} claims something else; expected margins above {-bound:g}")
        check_proof(proof)


def _claims(query: Query, row: int) -> Iterator[tuple[Numbers, float]]:
    """Factors of the outputs in every margin, and what minus the margin must not be above."""
    outputs = query.network(query.inputs.center[row : row + 1])
    assigned, count = int(assigned_classes(outputs)), num_outputs(query.network)
    ties = wins_ties(count, assigned)
    for factors, tie in zip(contrasts(count, assigned).numpy(), ties.tolist(), strict=True):
        yield factors, 0.0 if tie else -LEAST_MARGIN


def _terms(encoded: Encoded, factors: Numbers) -> dict[int, float]:
    costs = np.zeros(len(encoded.network.lower))
    np.add.at(costs, encoded.outputs, factors)
    return {int(place): float(costs[place]) for place in np.flatnonzero(costs)}
