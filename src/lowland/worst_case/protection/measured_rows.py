"""What protections save, cost and spoil, as rows of the long table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Split
from lowland.vocabulary.worst_case_measures import NO_PROTECTION
from lowland.worst_case.problem import Rows
from lowland.worst_case.protection.protections import Protected


def protection_rows(
    plain: Protected, networks: Mapping[str, Protected | None], judged: Mapping[Split, Rows], *, mean_bits: float
) -> Iterator[Measurement]:
    """Each network under the worst policy found against it, on rows that no search saw.

    What a protection saves is compared row by row with the network as it is, each under its own worst policy, so that
    score that the protection itself costs counts against it.

    Args:
        plain: The network as it is.
        networks: With protections, by name; ``None`` where the network cannot have one.
        judged: Rows by the split that they are.
        mean_bits: The level of the rows.
    """
    for split, rows in judged.items():
        before = plain.cell.on(rows)
        plain_harm = before.harms(before.outputs(plain.widths)) + before.clean
        for name, network in {NO_PROTECTION: plain, **networks}.items():
            problem = None if network is None else network.cell.on(rows)
            drop = gain = harm = Estimate.missing("undefined")
            if network is not None and problem is not None:
                under = problem.harms(problem.outputs(network.widths))
                drop = problem.estimate(under)
                gain = problem.estimate(plain_harm - (under + problem.clean))
                harm = problem.estimate(problem.clean - before.clean)
            for measure, estimate in (("protected_drop", drop), ("protection_gain", gain)):
                yield Measurement("worst_case", measure, estimate, target=name, level=mean_bits, split=split)
            yield Measurement("worst_case", "protection_harm", harm, target=name, split=split)
    for name, network in {NO_PROTECTION: plain, **networks}.items():
        cost = Estimate.missing("undefined") if network is None else Estimate(network.added_bits)
        yield Measurement("worst_case", "protection_cost", cost, target=name)
