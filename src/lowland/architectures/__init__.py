"""Float networks: pure modules, each with a ``spec`` of plain values that rebuilds it."""

from lowland.architectures.build import NETWORKS, build_network, initialised_network
from lowland.architectures.cnn import CNN
from lowland.architectures.mlp import MLP
from lowland.architectures.recurrent import Recurrent
from lowland.architectures.wafer_autoencoder import WaferAutoencoder

__all__ = ["CNN", "MLP", "NETWORKS", "Recurrent", "WaferAutoencoder", "build_network", "initialised_network"]
