"""Float networks that rebuild themselves from a recipe of plain values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from lowland.architectures.cnn import CNN
from lowland.architectures.custom import build_custom
from lowland.architectures.densenet import DenseNet
from lowland.architectures.ds_cnn import DSCNN
from lowland.architectures.lenet import LeNet1, LeNet5
from lowland.architectures.mlp import MLP
from lowland.architectures.mobilenet import MobileNetV1
from lowland.architectures.nin import NiN
from lowland.architectures.recurrent import CELLS, Recurrent
from lowland.architectures.resnet import ResNet8
from lowland.architectures.resnet20 import ResNet20
from lowland.architectures.resnet50 import ResNet50
from lowland.architectures.wafer_autoencoder import WaferAutoencoder
from lowland.errors import LowlandError
from lowland.own_code import NETWORK
from lowland.randomness import Key, seed_of

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "cnn": CNN,
    "wafer_autoencoder": WaferAutoencoder,
    **{kind: partial(Recurrent, kind) for kind in CELLS},
    "lenet1": LeNet1,
    "lenet5": LeNet5,
    "nin": NiN,
    "resnet8": ResNet8,
    "resnet20": ResNet20,
    "resnet50": ResNet50,
    "densenet": DenseNet,
    "mobilenet": MobileNetV1,
    "ds_cnn": DSCNN,
    NETWORK: build_custom,
}


def build_network(spec: dict[str, Any]) -> nn.Module:
    """A freshly initialised network from its recipe.

    Raises:
        LowlandError: An unknown kind of network, or one of a user's own that is missing or fails.
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
