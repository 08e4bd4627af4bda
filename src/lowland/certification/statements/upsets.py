"""Rows that no flipped bit changes, and the fewest bits whose protection makes most rows safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from lowland.certification.deployed.answered_rows import margins
from lowland.certification.deployed.protection_cover import Protection, cheapest_protection, protection_order
from lowland.certification.deployed.safe_rows import UpsetSafety, unsafe_bits, upset_safe_rows
from lowland.certification.deployed.safety_prediction import ranked
from lowland.certification.deployed.unsafe_pairs import UnsafeBits
from lowland.certification.statements.deployed import integers_of
from lowland.certification.statements.options import TRIPLICATED, WORDS
from lowland.certification.statements.statement import Statement, Subject, certified
from lowland.estimate import Status
from lowland.measurements import Measurement

STEPS = 60
"""Points of a protection frontier."""


def upsets(subject: Subject) -> Statement:
    """Upset-safe test rows by the words that are hit, and what it takes to protect the landscape rows.

    Args:
        subject: A deployed cell.
    """
    network = integers_of(subject)
    safety, on_test = unsafe_bits(network, subject.test, words=WORDS[TRIPLICATED])
    settings: dict[str, Any] = {TRIPLICATED: safety.settings()}
    found = _shares(TRIPLICATED, safety)
    for target in WORDS:
        if target != TRIPLICATED:
            wider = upset_safe_rows(network, subject.test, words=WORDS[target])
            settings[target] = wider.settings()
            found += _shares(target, wider)
    told = ranked(margins(network, subject.test), safety.safe)
    status: Status = "ok" if told.auroc == told.auroc else "undefined"
    found.append(certified("safety_by_margin", told.auroc, rows=len(safety), status=status, target=TRIPLICATED))
    _, on_landscape = unsafe_bits(network, subject.landscape, words=WORDS[TRIPLICATED])
    asked = subject.options.safe_shares
    seconds = subject.options.seconds / max(1, len(asked))
    plans = [cheapest_protection(on_landscape, share, seconds=seconds) for share in asked]
    found += [each for plan in plans for each in _protected(plan, on_test, len(subject.landscape))]
    about = {"words": settings, "rows": len(safety), "landscape_rows": len(subject.landscape)}
    return Statement(about, found, _frontier(on_landscape, on_test))


def _shares(target: str, safety: UpsetSafety) -> list[Measurement]:
    share = safety.share()
    return [
        certified("upset_safe_share", share.value, rows=share.trials, target=target),
        certified("upset_safe_share_lower", share.lower, rows=share.trials, target=target),
    ]


def _protected(plan: Protection, on_test: UnsafeBits, rows: int) -> list[Measurement]:
    """The bits of one plan, and what they are worth on rows that did not choose them."""
    left = on_test.safe_from(plan.numbers) <= len(plan.numbers)
    where: dict[str, Any] = {"target": TRIPLICATED, "level": plan.share}
    return [
        certified("protection_bits", len(plan), rows=rows, split="landscape", **where),
        certified("protection_bits_at_least", plan.at_least, rows=rows, split="landscape", **where),
        certified("protected_safe_share", float(left.mean()), rows=on_test.num_rows, **where),
    ]


def _frontier(on_landscape: UnsafeBits, on_test: UnsafeBits) -> dict[str, Any]:
    """How the shares of safe rows grow with the bits that are triplicated, in the order that landscape rows choose."""
    order = protection_order(on_landscape)
    counts = np.unique(np.linspace(0, len(order), STEPS).round().astype(int))
    needed = {name: np.sort(unsafe.safe_from(order)) for name, unsafe in (("l", on_landscape), ("t", on_test))}
    shares = {name: np.searchsorted(each, counts, side="right") / len(each) for name, each in needed.items()}
    return {
        "triplicated": counts,
        "landscape_share": shares["l"],
        "test_share": shares["t"],
        "num_bits": on_test.hit.num_bits,
        "num_rows": on_test.num_rows,
    }
