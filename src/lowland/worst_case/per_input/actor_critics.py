"""Reinforcement learning of policies for each input: actor and critic of stable-baselines3."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lowland.worst_case.per_input.input_agent import InputAgent, Learner
from lowland.worst_case.per_input.input_problem import InputProblem
from lowland.worst_case.per_input.judgements import Judgements
from lowland.worst_case.per_input.network_policy import NetworkPolicy
from lowland.worst_case.search.packages import STABLE_BASELINES
from lowland.worst_case.search.proximal_policy import own_chance

if TYPE_CHECKING:
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

    from lowland.worst_case.per_input.rows_by_layer import RowsByLayer

FITS = 8
"""Evaluations that fitting a multiplier may take."""


@dataclass(frozen=True)
class ActorCritic(InputAgent):
    """What the algorithms have in common: one episode of all rows is one evaluation.

    Between some of them the actor without chance is judged as a policy.

    Over all inputs together the reward contains the bits beyond the mean, times a multiplier that rises while episodes
    miss the mean and falls while they do not; the policy that is judged is given the least multiplier of its own with
    which the searching rows meet it.

    Attributes:
        every: Episodes between two judgements.
        learning_rate: Of the optimizer.
        entropy: Weight of the entropy in the loss.
        hidden: Units of the one hidden layer of actor and of critic.
        pace: Of the reward's multiplier, in the static policy's gain a bit of mean width and bit missed.
    """

    packages = STABLE_BASELINES
    every: int = 5
    learning_rate: float = 0.01
    entropy: float = 0.01
    hidden: int = 32
    pace: float = 0.2

    def learner(self, given: InputProblem, seed: int) -> Learner:
        """See ``InputAgent``."""
        return _Actor(given, self, seed)

    @abstractmethod
    def model(self, env: RowsByLayer, arguments: dict[str, Any]) -> OnPolicyAlgorithm:
        """The algorithm, with options that both have."""


@dataclass(frozen=True)
class ProximalActor(ActorCritic):
    """Proximal policy optimization.

    Attributes:
        epochs: Passes over the steps of an episode of all rows.

    Source: Schulman et al. 2017, arXiv 1707.06347.
    """

    name = "ppo"
    epochs: int = 4

    def model(self, env: RowsByLayer, arguments: dict[str, Any]) -> OnPolicyAlgorithm:
        """See ``ActorCritic``."""
        from stable_baselines3 import PPO

        return PPO(batch_size=env.num_envs, n_epochs=self.epochs, env=env, **arguments)


@dataclass(frozen=True)
class AdvantageActor(ActorCritic):
    """Synchronous advantage actor-critic: one step of its optimizer an episode.

    Source: Mnih et al. 2016, arXiv 1602.01783.
    """

    name = "a2c"

    def model(self, env: RowsByLayer, arguments: dict[str, Any]) -> OnPolicyAlgorithm:
        """See ``ActorCritic``."""
        from stable_baselines3 import A2C

        return A2C(env=env, normalize_advantage=True, **arguments)


class _Actor(Learner):
    """An algorithm of stable-baselines3 that learns one episode at a time."""

    def __init__(self, given: InputProblem, how: ActorCritic, seed: int) -> None:
        from lowland.worst_case.per_input.rows_by_layer import RowsByLayer
        from lowland.worst_case.search.masked_actor import MaskedActor

        self.given, self.how, self.rounds = given, how, 0
        self.env = RowsByLayer(given, self._ended)
        self._judge: Judgements | None = None
        arguments = {
            "policy": MaskedActor,
            "n_steps": given.budget.layers,
            "learning_rate": how.learning_rate,
            "ent_coef": how.entropy,
            "gamma": 1.0,
            "gae_lambda": 1.0,
            "policy_kwargs": {"net_arch": [how.hidden]},
            "device": "cpu",
        }
        with own_chance():
            self.algorithm = how.model(self.env, arguments | {"seed": seed})
        gain = abs(given.problem.drop(given.static))
        self.unit = gain / given.budget.mean_bits
        self.env.multiplier = self.unit if given.budget.over == "inputs" else 0.0

    def round(self, judge: Judgements, generator: torch.Generator) -> None:
        """See ``Learner``."""
        judge.check()
        self._judge = judge
        seed = int(torch.randint(2**31, (), generator=generator))
        with own_chance():
            torch.manual_seed(seed)
            np.random.seed(seed)
            self.algorithm.learn(self.env.num_envs * self.given.budget.layers)
        self.rounds += 1
        if self.rounds % self.how.every == 0 or len(judge.history) + FITS + 1 >= judge.most:
            self._judge_actor(judge)

    def _ended(self, found: Any) -> None:
        """An episode: it counts, and the multiplier follows what it spent."""
        if self._judge is None:
            raise ValueError("no judge")
        self._judge.explored(found)
        if self.given.budget.over == "inputs":
            missed = -self._judge.slack(found.mean_bits)
            self.env.multiplier = max(0.0, self.env.multiplier + self.how.pace * self.unit * missed)

    def _judge_actor(self, judge: Judgements) -> None:
        """The actor without chance, over all inputs with the least multiplier that was found to meet the mean."""
        actor = self.policy()
        _, slack = judge.of(actor)
        if self.given.budget.over == "input":
            return
        sign = 1.0 if self.given.budget.goal == "worst" else -1.0
        low, high = (None, 0.0) if slack >= 0 else (0.0, None)
        step = 1.0
        for _ in range(FITS - 1):
            if low is not None and high is not None:
                tried = (low + high) / 2
            elif high is None:
                tried, step = (low or 0.0) + step, 2 * step
            else:
                tried, step = high - step, 2 * step
            _, slack = judge.of(replace(actor, multiplier=sign * tried))
            low, high = (low, tried) if slack >= 0 else (tried, high)

    def policy(self) -> NetworkPolicy:
        """The actor as it is."""
        weights = {name: value.detach().clone() for name, value in self.algorithm.policy.state_dict().items()}
        choices = len(self.given.budget.choices)
        hidden = weights["mlp_extractor.policy_net.0.weight"], weights["mlp_extractor.policy_net.0.bias"]
        head = weights["action_net.weight"][:, :-choices], weights["action_net.bias"]
        return NetworkPolicy(self.given.budget, self.given.scales, (hidden, head))

    @property
    def state(self) -> dict[str, Any]:
        """See ``Learner``."""
        policy = self.algorithm.policy
        return {
            "network": policy.state_dict(),
            "optimizer": policy.optimizer.state_dict(),
            "multiplier": self.env.multiplier,
            "rounds": self.rounds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """See ``Learner``."""
        self.algorithm.policy.load_state_dict(state["network"])
        self.algorithm.policy.optimizer.load_state_dict(state["optimizer"])
        self.env.multiplier, self.rounds = float(state["multiplier"]), int(state["rounds"])
