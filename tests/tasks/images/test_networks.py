import pytest

from lowland.architectures import NETWORKS
from lowland.tasks.images import ImagesOptions
from lowland.tasks.images.networks import IMAGE_NETWORKS


@pytest.mark.parametrize(
    "kind, width, depth, sizes, described",
    [
        ("lenet1", 4, None, {}, "LeNet-1"),
        ("nin", None, None, {"width": 192}, "NiN with 192 channels"),
        ("resnet8", 8, None, {"width": 8}, "ResNet-8 with 8, 16 and 32 channels"),
        ("resnet20", None, None, {"width": 16}, "ResNet-20 with 16, 32 and 64 channels"),
        ("resnet50", 8, None, {"width": 8}, "ResNet-50 with 32 to 256 channels"),
        ("densenet", None, None, {"width": 12, "depth": 40}, "DenseNet-40 with 12 channels a layer"),
        ("densenet", 4, 22, {"width": 4, "depth": 22}, "DenseNet-22 with 4 channels a layer"),
        ("mobilenet", None, None, {"width": 8}, "MobileNet-V1 with 8 to 256 channels"),
        ("ds_cnn", 16, None, {"width": 16}, "DS-CNN with 16 channels"),
    ],
)
def test_what_is_not_asked_for_is_as_published(kind, width, depth, sizes, described):
    network = IMAGE_NETWORKS[kind]
    assert network.sizes(width, depth) == sizes and network.described(sizes) == described


def test_the_options_know_every_network_that_there_is():
    assert tuple(IMAGE_NETWORKS) == ImagesOptions.BUILT_IN and set(IMAGE_NETWORKS) < set(NETWORKS)
