"""Reinforcement learning of static policies: proximal policy optimization over layers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from lowland.worst_case.budget import Budget
from lowland.worst_case.search.agent import Agent, Gain
from lowland.worst_case.search.packages import STABLE_BASELINES

ENDLESS = 2**62


@dataclass(frozen=True)
class ProximalPolicy(Agent):
    """PPO of ``stable-baselines3`` in the environment ``LayerByLayer``, choices that break the budget masked.

    Attributes:
        episodes: Policies between two updates of the network.
        epochs: Passes over them at an update.
        learning_rate: Of Adam.
        entropy: Weight of the entropy in the loss.
        hidden: Units of the one hidden layer of actor and of critic.

    Source: Schulman et al. 2017, arXiv 1707.06347; masks as in Huang & Ontanon 2022, arXiv 2006.14171.
    """

    name = "ppo"
    packages = STABLE_BASELINES
    episodes: int = 8
    epochs: int = 10
    learning_rate: float = 0.01
    entropy: float = 0.01
    hidden: int = 32

    def run(self, budget: Budget, gain: Gain, generator: torch.Generator) -> None:
        """See ``Agent``."""
        from stable_baselines3 import PPO

        from lowland.worst_case.search.layer_by_layer import LayerByLayer
        from lowland.worst_case.search.masked_actor import MaskedActor

        steps = self.episodes * budget.layers
        with own_chance():
            PPO(
                MaskedActor,
                LayerByLayer(budget, gain),
                n_steps=steps,
                batch_size=steps,
                n_epochs=self.epochs,
                learning_rate=self.learning_rate,
                ent_coef=self.entropy,
                gamma=1.0,
                gae_lambda=1.0,
                policy_kwargs={"net_arch": [self.hidden]},
                seed=int(torch.randint(2**31, (), generator=generator)),
                device="cpu",
            ).learn(ENDLESS)


@contextmanager
def own_chance() -> Iterator[None]:
    """Global generators that are left as they were: stable-baselines3 seeds all of them."""
    states = random.getstate(), np.random.get_state()  # the one that it seeds
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
