"""Float networks that rebuild themselves from a recipe of plain values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from lowland.architectures.cnn import CNN
from lowland.architectures.mlp import MLP
from lowland.architectures.recurrent import CELLS, Recurrent
from lowland.architectures.wafer_autoencoder import WaferAutoencoder
from lowland.errors import LowlandError
from lowland.randomness import Key, seed_of

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "cnn": CNN,
    "wafer_autoencoder": WaferAutoencoder,
    **{kind: partial(Recurrent, kind) for kind in CELLS},
}


def build_network(spec: dict[str, Any]) -> nn.Module:
    """A freshly initialised network from its recipe.

    Raises:
        LowlandError: An unknown kind of network.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind", None)
    if kind not in NETWORKS:
        raise LowlandError(f"network kind is {kind!r}; expected one of {', '.join(NETWORKS)}")
    return NETWORKS[kind](**arguments)


def initialised_network(spec: dict[str, Any], *, key: tuple[Key, ...]) -> nn.Module:
    """A network with weights drawn by a key, leaving torch's global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*key, "initialisation"))
        return build_network(spec)
