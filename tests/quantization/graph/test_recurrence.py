"""What recurrent layers and embeddings mean in traced networks, in float, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from lowland.coding.padded_recurrence import PaddedRecurrence
from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.placement import placed
from lowland.quantization.graph.recurrence import Recurrence
from lowland.quantization.graph.trace import traced


class Net(nn.Module):
    """A recurrent layer and what is done with its results."""

    def __init__(self, layer: nn.Module, after: Callable[[Any], Tensor], *, width: int = 4) -> None:
        super().__init__()
        self.rnn, self.after, self.head = layer, after, nn.Linear(width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.after(self.rnn(inputs)))


def net(layer: nn.Module, after: Callable[[Any], Tensor], **options: int) -> Net:
    torch.manual_seed(0)
    return Net(layer, after, **options).eval()


ROWS = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(0))
CELLS = [nn.LSTM, nn.GRU]
USES: dict[str, Callable[[Any], Tensor]] = {
    "all": lambda result: result[0],
    "place": lambda result: result[0][:, -1],
    "mean": lambda result: result[0].mean(dim=1),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_the_body_computes_what_torch_does(cell: type[nn.LSTM | nn.GRU], bias: bool, use: str) -> None:
    network = net(cell(3, 4, batch_first=True, bias=bias), USES[use])
    torch.testing.assert_close(traced(network, example=ROWS)(ROWS), network(ROWS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "pick", [lambda h: h[-1], lambda h: h[0], lambda h: h.squeeze(0), lambda h: h[-1, :, :], lambda h: h[0][:, 1:]]
)
def test_last_states_are_picked_by_their_place(pick: Callable[[Any], Tensor]) -> None:
    width = pick(torch.zeros(1, 2, 4)).shape[1]
    for layer, after in (
        (nn.LSTM(3, 4, batch_first=True), lambda result: pick(result[1][0])),
        (nn.GRU(3, 4, batch_first=True), lambda result: pick(result[1])),
    ):
        network = net(layer, after, width=width)
        torch.testing.assert_close(traced(network, example=ROWS)(ROWS), network(ROWS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_layers_and_directions_are_scans_of_their_own(cell: type[nn.LSTM | nn.GRU]) -> None:
    layer = cell(3, 4, num_layers=2, bidirectional=True, batch_first=True, dropout=0.5)

    def after(result: Any) -> Tensor:
        out, h = result
        h = h[0] if cell is nn.LSTM else h
        return torch.cat([out[:, 2], h[-1], h[1]], dim=1)

    network = net(layer, after, width=16)
    graph = traced(network, example=ROWS)
    torch.testing.assert_close(graph(ROWS), network(ROWS), rtol=1e-5, atol=1e-6)
    scans = [node.name for node in graph.nodes.values() if isinstance(node.layer, Recurrence)]
    assert scans == ["rnn_l0", "rnn_l0_reverse", "rnn_l1", "rnn_l1_reverse"]


def test_weights_are_those_that_the_layer_computes_with() -> None:
    pruned = nn.LSTM(3, 4, batch_first=True)
    parametrized = nn.GRU(3, 4, batch_first=True)

    class Halved(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight / 2

    parametrize.register_parametrization(parametrized, "weight_hh_l0", Halved())
    network = net(parametrized, USES["place"])
    torch.testing.assert_close(traced(network, example=ROWS)(ROWS), network(ROWS), rtol=1e-5, atol=1e-6)
    prune.l1_unstructured(pruned, "weight_hh_l0", amount=0.5)
    network = net(pruned, USES["place"])
    graph = traced(network, example=ROWS)
    (scan,) = (node.layer for node in graph.nodes.values() if isinstance(node.layer, Recurrence))
    assert torch.equal(scan.body["hidden"].weight, pruned.weight_hh_l0)
    assert torch.equal(scan.body["hidden"].weight_mask, pruned.weight_hh_l0_mask)


class Text(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(8, 3, padding_idx=0, **options)
        self.rnn = PaddedRecurrence(nn.GRU(3, 4, batch_first=True))
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.rnn(self.embedding(inputs.long()), inputs)[:, -1])


def test_tokens_come_into_a_network_as_they_are() -> None:
    torch.manual_seed(0)
    network = Text()
    tokens = torch.randint(0, 8, (20, 6))
    graph = traced(network, example=tokens)
    torch.testing.assert_close(graph(tokens), network(tokens), rtol=1e-5, atol=1e-6)
    placement = placed(graph, input_signed=True, per_channel=False)
    assert [node.role for node in placement.nodes] == ["embedding", "scan", "passing", "weighted"]
    assert placement.nodes[1].inputs == ("embedding", "inputs")


def refusals() -> dict[str, tuple[nn.Module, str]]:
    last = USES["place"]
    lstm = nn.LSTM(3, 4, batch_first=True)

    class Started(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.rnn(inputs, inputs[:, :1])[0][:, -1])

    class Mixed(Text):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + inputs[:, :2]

    class Computed(Text):
        def forward(self, inputs: Tensor) -> Tensor:
            return self.head(self.rnn(self.embedding(inputs), inputs * 2)[:, -1])

    class Late(Text):
        def forward(self, inputs: Tensor) -> Tensor:
            return self.embedding(self.head(inputs).long()).mean(1)

    return {
        "rows second": (net(nn.LSTM(3, 4), last), "has rows second or projections; expected batch_first=True"),
        "projection": (
            net(nn.LSTM(3, 4, batch_first=True, proj_size=2), last, width=2),
            "expected batch_first=True and",
        ),
        "first state": (Started(nn.GRU(3, 4, batch_first=True), last), "is given its first state; expected none"),
        "cell state": (
            net(lstm, lambda result: result[1][1][-1]),
            "hands on its cell state; expected its hidden states",
        ),
        "all states": (net(lstm, lambda result: result[1][0].mean(0)), "all last states at once; expected one of them"),
        "cell": (net(nn.GRUCell(3, 4), lambda result: result), "GRU runs over whole sequences"),
        "rnn": (net(nn.RNN(3, 4, batch_first=True), last), "LSTM and GRU are supported"),
        "both": (Mixed(), "takes inputs for numbers that an embedding takes for tokens"),
        "renormalised": (Text(max_norm=1.0), "changes its weights when it is called; expected max_norm=None"),
        "marks": (Computed(), "tells padding by computed values; expected the network's own inputs"),
        "rounded": (Late(), "cuts computed values down to whole numbers"),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_cannot_be_a_scan_is_refused_by_name(name: str) -> None:
    network, message = refusals()[name]
    example = None if isinstance(network, Text) else ROWS
    with pytest.raises(LowlandError, match=message) as refused:
        placed(traced(network.eval(), example=example), input_signed=True, per_channel=False)
    assert "\n" not in str(refused.value)
