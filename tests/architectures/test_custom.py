import pytest
import torch

from lowland.architectures import build_network, initialised_network
from lowland.architectures.custom import build_custom
from lowland.errors import LowlandError
from lowland.own_code import custom_spec

NETS = """
from torch import nn
from lowland.architectures import MLP

def build(inputs, outputs, width=4):
    return nn.Sequential(nn.Linear(inputs[0], width), nn.ReLU(), nn.Linear(width, outputs))

class Net(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layer = nn.Linear(inputs[0], outputs)
    def forward(self, inputs):
        return self.layer(inputs)

def ours(inputs, outputs):
    return MLP(inputs=inputs[0], hidden=[3], outputs=outputs)

def nothing(inputs, outputs):
    return None

def taken(inputs, outputs):
    network = build(inputs, outputs)
    network.spec = "mine"
    return network

def fails(inputs, outputs):
    return nn.Linear(inputs[0], -1)
"""


@pytest.fixture
def nets(package):
    package.write("theirs.nets", NETS)
    return package


def test_a_function_gets_shape_outputs_and_options(nets):
    spec = custom_spec("theirs.nets:build", inputs=(5,), outputs=2, width=7)
    network = build_network(spec)
    assert network.spec == spec and [tuple(p.shape) for p in network.parameters()] == [(7, 5), (7,), (2, 7), (2,)]


@pytest.mark.parametrize("name", ["Net", "ours"])
def test_a_class_and_a_network_of_the_project_are_taken_too(nets, name):
    spec = custom_spec(f"theirs.nets:{name}", inputs=(5,), outputs=2)
    assert build_network(spec).spec == spec
    assert build_network(spec)(torch.ones(3, 5)).shape == (3, 2)


def test_equal_keys_draw_equal_weights(nets):
    spec = custom_spec("theirs.nets:Net", inputs=(5,), outputs=2)
    one, two, other = (initialised_network(spec, key=(key,)).layer.weight for key in ("a", "a", "b"))
    assert torch.equal(one, two) and not torch.equal(one, other)


@pytest.mark.parametrize(
    "name, message",
    [
        ("nothing", "theirs.nets:nothing returns NoneType; expected a torch.nn.Module"),
        ("taken", "theirs.nets:taken returns a network with an attribute `spec`, which lowland sets; rename yours"),
        ("fails", r"theirs.nets:fails fails with inputs \(5,\), outputs 2: RuntimeError: .*nets.py, line 27"),
        ("gone", "theirs.nets has no gone"),
    ],
)
def test_what_is_no_network_is_one_line(nets, name, message):
    with pytest.raises(LowlandError, match=message):
        build_custom(build=f"theirs.nets:{name}", inputs=(5,), outputs=2, options={})
