"""A network that computes with other weights than its own, which stay untouched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lowland.functional_call import call_with
from lowland.training.recipe_base import Model


def at_parameters(network: nn.Module, parameters: Mapping[str, Tensor], **settings: Any) -> Model:
    """The network with some of its parameters replaced; running statistics of the network do not see it.

    Args:
        network: Left as it came, when built and when called.
        parameters: By the names of ``named_parameters``; gradients flow to whatever they are made of.
        settings: Keyword arguments of the network's ``forward``.
    """
    state = {**parameters, **{name: buffer.clone() for name, buffer in network.named_buffers()}}
    return lambda inputs: call_with(network, state, inputs, **settings)
