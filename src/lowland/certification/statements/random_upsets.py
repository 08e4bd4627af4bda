"""What is expected of a row when stored bits flip at random, with an interval that holds for rows not seen."""

from __future__ import annotations

from lowland.certification.deployed.random_upsets_rate import Exposure, accuracy_at_rates
from lowland.certification.statements.deployed import integers_of
from lowland.certification.statements.options import RATE, TRIPLICATED, WORDS
from lowland.certification.statements.statement import Statement, Subject, certified


def random_upsets(subject: Subject) -> Statement:
    """Expected accuracy at every rate: a set of flips of its own for each test row, so that rows are independent.

    Args:
        subject: A deployed cell.
    """
    network, rates = integers_of(subject), subject.options.upset_rates
    exposure = Exposure(rates, key=("random upsets",))
    shares = accuracy_at_rates(network, (subject.test, subject.classes), exposure)
    found = []
    for rate, share in zip(rates, shares, strict=True):
        for measure, value in (("expected_accuracy", share.value), ("expected_accuracy_lower", share.lower)):
            found.append(certified(measure, value, rows=share.trials, condition=RATE, target=TRIPLICATED, level=rate))
    about = {
        "arithmetic": "forward_integer",
        "rows": len(subject.test),
        "words": WORDS[TRIPLICATED],
        "flips": "each stored bit on its own with that probability, a fresh set for each row; sets nest in the rate",
        "interval": f"Clopper-Pearson, {exposure.confidence} for all rates together (Bonferroni)",
        "ties": "lowest index",
    }
    return Statement(about, found)
