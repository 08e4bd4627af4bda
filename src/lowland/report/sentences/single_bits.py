"""Which bits matter, in sentences."""

from __future__ import annotations

from lowland.analysis.single_bits import ProtectionPlan, Search, Simulated, SingleBits, Slope, WorstFlip
from lowland.report.score_text import ScoreText
from lowland.report.words import plural
from lowland.vocabulary.labels import number_text, power_text

FEW = 1e-4  # a bit error rate at which hardly two errors meet
MANY = 3  # expected flips, above which first order leaves out too much


def bit_sentences(network: SingleBits, score: ScoreText) -> list[str]:
    """What is known of the single bits of one network.

    Args:
        network: From ``single_bits``.
        score: Of the task.
    """
    sentences = []
    if network.worst:
        sentences.append(_worst(network.worst, score))
    if network.slope:
        sentences.append(_slope(network.slope, score))
    if network.plan:
        sentences += _plan(network.plan, score)
    if network.search:
        sentences.append(_search(network.search, score))
    return sentences


def _worst(worst: WorstFlip, score: ScoreText) -> str:
    place = ""
    if worst.tensor is not None:
        bit = "the most significant bit" if worst.from_top == 1 else f"bit {worst.from_top} from the top"
        place = f" (in {worst.tensor}, {bit} of {worst.bits})"
    return f"The worst single flip costs {score.change(worst.drop)} of {score.label}{place}."


def _slope(slope: Slope, score: ScoreText) -> str:
    cost = score.change(FEW * slope.value)
    if slope.error > 0:
        both = f"{score.bare_change(FEW * slope.value)} ± {score.change(FEW * slope.error)}"
        cost = f"{both} (two standard errors over the rows)"
    return f"Where errors are few, each {power_text(FEW)} of bit error rate costs {cost}."


def _search(search: Search, score: ScoreText) -> str:
    start = "" if search.clean is None else f"from {score.text(search.clean)} "
    ends = [search.steps[0], *search.steps[1:][-1:]]
    path = " and ".join(f"{score.text(left)} with {flips:g}" for flips, left in ends)
    flips = plural(search.steps[-1][0], "flip")
    return f"A greedy search for the worst flips brings {score.label} {start}to {path} {flips}."


def _plan(plan: ProtectionPlan, score: ScoreText) -> list[str]:
    """What triplicating bits is worth: what the simulation found first, what first order predicted after it."""
    floor, total = score.text(plan.floor), plan.num_bits
    head = f"At bit error rate {power_text(plan.rate)}"
    sentences = []
    if plan.unprotected:
        expected = plan.unprotected_expected
        beside = "" if expected is None else f" (predicted to first order: {score.text(max(expected, 0.0))})"
        sentences.append(f"{head}, {_outcome(plan.unprotected, score)} without protection{beside}.")
    there = "" if sentences else f"{head}: "
    if plan.needed == 0:
        sentences.append(f"{there}In simulation the {score.floor} of {floor} holds without protection.")
    elif plan.needed is None or plan.extra is None or plan.share is None:
        sentences.append(
            f"{there}In simulation not even tripling all {total:,} bits holds the {score.floor} of {floor}."
        )
    else:
        check = plan.checked
        left = f"; with {check.protected:,} tripled, {_outcome(check, score)}" if check else ""
        sentences.append(
            f"{there}In simulation, tripling {plan.needed:,} of {total:,} bits holds the {score.floor} of {floor}, for "
            f"{plan.extra:,} more bits of memory ({_rounded(100 * plan.share)} %){left}."
        )
    sentences.append(_first_order(plan))
    if plan.secded:
        sentences.append(
            f"The other way, words that correct one error and detect two (SECDED), leaves a rate of "
            f"{number_text(plan.secded.rate)} for {_rounded(100 * plan.secded.overhead)} % more memory."
        )
    return sentences


def _first_order(plan: ProtectionPlan) -> str:
    if plan.needed_expected is None:
        predicted = f"First order predicts that not even all {plan.num_bits:,} bits do"
    elif plan.needed_expected == 0:
        predicted = "First order predicts that none needs protection"
    else:
        predicted = f"First order predicts {plan.needed_expected:,} bits"
    doubt = ""
    if plan.flips > MANY:
        doubt = f", but it is good only where few bits flip at once, and here about {plan.flips:,.0f} do"
    return f"{predicted}{doubt}."


def _rounded(number: float) -> str:
    """Two digits, without a power of ten."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _outcome(simulated: Simulated, score: ScoreText) -> str:
    """What is left, or what the score has become."""
    value = _with_error(simulated, score)
    return f"{value} is left" if score.higher_is_better else f"{score.label} is {value}"


def _with_error(simulated: Simulated, score: ScoreText) -> str:
    """A simulated score with its error, the unit once where both have the same."""
    value, error = simulated.score, simulated.error
    if error != error:
        return score.text(value)
    margin = score.margin(error, beside=value)
    if score.is_share:
        return f"{score.text(value)} ± {margin} points"
    return f"{score.bare(value)} ± {margin} {score.units}".rstrip()
