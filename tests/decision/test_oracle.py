"""The choice, its what-ifs and its conflicts against an oracle that looks at every configuration in turn."""

from __future__ import annotations

from itertools import combinations
from math import isnan, nan, sqrt

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lowland.analysis.best import may_be_best
from lowland.decision.alternatives import conflicts
from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers
from lowland.decision.outcomes import INCOMPLETE, NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.requirements import Requirements
from lowland.decision.what_if import what_if
from lowland.measurements import COLUMNS

ROWS, DRAWS, ERROR = 500, 6, 0.004
PRECISIONS = {"qat8": 8.0, "qat4": 4.0}
PARTS = {"score": 0.75, "noisy": 0.25}
QUANTITIES = {
    "score": {},
    "noisy": {"condition": "gaussian", "level": 10},
    "mixed": {"mixture": [{"share": 0.75}, {"condition": "gaussian", "level": 10, "share": 0.25}]},
    "size": {"measure": "size"},
}
ERRORS = {"score": 0.0, "noisy": ERROR, "mixed": 0.25 * ERROR}  # over draws
# Parts of a power of two add up alike in any order, and no limit lies on a mean.
shares = st.integers(70, 120).map(lambda k: k / 128)
limits = st.integers(70, 120).map(lambda k: k / 128 + 1e-5)


@st.composite
def studies(draw):
    """Values by (configuration, quantity, seed) on the rows that choose and on those that are told."""
    recipes = draw(st.integers(1, 3))
    seeds = draw(st.integers(1, 3))
    keys = [(f"r{r}", p) for r in range(recipes) for p in PRECISIONS]
    halves = []
    for _ in range(2):
        values = {}
        for key in keys:
            values[key, "size"] = [draw(st.sampled_from([1000, 1005, 2000])) for _ in range(seeds)]
            for name in PARTS:
                values[key, name] = [draw(shares) if draw(st.integers(0, 9)) else nan for _ in range(seeds)]
            values[key, "mixed"] = [sum(PARTS[n] * values[key, n][s] for n in PARTS) for s in range(seeds)]
        halves.append(values)
    return keys, seeds, *halves


@st.composite
def questions(draw):
    """What is asked: (quantity, limit) each, and what is preferred."""
    needs = [(name, draw(limits)) for name in ("score", "noisy", "mixed") if draw(st.booleans())]
    needs += [("size", draw(st.sampled_from([1002, 1500, 2500])))] if draw(st.booleans()) else []
    prefer = draw(st.lists(st.sampled_from(list(QUANTITIES)), min_size=1, max_size=3, unique=True))
    return needs, prefer


def table(keys, seeds, values):
    """The long table of these values."""
    rows = []
    for (recipe, precision), seed in ((key, seed) for seed in range(seeds) for key in keys):
        bits = PRECISIONS[precision]
        cell = ("jets", recipe, f"s{seed}", precision, "qat", bits, bits)
        told = {name: values[(recipe, precision), name][seed] for name in ("score", "noisy", "size")}
        for name, family, measure, error, count in (
            ("score", "performance", "accuracy", 0.01, ROWS),
            ("noisy", "noise", "accuracy", ERROR, DRAWS),
            ("size", "cost", "size", nan, 1),
        ):
            where = ("gaussian", "", 10.0, "per cent") if name == "noisy" else ("", "", nan, "")
            status = "non_finite" if isnan(told[name]) else "ok"
            rows.append((*cell, family, measure, *where, "test", "", "", told[name], error, count, status))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def interval(values, name):
    """Mean and ends of the interval over seeds, rows and draws; NaN with fewer than two seeds."""
    good = [v for v in values if not isnan(v)]
    mean = sum(good) / len(good) if good else nan
    if name == "size":
        return mean, min(good), max(good)
    if len(good) < 2:
        return mean, nan, nan
    z = stats.norm.ppf(0.975)
    over_seeds = stats.t.ppf(0.975, len(good) - 1) * np.std(good, ddof=1) / sqrt(len(good))
    a = (over_seeds**2 + (z * ERRORS[name]) ** 2) / (mean * (1 - mean)) + z**2 / ROWS
    low, high = np.sort(np.roots([1 + a, -(2 * mean + a), mean**2]).real)  # (mean - p)² = a·p(1 - p)
    return mean, low, high


def holds(values, name, limit):
    """Whether a limit is met on the mean, and whether it surely is."""
    mean, low, high = interval(values, name)
    if name == "size":
        return mean <= limit, high <= limit
    return mean >= limit, low >= limit and not any(map(isnan, values))


def oracle(keys, seeds, values, needs, prefer):
    """Outcome, what may be chosen, and what is left of it by the preferences, the choice first."""
    known = {(key, name): interval(values[key, name], name) for key in keys for name in QUANTITIES}

    able = [key for key in keys if not any(isnan(known[key, name][0]) for name in {"score", *prefer})]
    met = {key: [holds(values[key, name], name, limit) for name, limit in needs] for key in keys}
    asked = {"score", *prefer, *(name for name, _ in needs)}
    whole = [key for key in able if not any(isnan(v) for name in asked for v in values[key, name])]
    pools = {
        RECOMMENDED: [key for key in whole if all(surely for _, surely in met[key])],
        ON_THE_MEAN: [key for key in whole if all(on_the_mean for on_the_mean, _ in met[key])],
        INCOMPLETE: [key for key in able if all(on_the_mean for on_the_mean, _ in met[key])],
    }
    outcome = next((name for name, pool in pools.items() if pool), NOTHING)
    pool = left = pools.get(outcome, [])
    for name in prefer if pool else ():
        if name == "size":
            smallest = min(known[key, name][0] for key in left)
            left = [key for key in left if known[key, name][0] <= 1.01 * smallest]
        else:
            may = may_be_best(pd.DataFrame([values[key, name] for key in left], dtype=float))
            left = [key for key, kept in zip(left, may, strict=True) if kept]
    by = next((name for name in prefer if name != "size"), "score")
    return outcome, pool, sorted(left, key=lambda key: -known[key, by][0])


def requirements(needs, prefer):
    side = {name: "at_most" if name == "size" else "at_least" for name in QUANTITIES}
    return Requirements(
        needs=[{**QUANTITIES[name], side[name]: limit} for name, limit in needs],
        prefer=[QUANTITIES[name] for name in prefer],
    )


def others(needs, prefer):
    """Every change of what is asked, in order: (change, needs, prefer, what is changed)."""
    for place, (name, limit) in enumerate(needs):
        before, after = needs[:place], needs[place + 1 :]
        yield "dropped", [*before, *after], prefer, name
        steps = [2 * limit, limit / 2] if name == "size" else [round(limit - 0.02, 12), round(min(1, limit + 0.02), 12)]
        for change, step in zip(("loosened", "tightened"), steps, strict=True):
            yield change, [*before, (name, step), *after], prefer, name
    for name in dict.fromkeys([*prefer, "score", "size", *(name for name, _ in needs)]):
        if name != prefer[0]:
            yield "preferred", needs, [name, *(other for other in prefer if other != name)], name


@given(studies(), questions())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_choice_and_every_what_if_are_those_of_the_oracle(made, question):
    (keys, seeds, values, told), (needs, prefer) = made, question
    numbers = Numbers(table(keys, seeds, values), table(keys, seeds, told))
    asked = requirements(needs, prefer)
    choice = Choice(numbers, asked)
    outcome, pool, left = oracle(keys, seeds, values, needs, prefer)
    assert choice.outcome == outcome and [s[1:3] for s in choice.candidates] == pool
    assert [s[1:3] for s in (choice.narrowed[0] if pool else ())] == left

    expected = list(others(needs, prefer))
    entries = what_if(choice, asked)
    assert [e["change"] for e in entries] == [change for change, *_ in expected]
    now = left[0] if left else None
    for entry, (change, other_needs, other_prefer, name) in zip(entries, expected, strict=True):
        moved = dict(other_needs)[name] if change in ("loosened", "tightened") else None
        assert entry["changed"] == moved
        other_outcome, other_pool, other_left = oracle(keys, seeds, values, other_needs, other_prefer)
        then = other_left[0] if other_left else None
        assert (entry["outcome"], entry["num_candidates"]) == (other_outcome, len(other_pool))
        assert (entry["recipe"], entry["precision"]) == (then or (None, None))
        assert entry["num_tied"] == max(0, len(other_left) - 1) and entry["same"] == (then == now)
        reason = "nothing" if then is None else "same" if then == now else None
        if reason is None:
            reason = "excluded" if now and now not in other_pool else "preferred" if then in pool else "admitted"
        assert entry["reason"] == reason
        missed = [f"needs[{i}]" for i, (n, t) in enumerate(needs) if then and not holds(values[then, n], n, t)[1]]
        assert entry["misses"] == missed
        for column, quantity in (("score", "score"), ("size", "size"), ("value", name)):
            mean = nan if then is None else interval(told[then, quantity], quantity)[0]
            assert entry[column] == (None if isnan(mean) else mean), "told on the other rows"


@given(studies(), st.lists(st.tuples(st.sampled_from(["score", "noisy", "mixed"]), limits), min_size=2, max_size=3))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_conflicts_are_all_smallest_sets_that_nothing_meets(made, needs):
    keys, seeds, values, _ = made
    frame = table(keys, seeds, values)
    needs = [*needs, ("size", 1500)]
    found = conflicts(Choice(Numbers(frame, frame), requirements(needs, ["score"])))
    met = {key: {i for i, (n, t) in enumerate(needs) if holds(values[key, n], n, t)[0]} for key in keys}
    places = [i for i in range(len(needs)) if any(i in those for those in met.values())]
    excluded: list[set[int]] = []
    for size in range(1, len(places) + 1):
        for group in map(set, combinations(places, size)):
            if not any(group <= those for those in met.values()) and not any(smaller <= group for smaller in excluded):
                excluded.append(group)
    assert found == [[f"needs[{i}]" for i in sorted(group)] for group in excluded]
