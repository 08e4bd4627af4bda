import pytest
import torch

from lowland.architectures import build_network, initialised_network
from lowland.errors import LowlandError

SPEC = {"inputs": 3, "hidden": 4, "outputs": 2}


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_series_rebuilds_itself_and_may_come_in_one_row(kind):
    network = initialised_network({"kind": kind, "places": 5, **SPEC}, key=("series", 0))
    again = build_network(network.spec)
    again.load_state_dict(network.state_dict())
    rows = torch.randn(6, 15, generator=torch.Generator().manual_seed(0))
    assert network(rows).shape == (6, 2) and torch.equal(again(rows), network(rows))
    apart = build_network({**network.spec, "places": None})
    apart.load_state_dict(network.state_dict())
    assert torch.equal(apart(rows.reshape(6, 5, 3)), network(rows))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_text_is_read_alike_however_long_its_padding_is(kind):
    network = initialised_network({"kind": kind, "tokens": 7, **SPEC}, key=("text", 0))
    text = torch.randint(1, 7, (6, 4), generator=torch.Generator().manual_seed(0))
    padding = torch.zeros(6, 3, dtype=torch.int64)
    expected = network(text)
    for padded in (torch.cat([text, padding], 1), torch.cat([padding, text], 1)):
        torch.testing.assert_close(network(padded), expected, rtol=0, atol=1e-6)
        assert torch.equal(network(padded.float()), network(padded))
    assert not torch.allclose(network(text.flip(1)), expected)


def test_places_and_tokens_together_are_refused():
    with pytest.raises(LowlandError, match="network gru has places 4 and tokens 7; expected places for series"):
        build_network({"kind": "gru", "places": 4, "tokens": 7, **SPEC})
