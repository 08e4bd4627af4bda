"""Policies for each input and their oracles, against enumeration by hand."""

import itertools
import json
from dataclasses import replace

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, PolicySubject, policy_from_spec
from lowland.worst_case.per_input import (
    InputProblem,
    NetworkPolicy,
    free_oracle,
    judged,
    meets,
    restricted_oracle,
    search_input_policy,
    widths_tree,
)
from lowland.worst_case.per_input.input_policy import allowed_choices
from lowland.worst_case.per_input.table_policy import TablePolicy, constant_table
from tests.worst_case.search.cases import CHOICES, budget, network, problem, rows


def over(which, mean=5.0, goal="worst"):
    return replace(budget(mean, goal), over=which)


def given(which, number=120, bins=2, goal="worst"):
    inputs, targets = rows(0, number)
    whole = PolicyProblem(PolicySubject(network(0), inputs), inputs, targets)
    return InputProblem(whole, over(which, goal=goal), (8, 8, 8) if goal == "worst" else (2, 2, 2), ("crest",), bins)


def test_rows_with_widths_of_their_own_are_as_alone():
    case = problem()
    widths = torch.tensor(CHOICES)[torch.randint(3, (len(case.inputs), 3), generator=generator("own"))]
    outputs = case.outputs_by_row(widths)
    for row in range(0, len(widths), 17):
        alone = PolicyProblem(case.subject, case.inputs[row : row + 1], None)
        assert torch.allclose(outputs[row], alone.outputs(widths[row].tolist())[0], atol=1e-6)


def test_a_tree_holds_the_harm_of_every_static_policy():
    case = problem()
    tree = widths_tree(case, over("input"))
    for leaf, widths in enumerate(tree.leaves.tolist()):
        assert float(tree.harms[:, leaf].mean()) == case.drop(widths)


@pytest.mark.parametrize("goal", ["worst", "best"])
@pytest.mark.parametrize("which", ["input", "inputs"])
def test_the_free_oracle_is_the_best_of_all_widths_of_four_rows(which, goal):
    inputs, targets = rows(0, 60)
    tree = widths_tree(
        PolicyProblem(PolicySubject(network(0), inputs), inputs, targets), Budget((2, 8), 5.0, (6, 10, 7), goal, which)
    )
    busy = tree.harms.std(1).argsort(descending=True)[:4]
    small = replace(tree, harms=tree.harms[busy], seen=tuple(each[:, busy] for each in tree.seen))
    sign = 1 if goal == "worst" else -1
    best = max(
        float(sign * small.harms[torch.arange(4), torch.tensor(leaves)].mean())
        for leaves in itertools.product(range(8), repeat=4)
        if meets(small.budget, small.budget.mean(small.leaves)[list(leaves)])
    )
    found = free_oracle(small)
    assert meets(small.budget, small.budget.mean(small.leaves)[found.leaves])
    assert sign * float(found.harms.mean()) <= best + 1e-12 <= sign * found.bound + 1e-9
    if which == "input":
        assert sign * float(found.harms.mean()) == pytest.approx(best)


def test_the_restricted_oracle_is_the_best_of_all_decisions():
    inputs, targets = rows(0, 40)
    case = PolicyProblem(PolicySubject(network(0), inputs), inputs, targets)
    space = Budget((2, 8), 4.0, (6, 10, 7))
    bins = InputProblem(case, space, (8, 8, 8), ("crest",), 2).table_bins
    tree = widths_tree(case, space)
    found = restricted_oracle(tree, bins, least=1)
    tables = itertools.product(itertools.product((2, 8), repeat=2), repeat=3)
    best = max(judged(case, TablePolicy(space, bins, table)).drop for table in tables)
    assert found.drop >= best - 1e-12  # tables forget what they saw before
    assert float(tree.harms.gather(1, found.decisions.leaves(tree)[:, None]).mean()) == pytest.approx(found.drop)
    assert found.drop <= free_oracle(tree).bound + 1e-12

    def optimum(layer, widths, group):
        """By recursion over all that may be seen and chosen."""
        if layer == 3:
            leaf = tree.leaves.tolist().index(list(widths))
            return float(tree.harms[group, leaf].sum()) if space.allows(widths) else -torch.inf
        number = int("".join("01"[width == 8] for width in widths) or "0", 2)
        seen = bins.of_statistics(layer, tree.seen[layer][number][group][:, [4]])
        parts = [group[seen == each] for each in range(2)]
        parts = parts if min(map(len, parts)) >= 1 else [group]
        return sum(max(optimum(layer + 1, (*widths, width), part) for width in (2, 8)) for part in parts)

    assert found.drop == pytest.approx(optimum(0, (), torch.arange(40)) / 40)


def test_with_one_bin_the_restricted_oracle_and_tables_are_static():
    case = given("input", bins=1)
    tree = widths_tree(case.problem, case.budget)
    best = max(case.problem.drop(widths) for widths in case.budget.policies())
    assert restricted_oracle(tree, case.table_bins, least=1).drop == pytest.approx(best)
    table = constant_table(case.budget, case.table_bins, (8, 3, 8))
    assert judged(case.problem, table).drop == case.problem.drop((8, 3, 8))


@pytest.mark.parametrize("which", ["input", "inputs"])
def test_the_lagrangian_bounds_the_restricted_oracle(which):
    case = given(which)
    tree = widths_tree(case.problem, case.budget)
    found = restricted_oracle(tree, case.table_bins, least=5)
    bits = case.budget.mean(tree.leaves)[found.decisions.leaves(tree)]
    assert meets(case.budget, bits) and found.drop <= found.bound + 1e-9
    assert found.bound <= free_oracle(tree).bound + 1e-9


def test_masks_leave_exactly_what_can_still_meet_the_budget():
    space = over("input", 5.0)
    for layer in range(3):
        for before in itertools.product(CHOICES, repeat=layer):
            allowed = allowed_choices(space, torch.tensor(before, dtype=torch.int64).reshape(1, layer))[0].tolist()
            rest = list(itertools.product(CHOICES, repeat=2 - layer))
            assert allowed == [any(space.allows((*before, width, *end)) for end in rest) for width in CHOICES]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("goal", ["worst", "best"])
@pytest.mark.parametrize("which", ["input", "inputs"])
@pytest.mark.parametrize("agent", ["cross_entropy", "random", "ppo", "a2c"])
def test_searches_keep_the_budget_and_begin_with_the_static_policy(agent, which, goal):
    case = given(which, number=40, goal=goal)
    found = search_input_policy(case, agent, evaluations=15, generator=generator("search"))
    again = search_input_policy(case, agent, evaluations=15, generator=generator("search"))
    assert found.history == again.history and found.evaluations == 15
    assert found.history[0].drop == case.problem.drop(case.static)
    done = judged(case.problem, found.policy)
    assert done.drop == found.drop and meets(case.budget, done.bits)
    assert (found.drop >= found.history[0].drop) if goal == "worst" else (found.drop <= found.history[0].drop)
    spec = json.loads(json.dumps(found.policy.spec))
    assert torch.equal(judged(case.problem, policy_from_spec(spec)).harms, done.harms)


@pytest.mark.parametrize("agent", ["cross_entropy", "ppo"])
def test_an_interrupted_search_ends_as_if_it_had_not_been(agent, tmp_path, monkeypatch):
    from lowland.worst_case.per_input import input_search

    case, path = given("input", number=40), tmp_path / "search"
    whole = search_input_policy(case, agent, evaluations=15, generator=generator("resumed"))
    monkeypatch.setattr(input_search, "EVERY", 0.0)
    search_input_policy(case, agent, evaluations=15, generator=generator("resumed"), checkpoint=path)
    assert path.exists()
    resumed = search_input_policy(case, agent, evaluations=15, generator=generator("resumed"), checkpoint=path)
    assert (resumed.history, resumed.policy.spec) == (whole.history, whole.policy.spec)
    with pytest.raises(LowlandError, match="another evaluations"):
        search_input_policy(case, agent, evaluations=16, generator=generator("resumed"), checkpoint=path)


def test_networks_keep_the_budget_whatever_they_say():
    case = given("input")
    for draw in range(5):
        source = generator("weights", draw)
        layers = tuple(
            (torch.randn(out, size, generator=source), torch.randn(out, generator=source))
            for size, out in ((6 + 6 + 1 + 3, 5), (5, 3))
        )
        policy = NetworkPolicy(case.budget, case.scales, layers)
        assert case.budget.mean_bits <= float(judged(case.problem, policy).bits.min()) + 1e-9


def test_what_cannot_be_asked_for_each_row_is_one_line():
    inputs, targets = rows()
    batch = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime")
    case = PolicyProblem(PolicySubject(quantize_dynamically(network(), batch), inputs), inputs, targets)
    with pytest.raises(LowlandError, match="scales whole batches"):
        InputProblem(case, over("input"), (8, 8, 8))
    with pytest.raises(LowlandError, match="static is"):
        InputProblem(problem(), over("input"), (2, 2, 2))
    with pytest.raises(LowlandError, match="statistics names"):
        assert InputProblem(problem(), over("input"), (8, 8, 8), ("crests",)).table_bins
    with pytest.raises(LowlandError, match="cross_entropy"):
        search_input_policy(given("input"), "dqn", evaluations=5, generator=generator("none"))
