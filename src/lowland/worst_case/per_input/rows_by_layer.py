"""Choosing widths layer by layer, every row for itself, as environments of stable-baselines3 side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from lowland.worst_case.per_input.input_problem import InputProblem, Judged
from lowland.worst_case.per_input.network_policy import observation, observation_size
from lowland.worst_case.policies import rows_chooser


class _Reached(Exception):  # noqa: N818  # no error: the layer that is asked about is reached
    """Carries what a layer is about to code."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values


class RowsByLayer(VecEnv):
    """One environment a row, one step a layer; the last layer brings the reward.

    Observed is what ``network_policy.observation`` says. The reward is the row's gain and, over all inputs together,
    ``multiplier`` times the bits by which the row's mean lies within the budget. All rows are computed together; a step
    computes the network up to the next layer.

    Args:
        given: Rows and budget.
        ended: Called with what all rows came to at the end of every episode.
    """

    def __init__(self, given: InputProblem, ended: Callable[[Judged], None]) -> None:
        self.given, self.ended, self.multiplier = given, ended, 0.0
        size, choices = observation_size(given.budget), len(given.budget.choices)
        super().__init__(
            len(given.problem.inputs),
            gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32),
            gymnasium.spaces.Discrete(choices),
        )
        self._chosen = self._nothing()
        self._first: NDArray[np.float32] | None = None

    def reset(self) -> NDArray[np.float32]:
        """All rows before the first layer."""
        self._chosen = self._nothing()
        if self._first is None:
            self._first = self._observed()
        return self._first

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Chooses the next layer's width of every row."""
        widths = torch.tensor(self.given.budget.choices)[torch.as_tensor(actions)]
        self._chosen = torch.cat([self._chosen, widths[:, None]], 1)

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Observations, rewards, whether rows have ended, and nothing else."""
        ended = self._chosen.shape[1] == self.given.budget.layers
        rewards = self._rewards() if ended else np.zeros(self.num_envs, np.float32)
        observations = self.reset() if ended else self._observed()
        return observations, rewards, np.full(self.num_envs, ended), [{} for _ in range(self.num_envs)]

    def _nothing(self) -> Tensor:
        return torch.empty(self.num_envs if hasattr(self, "num_envs") else 0, 0, dtype=torch.int64)

    def _rewards(self) -> NDArray[np.float32]:
        """Of every row; over single inputs the mask alone keeps the budget."""
        problem, budget = self.given.problem, self.given.budget
        found = Judged(problem.harms(problem.outputs_by_row(self._chosen)), budget.mean(self._chosen))
        self.ended(found)
        sign = 1 if budget.goal == "worst" else -1
        within = self.multiplier * (found.bits - budget.mean_bits) if budget.over == "inputs" else 0.0
        return (sign * (found.harms + within)).float().numpy()

    @torch.no_grad()
    def _observed(self) -> NDArray[np.float32]:
        """Before the next layer."""
        asked, given = self._chosen.shape[1], self.given
        known = rows_chooser(self._chosen)

        def choose(layer: int, values: Tensor) -> int | Tensor:
            if layer == asked:
                raise _Reached(values)
            return known(layer, values)

        try:
            given.problem.under(choose)
        except _Reached as reached:
            return observation(given.budget, given.scales, reached.values, self._chosen).numpy()
        raise ValueError(f"layer {asked} was not reached")

    def close(self) -> None:
        """Holds nothing."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """See ``VecEnv``; all rows share what there is."""
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """See ``VecEnv``."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """See ``VecEnv``."""
        return [getattr(self, method_name)(*args, **kwargs)] * self.num_envs

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """See ``VecEnv``; none is."""
        return [False] * self.num_envs

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """See ``VecEnv``; nothing is drawn here."""
        return [None] * self.num_envs
