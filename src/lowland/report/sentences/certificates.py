"""What is proved of a network, in sentences that name arithmetic, rows, box and words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lowland.analysis.certificates import CertifiedCell
from lowland.report.words import listed
from lowland.vocabulary.labels import number_text

STORED = "weights+biases"
TELLING = 0.995
"""No confidence moves by more than 1: bounds from here on say nothing."""
WORDS = {
    "weights+biases+scales+tables": "scales and tables among the words",
    "weights+biases+activations": "each activation code of an inference among them, too",
}


def share_text(share: float) -> str:
    """A proved share in per cent: never rounded up, so that what is said stays proved."""
    tenths = int(1000 * share + 1e-9)
    return f"{tenths / 10:.1f} %".replace(".0 %", " %")


def rows_text(share: float, rows: int) -> str:
    """Of how many rows something never happens.

    Args:
        share: The proved one.
        rows: Test rows.
    """
    return f"any of {rows:,} test rows" if share >= 1 else f"{share_text(share)} of {rows:,} test rows"


def part_text(share: float) -> str:
    """A proved share where rows have been named: all, none, or per cent."""
    return "all" if share >= 1 else share_text(share) if share > 0 else "none"


def bound_text(value: float, *, up: bool) -> str:
    """A proved number with two digits, rounded to the side on which it stays proved.

    Args:
        value: Not negative.
        up: Whether it is an upper bound.
    """
    if value <= 0:
        return number_text(0.0)
    digits = 10.0 ** (math.floor(math.log10(value)) - 1)
    rounded = (math.ceil if up else math.floor)(value / digits * (1 - 1e-12 if up else 1 + 1e-12)) * digits
    return number_text(float(f"{rounded:.2g}"))


def certificate_sentences(cell: CertifiedCell, bits: int | None = None) -> list[str]:
    """What a network can never lose, a sentence each.

    Args:
        cell: What is proved of it.
        bits: How many bits its weights and biases have, where it is known.
    """
    return [
        *_upsets(cell, bits),
        *_protection(cell, bits),
        *_random_upsets(cell),
        *_rounding(cell),
        *_noise(cell),
        *_deployed(cell),
    ]


def _upsets(cell: CertifiedCell, bits: int | None) -> Iterator[str]:
    share, lower = (cell.value(name, STORED) for name in ("upset_safe_share", "upset_safe_share_lower"))
    if share is None or lower is None:
        return
    rows = cell.rows["upset_safe_share"]
    which = f"the {bits:,} bits" if bits else "the bits"
    others = [
        f"{part_text(value)} with {words}"
        for target, words in WORDS.items()
        if (value := cell.value("upset_safe_share", target)) is not None
    ]
    yield (
        f"A flip of any one of {which} that store its weights and biases (two's complement) never changes the class of "
        f"{rows_text(share, rows)} in integer arithmetic"
        + (f"; {listed(others)}" if others else "")
        + f". Of unseen rows these are at least {share_text(lower)} (95 % interval)."
    )


def _protection(cell: CertifiedCell, bits: int | None) -> Iterator[str]:
    told = False
    for share in cell.levels("protection_bits", STORED):
        count, least, after = (
            cell.value(name, STORED, share)
            for name in ("protection_bits", "protection_bits_at_least", "protected_safe_share")
        )
        if count is None or least is None or after is None:
            continue
        rows = f"the {cell.rows['protection_bits']:,} landscape rows"
        if not count:
            if not told:
                yield f"Without any protection, no single flip ever changes {100 * share:g} % of {rows}."
            told = True
            continue
        part = f" ({100 * count / bits:.2g} % of them)" if bits else ""
        proof = "and no fewer do" if least == count else f"and fewer than {least:,.0f} never do"
        yield (
            f"With {count:,.0f} of these bits{part} triplicated, no single flip ever changes {100 * share:g} % of "
            f"{rows} that chose them, {proof}; of the test rows it is then {share_text(after)}."
        )


def _random_upsets(cell: CertifiedCell) -> Iterator[str]:
    for rate in cell.levels("expected_accuracy", STORED):
        lower = cell.value("expected_accuracy_lower", STORED, rate)
        if lower is not None:
            yield (
                f"Where each of these bits is flipped with probability {number_text(rate)}, anew for every row, "
                f"{cell.counted('expected_accuracy', STORED, rate):,} of "
                f"{cell.rows['expected_accuracy']:,} test rows were right; unseen rows are right with a probability of "
                f"at least {share_text(lower)} (95 % interval)."
            )


def _rounding(cell: CertifiedCell) -> Iterator[str]:
    levels = cell.levels("certified_share")
    if levels:
        shares = {level: cell.values["certified_share", "", level] for level in reversed(levels)}
        rows = cell.rows["certified_share"]
        yield (
            "Rounding of all weights and biases, each up or down by half a step at the most, never changes the class "
            f"of {_by_bits(shares, rows)}; in real arithmetic, activations not rounded."
        )
    if checked := sum(cell.counted("reproved_share", level=level) for level in cell.levels("reproved_share")):
        yield (
            f"{checked:,} of these proofs are kept in its certificate, and a checker that shares no code with what "
            "found them has confirmed them in rational numbers."
        )
    if moved := _changes(cell, "confidence_deviation"):
        rows = cell.rows["confidence_deviation"]
        yield f"On {rows:,} of these rows it never moves the confidence of the class by more than {moved}."
    if everywhere := _changes(cell, "global_deviation"):
        yield f"For any input within the range of the test rows, it never moves it by more than {everywhere}."


def _by_bits(shares: dict[float, float], rows: int) -> str:
    """Of which rows by bits, the most bits first; widths that all rows survive together."""
    whole = []
    for level, share in shares.items():
        if share < 1:
            break
        whole.append(level)
    others = [f"{share_text(share)} at {level:g} bits" for level, share in shares.items() if level not in whole]
    if not whole:
        return f"{listed(others)}, of {rows:,} test rows"
    least = f"{whole[-1]:g} bits" + " or more" * (len(whole) > 1)
    return listed([f"any of {rows:,} test rows at {least}", *(f"of {other}" for other in others)])


def _changes(cell: CertifiedCell, measure: str) -> str:
    """Proved changes of a confidence by bits, those that say something."""
    proved = {level: cell.values[measure, "", level] for level in reversed(cell.levels(measure))}
    said = [f"{bound_text(value, up=True)} at {level:g} bits" for level, value in proved.items() if value < TELLING]
    return listed(said) if said else ""


def _noise(cell: CertifiedCell) -> Iterator[str]:
    levels = cell.levels("noise_safe_share")
    if levels:
        shares = {level: cell.values["noise_safe_share", "", level] for level in levels}
        rows = cell.rows["noise_safe_share"]
        whole = [level for level, share in shares.items() if share >= 1]
        said = [f"{rows_text(1.0, rows)} at up to {max(whole):g}"] if whole else []
        said += [f"{rows_text(share, rows)} at up to {level:g}" for level, share in shares.items() if share < 1]
        yield (
            "Noise in its inputs, in steps of their quantizer, never changes the class in integer arithmetic of "
            f"{listed(said)}."
        )


def _deployed(cell: CertifiedCell) -> Iterator[str]:
    proved, found = cell.value("deployed_deviation"), cell.value("deployed_deviation_found")
    if proved is not None and found is not None:
        yield (
            "For any input within the range of the test rows, an output of the integer network is never further than "
            f"{bound_text(proved, up=True)} from that of its float network in real arithmetic; "
            f"{bound_text(found, up=False)} is reached."
        )
