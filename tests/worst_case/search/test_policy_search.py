"""A search finds the optimum where it can look at everything, and never counts or refuses wrongly."""

import importlib.util
import itertools
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.randomness import generator
from lowland.worst_case import Budget, PolicyProblem, PolicySubject, subject_of
from lowland.worst_case.search import AGENTS, SearchResult, agent_of, search_policy, search_problem
from tests.worst_case.search.cases import CHOICES, best_by_hand, budget, network, plain_drop, problem, rows

SEARCHING = [name for name in AGENTS if name != "exhaustive"]  # ppo only where its packages are
if not all(importlib.util.find_spec(each) for each in ("gymnasium", "stable_baselines3")):
    SEARCHING = [name for name in SEARCHING if name != "ppo"]


def searched(agent: str, mean_bits: float = 4.0, evaluations: int = 12, goal: str = "worst") -> SearchResult:
    return search_problem(
        problem(), budget(mean_bits, goal), agent_of(agent), evaluations=evaluations, generator=generator("search")
    )


@pytest.mark.parametrize("goal", ["worst", "best"])
@pytest.mark.parametrize("seed", range(4))
def test_exhaustive_search_is_brute_force(seed: int, goal: str) -> None:
    for mean_bits in (2.5, 4.0, 6.0):
        found = search_problem(
            problem(seed), budget(mean_bits, goal), agent_of("exhaustive"), evaluations=27, generator=generator()
        )
        drop, widths = best_by_hand(seed, mean_bits, goal)
        assert (found.drop, found.policy.widths) == (pytest.approx(drop), widths)
        assert found.status == "complete"
        assert found.policy.bits == dict(zip(("0", "2", "4"), widths, strict=True))


@settings(max_examples=30, deadline=None)
@given(
    mean_bits=st.floats(2, 8),
    elements=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    goal=st.sampled_from(["worst", "best"]),
    agent=st.sampled_from(["greedy", "cross_entropy", "random"]),
)
def test_every_policy_meets_the_budget_and_counts_once(
    mean_bits: float, elements: list[int], goal: str, agent: str
) -> None:
    asked: list[tuple[int, ...]] = []

    class WithoutNetwork(PolicyProblem):
        """Harm is a sum over layers."""

        def __init__(self) -> None:
            names = tuple(map(str, range(len(elements))))
            self.subject = SimpleNamespace(elements=tuple(elements), layers=names)  # type: ignore[assignment]

        def drop(self, widths: tuple[int, ...]) -> float:  # type: ignore[override]  # what a search gives
            asked.append(widths)
            return sum((8 - bits) / 8 * (number + 1) for number, bits in enumerate(widths))

    space = Budget(CHOICES, mean_bits, tuple(elements), goal=goal)  # type: ignore[arg-type]  # of a strategy
    found = search_problem(WithoutNetwork(), space, agent_of(agent), evaluations=15, generator=generator("any"))
    assert len(asked) == len(set(asked)) == found.evaluations == len(found.history) <= 15
    assert all(space.allows(widths) for widths in asked)
    sign = 1 if goal == "worst" else -1
    assert found.drop == sign * max(sign * each.drop for each in found.history)
    bests = [sign * each.best for each in found.history]
    assert bests == list(itertools.accumulate((sign * each.drop for each in found.history), max))
    if found.status == "complete":
        assert set(asked) == set(space.policies())


@pytest.mark.parametrize("agent", SEARCHING)
def test_equal_generators_give_equal_searches_and_longer_ones_begin_alike(agent: str) -> None:
    short, same, longer = (searched(agent, evaluations=number) for number in (5, 5, 8))
    assert short == same
    assert longer.history[:5] == short.history
    assert longer.best_after(5) == short.drop
    assert longer.best_after(1000) == longer.drop


@pytest.mark.parametrize("goal", ["worst", "best"])
@pytest.mark.parametrize("agent", ["greedy", "cross_entropy", "random"])
def test_given_enough_evaluations_an_agent_comes_close_to_the_optimum(agent: str, goal: str) -> None:
    optimum, _ = best_by_hand(0, 4.0, goal)
    assert abs(searched(agent, evaluations=27, goal=goal).drop - optimum) <= 0.2 * abs(optimum) + 0.02


def test_drops_in_the_history_are_those_of_a_plain_forward() -> None:
    for each in searched("random").history:
        assert each.drop == pytest.approx(plain_drop(0, each.widths))


def test_of_equal_drops_the_one_of_fewer_bits_is_taken() -> None:
    inputs, _ = rows()
    constant = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 4))
    for layer in constant[::2]:
        nn.init.zeros_(layer.weight)
    without_effect = PolicyProblem(PolicySubject(constant, inputs), inputs, None)
    found = search_problem(without_effect, budget(4.0), agent_of("exhaustive"), evaluations=27, generator=generator())
    least = min(budget(4.0).policies(), key=lambda bits: (budget(4.0).spent(bits), bits))
    assert (found.drop, found.policy.widths) == (0.0, least)


def test_a_search_of_a_network_leaves_it_and_takes_any_batches() -> None:
    inputs, targets = rows()
    given_network = network()
    before = {name: value.clone() for name, value in given_network.state_dict().items()}
    halves = [(inputs[:50], targets[:50]), (inputs[50:], targets[50:])]
    found = search_policy(
        given_network, halves, choices=CHOICES, mean_bits=4.0, agent="greedy", evaluations=12, generator=generator("a")
    )
    by_itself, as_given = subject_of(network(), inputs), PolicySubject(network(), inputs)
    for subject, expected in ((by_itself, found), (as_given, searched("greedy"))):
        assert expected == search_policy(
            subject,
            [(inputs, targets)],
            choices=CHOICES,
            mean_bits=4.0,
            agent="greedy",
            evaluations=12,
            generator=generator("a"),
        )
    assert all(torch.equal(value, before[name]) for name, value in given_network.state_dict().items())
    assert all(parameter.requires_grad for parameter in given_network.parameters())


def test_what_is_not_finite_ends_the_search_in_one_line() -> None:
    inputs, targets = rows()

    def logarithmic(outputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return torch.where(outputs.argmax(1) == classes, 0.0, torch.nan)

    broken = PolicyProblem(PolicySubject(network(), inputs), inputs, targets, harm=logarithmic)
    with pytest.raises(LowlandError, match=r"drop of policy \[.*\] is nan at evaluation \d+; expected a finite number"):
        search_problem(broken, budget(2.5), agent_of("random"), evaluations=20, generator=generator())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agent": "gredy"}, "agent is 'gredy'; expected one of greedy, .*; did you mean greedy?"),
        ({"evaluations": 0}, "evaluations is 0; expected 1 at least"),
        ({"mean_bits": 9.0}, "mean_bits is 9.0; expected a number from 2 to 8"),
        ({"choices": ()}, "choices are"),
        ({"batches": []}, "batches have no rows"),
        ({"batches": [(torch.zeros(0, 6), torch.zeros(0, dtype=torch.long))]}, "batches have no rows"),
        ({"agent": "exhaustive"}, "agent is exhaustive and evaluations is 12, of 16 policies"),
    ],
)
def test_bad_input_is_one_line(changes: dict, message: str) -> None:
    arguments = {"choices": CHOICES, "mean_bits": 4.0, "agent": "greedy", "evaluations": 12, "batches": [rows()]}
    arguments |= changes
    with pytest.raises(LowlandError, match=message) as raised:
        search_policy(network(), arguments.pop("batches"), **arguments, generator=generator())
    assert "\n" not in str(raised.value)


def test_exhaustive_search_of_a_large_space_is_refused_before_it_begins() -> None:
    large = Budget(tuple(range(2, 9)), 4.0, (1,) * 12)
    with pytest.raises(LowlandError, match=r"of 7\^12 policies"):
        agent_of("exhaustive").check(large, 10**9)


def test_a_budget_of_another_network_is_refused() -> None:
    other = Budget(CHOICES, 4.0, (6, 10, 8))
    with pytest.raises(LowlandError, match="budget has elements"):
        search_problem(problem(), other, agent_of("greedy"), evaluations=5, generator=generator())


def test_scales_of_whole_batches_are_refused_in_one_line() -> None:
    inputs, targets = rows()
    batch = quantize_dynamically(
        network(), Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime")
    )
    with pytest.raises(LowlandError, match="scales whole batches"):
        search_policy(
            batch,
            [(inputs, targets)],
            choices=CHOICES,
            mean_bits=4.0,
            agent="greedy",
            evaluations=3,
            generator=generator("a"),
        )
