"""Float networks: pure modules, each with a ``spec`` of plain values that rebuilds it."""

from lowland.architectures.build import NETWORKS, build_network, initialised_network
from lowland.architectures.cnn import CNN
from lowland.architectures.lenet import LeNet1, LeNet5
from lowland.architectures.mlp import MLP
from lowland.architectures.recurrent import Recurrent
from lowland.architectures.resnet import ResNet8
from lowland.architectures.wafer_autoencoder import WaferAutoencoder
from lowland.coding.padded_recurrence import PaddedRecurrence

__all__ = [
    "CNN",
    "MLP",
    "NETWORKS",
    "LeNet1",
    "LeNet5",
    "PaddedRecurrence",
    "Recurrent",
    "ResNet8",
    "WaferAutoencoder",
    "build_network",
    "initialised_network",
]
