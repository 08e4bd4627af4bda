"""Choosing widths layer by layer, as an environment of gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Gain
from lowland.worst_case.search.space import Widths, cheapest_sure

Observation = NDArray[np.float32]


class LayerByLayer(gymnasium.Env[Observation, int]):
    """One episode chooses one policy: a step a layer, the policy's gain as the reward of the last step.

    Observed are which layer comes next, the place of every width chosen so far among the choices, how far the budget
    is from being missed if all other layers do the least for the goal, and, last, which choices are allowed: those
    after which the budget can still be met. A choice that is not allowed is a mistake of the agent.

    Args:
        budget: Layers and choices.
        gain: Of a policy that meets it.
    """

    def __init__(self, budget: Budget, gain: Gain) -> None:
        self.budget, self.gain = budget, gain
        layers, choices = budget.layers, len(budget.choices)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (2 * layers + 1 + choices,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(choices)  # type: ignore[assignment]  # int, numpy's or Python's
        self.chosen: Widths = ()

    def allowed(self) -> NDArray[np.bool_]:
        """Choices of the next layer after which the budget can still be met [choices]."""
        return np.array([self._least((*self.chosen, width)) for width in self.budget.choices])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins another policy."""
        super().reset(seed=seed)
        self.chosen = ()
        return self._observed(), {}

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Chooses the width of the next layer; the last one brings the reward.

        Raises:
            ValueError: A choice that is not allowed.
        """
        if not self.allowed()[action]:
            raise ValueError(f"action is {action} after {self.chosen}; expected one that is allowed")
        self.chosen = (*self.chosen, self.budget.choices[int(action)])
        ended = len(self.chosen) == self.budget.layers
        reward = self.gain(self.chosen) if ended else 0.0
        return self._observed(), reward, ended, False, {}

    def _least(self, chosen: Widths) -> bool:
        """Whether the budget is met when all layers that are left do the least for the goal."""
        return self.budget.allows(chosen + cheapest_sure(self.budget)[len(chosen) :])

    def _observed(self) -> Observation:
        """See the class; after the last layer everything is allowed, since nothing follows."""
        layers, choices = self.budget.layers, self.budget.choices
        number = len(self.chosen)
        following = np.eye(layers + 1)[number][:layers]
        places = np.zeros(layers)
        places[:number] = [(choices.index(width) + 1) / len(choices) for width in self.chosen]
        sure = self.chosen + cheapest_sure(self.budget)[number:]
        slack = abs(self.budget.spent(sure) - self.budget.mean_bits) / max(1, choices[-1] - choices[0])
        allowed = self.allowed() if number < layers else np.ones(len(choices))
        return np.concatenate([following, places, [slack], allowed]).astype(np.float32)
