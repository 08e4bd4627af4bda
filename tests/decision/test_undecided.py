"""What a study left open: limits within intervals, rivals that these keep out, ties; and what would settle each."""

import numpy as np
import pytest
from scipy import stats

from lowland.analysis.best import may_be_best
from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers
from lowland.decision.outcomes import RECOMMENDED
from lowland.decision.requirements import Requirements
from lowland.decision.undecided import LEAST_SEEDS, MOST_SEEDS, seeds_needed, undecided
from lowland.measurements import IMPORTED

LOW = {"at_least": 0.3}
NOISY = {"condition": "gaussian", "level": 10}


@pytest.fixture(scope="module")
def numbers(small):
    return Numbers(small, small)


def choice(numbers, *needs, **others):
    return Choice(numbers, Requirements(needs=needs, **others))


def kinds(made, kind):
    return [entry for entry in undecided(made) if entry["kind"] == kind]


def test_a_limit_within_the_interval_is_open_and_one_far_off_is_not(numbers):
    far = choice(numbers, LOW, prefer=["size"])
    assert kinds(far, "requirement") == []
    reached = float(numbers.of(numbers.clean).loc[far.subject, "mean"])
    near = choice(numbers, {"at_least": round(reached - 1e-3, 6)}, prefer=["size"])
    (entry,) = kinds(near, "requirement")
    assert entry["parameter"] == "needs[0]" and entry["spare"] == pytest.approx(1e-3, abs=1e-6)
    assert entry["lost"] == 0


@pytest.mark.parametrize("distance", [1e-3, 5e-3, 0.01, 0.02, 0.03, 0.05])
def test_what_is_said_to_settle_a_limit_brings_the_interval_off_it(numbers, distance):
    """Half of the wide interval is made of the seeds' and of that of rows and draws, which falls with their root."""
    everything = choice(numbers, LOW, prefer=["score"])
    row = numbers.of(numbers.clean).loc[everything.subject]
    made = choice(numbers, {"at_least": float(row["mean"]) - distance}, prefer=["score"])
    if made.subject != everything.subject:
        pytest.skip("another one is surer")
    values = numbers.seeds(numbers.clean).loc[made.subject]
    wide, narrow = (row["high"] - row["low"]) / 2, (row["seeds_high"] - row["seeds_low"]) / 2
    for entry in kinds(made, "requirement"):
        if not (entry["seeds"] or entry["rows_factor"]):  # not even so many seeds would leave room for the rows
            assert seeds_needed(distance / np.sqrt(2), values.std(ddof=1), rows=0.0) is None
            continue
        count = entry["seeds"] or len(values)
        over_seeds = stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count)
        rows = (wide**2 - narrow**2) / (entry["rows_factor"] or 1)
        assert over_seeds**2 + rows <= distance**2 * 1.001
        if entry["rows_factor"] is None:
            assert count > len(values)


def test_a_rival_is_what_would_be_chosen_if_it_were_sure(numbers):
    """Over limits between the best and the worst configuration: some keep out what would be preferred."""
    found, flipped = 0, {"condition": "bit_error_rate", "level": 1e-3}
    for limit in (0.665, 0.67, 0.68, 0.695):
        made = choice(numbers, flipped | {"at_least": limit}, prefer=["score"])
        for entry in kinds(made, "rival"):
            (subject,) = [s for s in made.index if s[1:3] == (entry["recipe"], entry["precision"])]
            assert made.outcome == RECOMMENDED and subject not in made.candidates
            _, criterion, _ = made.demands[0]
            worst, best = (numbers.spare(criterion, limit, end)[subject] for end in ("worst", "best"))
            assert worst < 0 <= best
            means = numbers.means(made.preferences[0])
            assert means[subject] > means[made.subject]
            assert entry["parameter"] == "needs[0]" and entry["threshold"] == limit
            found += 1
    assert found


def test_where_nothing_meets_a_limit_on_the_mean_what_may_is_a_rival(numbers):
    criterion = choice(numbers, NOISY | LOW).demands[0][1]
    best = numbers.means(criterion).max()
    made = choice(numbers, NOISY | {"at_least": float(best) + 1e-4}, prefer=["score"])
    assert made.subject is None and len(kinds(made, "rival")) == 1 == len(undecided(made))
    assert undecided(choice(numbers, {"at_least": 0.9999})) == [], "out of reach"


def test_sizes_are_counted_and_never_open(numbers):
    sizes = numbers.of(choice(numbers).criteria[1])
    between = float((sizes["low"].min() + sizes["high"].min()) / 2)
    for limit in (between, float(sizes["high"].min())):
        assert kinds(choice(numbers, {"measure": "size", "at_most": limit}), "requirement") == []


def test_the_closest_tie_is_settled_by_the_rule_that_ties(numbers):
    made = choice(numbers, prefer=["score"])
    (entry,) = kinds(made, "tie") or [None]
    assert (entry is None) == (len(made.narrowed[0]) == 1)
    values = numbers.seeds(numbers.clean)
    assert may_be_best(values)[made.subject]
    if entry is not None and entry["seeds"]:
        assert values.shape[1] < entry["seeds"] <= MOST_SEEDS


def test_one_seed_asks_for_a_second(small):
    alone = small[small.seed == "s0"]
    made = choice(Numbers(alone, alone), LOW, prefer=["score"])
    entries = undecided(made)
    assert {entry["kind"] for entry in entries} == {"requirement", "tie"}
    assert all((entry["seeds"], entry["rows_factor"]) == (LEAST_SEEDS, None) for entry in entries)


def test_a_network_from_outside_has_no_second_seed(small):
    alone = small[(small.seed == "s0") & (small.recipe == "plain") & (small.precision == "ptq8")].assign(
        method=IMPORTED, recipe="given"
    )
    outside = Numbers(alone, alone)
    reached = float(outside.means(outside.clean).iloc[0])
    made = choice(outside, {"at_least": reached - 1e-3})
    (entry,) = undecided(made)
    assert entry["seeds"] is None and entry["rows_factor"] > 1
    assert undecided(choice(outside, LOW)) == []


def test_a_seed_that_gave_no_number_is_what_is_missing(small):
    lost = small.copy()
    noisy = (lost.condition == "gaussian") & (lost.seed == "s0") & (lost.recipe == "plain")
    lost.loc[noisy, "value"], lost.loc[noisy, "status"] = np.nan, "non_finite"
    lost = lost[lost.recipe == "plain"]
    entries = kinds(choice(Numbers(lost, lost), NOISY | LOW), "requirement")
    assert [entry["lost"] for entry in entries] == [1]


@pytest.mark.parametrize(("distance", "spread", "rows"), [(0.01, 0.01, 0.0), (0.02, 0.01, 0.01), (0.005, 0.003, 0.004)])
def test_the_seeds_that_settle_are_the_fewest(distance, spread, rows):
    def half(count):
        return np.hypot(stats.t.ppf(0.975, count - 1) * spread / np.sqrt(count), rows)

    found = seeds_needed(distance, spread, rows=rows)
    assert half(found) < distance <= half(found - 1)


def test_more_seeds_than_anyone_trains_are_none():
    assert seeds_needed(1e-4, 0.01, rows=0.0) is None
