"""Float networks: pure modules, each with a ``spec`` of plain values that rebuilds it."""

from lowland.architectures.build import NETWORKS, build_network, initialised_network
from lowland.architectures.cnn import CNN
from lowland.architectures.densenet import DenseNet
from lowland.architectures.ds_cnn import DSCNN
from lowland.architectures.lenet import LeNet1, LeNet5
from lowland.architectures.mlp import MLP
from lowland.architectures.mobilenet import MobileNetV1
from lowland.architectures.nin import NiN
from lowland.architectures.recurrent import Recurrent
from lowland.architectures.resnet import ResNet8
from lowland.architectures.resnet20 import ResNet20
from lowland.architectures.resnet50 import ResNet50
from lowland.architectures.wafer_autoencoder import WaferAutoencoder
from lowland.coding.padded_recurrence import PaddedRecurrence

__all__ = [
    "CNN",
    "DSCNN",
    "MLP",
    "NETWORKS",
    "DenseNet",
    "LeNet1",
    "LeNet5",
    "MobileNetV1",
    "NiN",
    "PaddedRecurrence",
    "Recurrent",
    "ResNet8",
    "ResNet20",
    "ResNet50",
    "WaferAutoencoder",
    "build_network",
    "initialised_network",
]
