"""The protections, by name: what each makes of a network, and what it costs in bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from lowland.worst_case.guard import Guard
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.problem import Rows
from lowland.worst_case.protection.adversary import Adversary, widths_of
from lowland.worst_case.protection.clipping import clipping_guards
from lowland.worst_case.protection.kept_layers import KeptLayers, added_bits, smallest_kept_layers
from lowland.worst_case.protection.options import Name, ProtectionOptions
from lowland.worst_case.protection.outliers import outlier_bits, outlier_guards
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.search.space import Widths

FLOAT_BITS = 32
SAME_MEAN = "kept_layers_same_mean"
"""Name of the attack on kept layers whose policies meet the mean together with them: more is taken from the others."""


@dataclass(frozen=True)
class Unprotected:
    """What protections start from.

    Attributes:
        cell: The network.
        equalized: The same with equalized channels; ``None`` where there is no float network to equalize.
        searched: Rows on which policies and sets of layers are searched for.
        calibration: Inputs of training rows [rows, ...].
        adversary: What searches for the worst policy of whatever a protection leaves open.
        options: How far protections go.
        known: Drops of policies of the network as it is, by their widths: what one search finds counts in all others.
    """

    cell: JudgedCell
    equalized: JudgedCell | None
    searched: Rows
    calibration: Tensor
    adversary: Adversary
    options: ProtectionOptions
    known: dict[Widths, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protected:
    """A network with a protection, and the worst policy that was found against it.

    Attributes:
        cell: The network.
        widths: Of the worst policy, all layers in their order.
        drop: Lost to it on the rows that it was searched on, in the unit of what the search is told.
        evaluations: Of the search against this network.
        added_bits: That it adds to the mean width of activations.
        stored_bits: That it stores with the network, once and for all.
        facts: What it chose, jsonable.
    """

    cell: JudgedCell
    widths: Widths
    drop: float
    evaluations: int
    added_bits: float = 0.0
    stored_bits: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def unprotected(given: Unprotected) -> Protected:
    """The network as it is, under the worst policy that the same adversary finds."""
    problem = given.cell.on(given.searched, told=True)
    return _under(given.cell, given.adversary.worst(problem, known=given.known))


def protected(given: Unprotected, name: Name) -> dict[str, Protected | None]:
    """The network with a protection, attacked anew.

    Args:
        given: Network, rows and adversary.
        name: A key of ``PROTECTIONS``.

    Returns:
        By the name of the attack, which for most is that of the protection; ``None`` where the network cannot have it.
    """
    found = PROTECTIONS[name](given)
    return found if isinstance(found, dict) else {name: found}


def _kept_layers(given: Unprotected) -> dict[str, Protected | None]:
    """The chosen layers against policies of the others that meet the mean, and against those that meet it with all."""
    problem, judge = given.cell.on(given.searched, told=True), given.cell.on(given.searched)
    kept = smallest_kept_layers(problem, given.adversary, target=given.options.target, judge=judge, known=given.known)
    layers, subject, mean = kept.chosen.layers, given.cell.subject, given.adversary.mean_bits
    sparing = given.adversary.sparing(subject, layers)
    widths = (width if number in layers else sparing.mean_bits for number, width in enumerate(subject.own_bits))
    spent = sum(count * width for count, width in zip(subject.elements, widths, strict=True))
    bits, facts = added_bits(subject, layers, mean), _of_sets(kept, subject.layers)
    strict = _under(given.cell, sparing.worst(problem, layers, given.known))
    return {
        "kept_layers": replace(_under(given.cell, kept.chosen.found), added_bits=bits, facts=facts),
        SAME_MEAN: replace(strict, added_bits=max(0.0, spent / sum(subject.elements) - mean)),
    }


def _outliers_apart(given: Unprotected) -> Protected:
    share, subject = given.options.outlier_share, given.cell.subject
    attacked = _attacked(given, _guarded(given.cell, outlier_guards(subject, share)))
    bits = outlier_bits(subject, given.searched.inputs, share)
    return replace(attacked, added_bits=bits, facts={"share": share})


def _clipped_ranges(given: Unprotected) -> Protected:
    guards = clipping_guards(given.cell.subject, given.calibration, given.options.percentile)
    ends = [end for guard in guards.values() for end in (guard.low, guard.high) if end and math.isfinite(end)]
    ranges = {layer: [guard.low, guard.high] for layer, guard in guards.items()}
    facts = {"percentile": given.options.percentile, "rows": len(given.calibration), "ranges": ranges}
    return replace(_attacked(given, _guarded(given.cell, guards)), stored_bits=FLOAT_BITS * len(ends), facts=facts)


def _equalized_channels(given: Unprotected) -> Protected | None:
    return None if given.equalized is None else _attacked(given, given.equalized)


PROTECTIONS: Mapping[Name, Callable[[Unprotected], Protected | dict[str, Protected | None] | None]] = {
    "kept_layers": _kept_layers,
    "outliers_apart": _outliers_apart,
    "clipped_ranges": _clipped_ranges,
    "equalized_channels": _equalized_channels,
}
"""What makes a protected network, by the name that is its target in the long table."""


def _guarded(cell: JudgedCell, guards: Mapping[str, Guard]) -> JudgedCell:
    return replace(cell, subject=cell.subject.guarded(guards))


def _attacked(given: Unprotected, cell: JudgedCell) -> Protected:
    """A network with the worst policy of all of its layers."""
    return _under(cell, given.adversary.worst(cell.on(given.searched, told=True)))


def _under(cell: JudgedCell, found: SearchResult | None) -> Protected:
    """A network with the worst policy found."""
    widths = widths_of(cell.subject, found)
    return Protected(cell, widths, 0.0 if found is None else found.drop, 0 if found is None else found.evaluations)


def _of_sets(kept: KeptLayers, layers: tuple[str, ...]) -> dict[str, Any]:
    tried = [
        {
            "layers": [layers[number] for number in each.layers],
            "lost": each.lost.value,
            "standard_error": each.lost.standard_error,
            "policy": {} if each.found is None else dict(each.found.policy.bits),
        }
        for each in kept.tried
    ]
    chosen = [layers[number] for number in kept.chosen.layers]
    return {"layers": chosen, "is_smallest": kept.is_smallest, "tried": tried}
