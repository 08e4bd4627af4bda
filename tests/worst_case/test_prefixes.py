"""What is kept between policies never changes an output."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lowland.architectures import LeNet5, ResNet8
from lowland.quantization import Precision, quantize_dynamically
from lowland.worst_case import PolicyProblem, PolicySubject
from lowland.worst_case.policies import static_chooser

DYNAMIC = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="litert")
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))


class Branched(nn.Module):
    """A skip, a concatenation, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(12, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(self.first(inputs))
        skip = hidden + self.second(hidden)
        return self.last(torch.cat([skip, self.second(torch.relu(skip))], dim=1))


class InPlace(nn.Module):
    """Overwrites what it has computed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.first(inputs)
        hidden += 1.0
        return self.second(hidden.relu_())


class OfItsValues(nn.Module):
    """Its way depends on values, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.first(inputs)
        return self.second(hidden if hidden.sum() > 0 else -hidden)


def networks() -> dict[str, tuple[nn.Module, Tensor]]:
    torch.manual_seed(3)
    return {
        "branched": (Branched(), VECTORS),
        "in place": (InPlace(), VECTORS),
        "relu in place": (nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)), VECTORS),
        "of its values": (OfItsValues(), VECTORS),
        "lenet5": (LeNet5(inputs=(1, 8, 8), outputs=4), IMAGES),
        "resnet8": (ResNet8(inputs=(1, 8, 8), outputs=4, width=4), IMAGES),
    }


@pytest.mark.parametrize("name", list(networks()))
@pytest.mark.parametrize("dynamic", [True, False])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_outputs_are_those_of_a_whole_forward(name: str, dynamic: bool, data: st.DataObject) -> None:
    network, inputs = networks()[name]
    if dynamic:
        network = quantize_dynamically(network, DYNAMIC)
    subject = PolicySubject(network, inputs)
    problem = PolicyProblem(subject, inputs, None)
    for _ in range(6):
        widths = tuple(data.draw(st.sampled_from((2, 4, 8))) for _ in subject.layers)
        assert torch.equal(problem.outputs(widths), subject(inputs, static_chooser(widths)))


def test_of_two_policies_the_common_beginning_is_computed_once() -> None:
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    subject = PolicySubject(network, VECTORS)
    problem = PolicyProblem(subject, VECTORS, None)
    problem.outputs((4, 4, 4))
    calls: list[int] = []
    for number, point in enumerate(subject.points):
        point.register_forward_hook(lambda *_, number=number: calls.append(number))
    problem.outputs((4, 4, 2))
    assert calls == [2]
    problem.outputs((4, 4, 4))
    assert calls == [2]
    problem.outputs((4, 8, 4))
    assert calls == [2, 1, 2]


def test_values_that_were_not_asked_for_the_longest_make_room() -> None:
    network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    subject = PolicySubject(network, VECTORS)
    prefixes = subject.prefixes(VECTORS, most_bytes=400)
    assert prefixes is not None
    for widths in ((2, 2), (4, 4), (6, 6), (2, 2)):
        with subject.choosing(static_chooser(widths)):
            assert torch.equal(prefixes.outputs(widths), subject(VECTORS, static_chooser(widths)))
        assert prefixes.held <= 400
