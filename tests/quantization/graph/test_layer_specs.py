from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.attention import DotProductAttention
from lowland.quantization.graph.layer_specs import LAYERS, layer_from_spec, layer_spec

EXAMPLES: list[nn.Module] = [
    nn.Linear(3, 2, bias=False),
    nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2),
    nn.Conv2d(2, 4, (3, 2), padding="same", bias=False),
    nn.ConvTranspose1d(2, 1, 3, stride=2, output_padding=1),
    nn.ConvTranspose2d(2, 4, 3, stride=(2, 3), groups=2),
    nn.BatchNorm1d(3, eps=0.1, affine=False),
    nn.BatchNorm2d(3, momentum=None),
    nn.MaxPool1d(2, padding=1),
    nn.MaxPool2d((2, 3), ceil_mode=True),
    nn.AvgPool1d(3, stride=1),
    nn.AvgPool2d(2, count_include_pad=False),
    nn.Flatten(2),
    nn.Unflatten(1, (2, 3)),
    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    nn.Dropout(0.3),
    nn.Identity(),
    nn.ReLU(),
    nn.LeakyReLU(0.3),
    nn.Hardtanh(-2, 2),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.GELU("tanh"),
    nn.Softplus(2),
    Affine(3, dim=-3, bias=False),
    nn.LayerNorm((2, 3), eps=0.1, bias=False),
    nn.GroupNorm(2, 4, affine=False),
    nn.InstanceNorm1d(3, affine=True),
    nn.InstanceNorm2d(3),
    nn.RMSNorm(4),
    nn.Softmax(-1),
    nn.LogSoftmax(1),
    nn.MultiheadAttention(4, 2, bias=False, kdim=3, batch_first=True),
    DotProductAttention(is_causal=True, scale=0.3),
]


def test_every_kind_has_an_example() -> None:
    assert {type(layer) for layer in EXAMPLES} == {layer_type for layer_type, _ in LAYERS.values()}


@pytest.mark.parametrize("layer", [*EXAMPLES, nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))], ids=str)
def test_layers_are_rebuilt_from_json(layer: nn.Module) -> None:
    spec = layer_spec(layer)
    state = torch.get_rng_state()
    again = layer_from_spec(json.loads(json.dumps(spec)))
    assert torch.equal(torch.get_rng_state(), state)
    again.load_state_dict(layer.state_dict(), assign=True)
    assert type(again) is type(layer) and layer_spec(again) == spec
    assert all(torch.equal(tensor, layer.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_others_are_refused() -> None:
    with pytest.raises(LowlandError, match=r"LSTM\(2, 2\) cannot be rebuilt from a spec; expected .* of linear, "):
        layer_spec(nn.Sequential(nn.LSTM(2, 2)))
    with pytest.raises(LowlandError, match="convolutions padded with zeros"):
        layer_spec(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"))
    with pytest.raises(LowlandError, match="attention without add_bias_kv"):
        layer_spec(nn.MultiheadAttention(4, 2, add_bias_kv=True))
    with pytest.raises(LowlandError, match="layer kind is 'magic'; expected one of linear, "):
        layer_from_spec({"kind": "magic"})
