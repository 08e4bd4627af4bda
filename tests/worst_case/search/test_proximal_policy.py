"""Learning widths layer by layer: nothing that the budget forbids is ever chosen."""

import importlib.util
import random

import numpy as np
import pytest
import torch

from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.worst_case import Budget
from lowland.worst_case.search import agent_of, search_problem
from tests.worst_case.search.cases import budget, problem


def test_without_its_packages_it_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        LowlandError, match=r"agent is ppo, and gymnasium is not installed; expected the extra: .*"
    ) as e:
        agent_of("ppo").check(budget(4.0), 10)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("goal", ["worst", "best"])
def test_the_environment_allows_exactly_what_can_still_meet_the_budget(goal: str) -> None:
    pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    from lowland.worst_case.search.layer_by_layer import LayerByLayer

    space = Budget((2, 3, 8), 4.0, (6, 10, 7), goal=goal)  # type: ignore[arg-type]  # of a parameter
    ends = []
    environment = LayerByLayer(space, lambda widths: float(sum(widths)))

    def walk(chosen: tuple[int, ...]) -> None:
        environment.reset()
        for place in chosen:
            observed, reward, ended, *_ = environment.step(place)
        if len(chosen) == 3:
            assert (ended, reward) == (True, float(sum(environment.chosen)))
            ends.append(environment.chosen)
            return
        possible = environment.allowed()
        if chosen:
            assert not ended
            assert (observed[-3:] == possible).all()
        for place in range(3):
            if possible[place]:
                walk((*chosen, place))
            else:
                environment.reset()
                for before in chosen:
                    environment.step(before)
                with pytest.raises(ValueError, match="expected one that is allowed"):
                    environment.step(place)

    walk(())
    assert sorted(ends) == sorted(space.policies())
    # gymnasium's own checker draws actions blindly: nothing is forbidden where the budget is the fewest or most bits
    free = Budget((2, 3, 8), 2.0 if goal == "worst" else 8.0, (6, 10, 7), goal=goal)  # type: ignore[arg-type]
    check_env(LayerByLayer(free, lambda widths: float(sum(widths))), skip_render_check=True)


def test_it_leaves_global_chance_as_it_was() -> None:
    pytest.importorskip("stable_baselines3")
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    search_problem(problem(), budget(4.0), agent_of("ppo"), evaluations=4, generator=generator("global"))
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()
    assert torch.equal(torch.get_rng_state(), before[2])
