"""An actor of stable-baselines3 that never takes an action which its observation does not allow."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import Tensor, nn

NEVER = -1e8
"""Logit of what is not allowed: finite, so that its gradient is zero and no number is lost."""


class _KeepsMask(MlpExtractor):
    """The usual layers for actor and critic; the actor's end in the last observations, unchanged."""

    def __init__(self, features: int, actions: int, **arguments: Any) -> None:
        super().__init__(features, **arguments)
        self.actions = actions
        self.latent_dim_pi += actions

    def forward_actor(self, features: Tensor) -> Tensor:
        """Latents and mask."""
        return torch.cat([super().forward_actor(features), features[:, -self.actions :]], 1)


class _Masked(nn.Linear):
    """Logits of latents that end in a mask."""

    def forward(self, latents: Tensor) -> Tensor:
        """Logits [rows, actions]."""
        mask = latents[:, -self.out_features :]
        seen = torch.cat([latents[:, : -self.out_features], torch.zeros_like(mask)], 1)
        return super().forward(seen).masked_fill(mask < 0.5, NEVER)


class MaskedActor(ActorCriticPolicy):
    """Actor and critic for observations that end in one number an action: 1 where it is allowed, 0 where not."""

    action_space: gymnasium.spaces.Discrete

    def _build_mlp_extractor(self) -> None:
        """Layers that keep the mask for the actor's head."""
        self.mlp_extractor = _KeepsMask(
            self.features_dim,
            int(self.action_space.n),
            net_arch=self.net_arch,
            activation_fn=self.activation_fn,
            device=self.device,
        )

    def _build(self, lr_schedule: Any) -> None:
        """The usual networks, with a head that masks."""
        super()._build(lr_schedule)
        plain = self.action_net
        head = _Masked(self.mlp_extractor.latent_dim_pi, int(self.action_space.n))
        head.load_state_dict(plain.state_dict())
        self.action_net = head
        arguments: dict[str, Any] = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **arguments)
