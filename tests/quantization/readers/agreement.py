"""How a network that was read in agrees with its own integers."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.quantization import IntegerNetwork


@torch.no_grad()
def codes_apart(network: IntegerNetwork, inputs: Tensor) -> tuple[float, int]:
    """Share of rows with an activation code that integers have and floats do not, and how far the furthest is."""
    floats, integers = network.float_values(inputs), network.integer_values(inputs)
    distances = torch.cat(
        [
            ((floats[name] / scale).round().to(torch.int64) - integers[name]).abs().flatten(1)
            for name, scale in network.activation_scales.items()
        ],
        dim=1,
    )
    return float((distances.amax(1) > 0).double().mean()), int(distances.max())


@torch.no_grad()
def check_agrees(network: IntegerNetwork, expected: Tensor, inputs: Tensor) -> None:
    """The outputs are the model's, on floats and on integers, and the network comes back from its spec."""
    spread = float(expected.max() - expected.min())
    assert spread > 0
    assert float((network(inputs) - expected).abs().max()) <= 1e-5 * spread
    share, furthest = codes_apart(network, inputs)
    assert share <= 1e-3 and furthest <= 1
    integers = network.forward_integer(inputs)
    assert integers.dtype == torch.int64
    assert torch.equal(network.deployed_outputs(inputs), network.scaled(integers))
    apart = (network.scaled(integers) - expected).abs().flatten(1).amax(1) > 1e-5 * spread
    assert float(apart.double().mean()) <= 1e-3
    first, second = expected.topk(2, dim=1).values.unbind(1)
    clear = (first - second > 1e-5 * spread) & ~apart
    assert bool(clear.any())
    assert torch.equal(network.scaled(integers).argmax(1)[clear], expected.argmax(1)[clear])
    again = IntegerNetwork.from_spec(network.spec)
    again.load_state_dict(network.state_dict(), assign=True)
    assert torch.equal(again.forward_integer(inputs), integers)
    assert torch.allclose(network.dequantized()(inputs), network(inputs), atol=1e-5 * spread)
