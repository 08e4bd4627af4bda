"""Float networks: pure modules, each with a ``spec`` of plain values that rebuilds it."""

from lowland.architectures.build import NETWORKS, build_network, initialised_network
from lowland.architectures.cnn import CNN
from lowland.architectures.mlp import MLP
from lowland.architectures.wafer_autoencoder import WaferAutoencoder

__all__ = ["CNN", "MLP", "NETWORKS", "WaferAutoencoder", "build_network", "initialised_network"]
