"""Maps of networks with float or dynamic activations, against flips that are applied and measured one by one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.faults import (
    Flips,
    MapSamples,
    apply_flips,
    computed_flips,
    dynamic_map,
    measure_code_vulnerability,
)
from lowland.quantization import Precision, quantize_dynamically
from tests.faults.test_vulnerability import OPTIONS, Classes, numbers

BITS = 4
PRECISIONS = {
    "dynamic": Precision(method="dynamic", weight_bits=BITS, activation_bits=8),
    "weight_only": Precision(method="weight_only", weight_bits=BITS, activation_bits=32),
    "row_by_row": Precision(method="dynamic", weight_bits=BITS, activation_bits=8, runtime="onnxruntime", batch_rows=1),
}


class Net(nn.Module):
    """Two coded layers around a layer norm, which stays float."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 5), nn.LayerNorm(5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.last(torch.relu(self.norm(self.first(inputs))))


def deployed(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Net().eval()
    return quantize_dynamically(network, PRECISIONS[name])


def rows(count, seed):
    inputs = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()


def losses(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none")


@pytest.mark.parametrize("encoding", ["twos_complement", "offset_binary"])
@pytest.mark.parametrize("name", PRECISIONS)
def test_every_flip_is_what_applying_it_gives(name, encoding):
    network, (inputs, targets) = deployed(name), rows(11, 3)
    batches = [(inputs[:6], targets[:6]), (inputs[6:], targets[6:])]
    found = computed_flips(network, losses, batches, encoding=encoding)
    assert {n: tuple(v.shape) for n, v in found.metric.items()} == {
        "first.weight": (5, 4, BITS),
        "last.weight": (3, 5, BITS),
    }
    clean = torch.cat([losses(network(x), y) for x, y in batches]).double()
    drops = torch.zeros(11, dtype=torch.float64)
    for tensor, values in found.metric.items():
        for element in range(values[..., 0].numel()):
            for bit in range(BITS):
                flips = Flips({tensor: (torch.tensor([element]), torch.tensor([bit]))})
                flipped = apply_flips(network, flips, encoding=encoding)
                after = torch.cat([losses(flipped(x), y) for x, y in batches]).double()
                assert torch.equal(values.flatten(0, -2)[element, bit], after.mean())
                drops += clean - after
    torch.testing.assert_close(found.sample_drops, drops)
    chosen = Flips({"last.weight": (torch.tensor([14, 2]), torch.tensor([3, 0]))})
    some = computed_flips(network, losses, batches, encoding=encoding, flips=chosen)
    expected = found.metric["last.weight"].flatten(0, -2)[torch.tensor([14, 2]), torch.tensor([3, 0])]
    assert list(some.metric) == ["last.weight"] and torch.equal(some.metric["last.weight"], expected)


def test_the_network_is_left_as_it_came():
    network = deployed("dynamic")
    before = {name: stored.values.clone() for name, stored in network.words.items()}
    computed_flips(network, losses, [rows(5, 1)])
    assert all(torch.equal(stored.values, before[name]) for name, stored in network.words.items())


def test_what_has_no_answer_is_refused():
    batch = Precision(method="dynamic", weight_bits=4, activation_bits=8, runtime="onnxruntime")
    network = quantize_dynamically(Net().eval(), batch)
    with pytest.raises(LowlandError, match="'onnxruntime' scales come from the whole batch"):
        computed_flips(network, losses, [rows(5, 1)])
    with pytest.raises(LowlandError, match=r"flips name tensor 'norm.weight'; expected one of first.weight, last"):
        computed_flips(
            deployed("dynamic"),
            losses,
            [rows(5, 1)],
            flips=Flips({"norm.weight": (torch.tensor([0]), torch.tensor([0]))}),
        )
    with pytest.raises(LowlandError, match="got no samples"):
        computed_flips(deployed("dynamic"), losses, [])


def test_slope_worst_flip_and_ceiling_are_those_of_the_map(monkeypatch):
    network = deployed("weight_only")
    inputs, targets = rows(80, 5)
    samples = MapSamples([(inputs[:40], targets[:40]), (inputs[40:], targets[40:])], known=[])
    options = OPTIONS.model_copy(update={"standard_error": 0.9})
    found = measure_code_vulnerability(network, Classes(), samples, options=options)
    scores = computed_flips(network, Classes.sample_scores, samples.measured)
    by_loss = computed_flips(network, losses, samples.measured)
    (slope,), (worst,) = numbers(found, "bit_error_slope").values(), numbers(found, "worst_flip_drop").values()
    (rise,) = numbers(found, "bit_error_loss_slope").values()
    assert slope.value == pytest.approx(float(scores.sample_drops.mean())) and slope.num_samples == 80
    assert rise.value == pytest.approx(-float(by_loss.sample_drops.mean())) and rise.status == "ok"
    lowest = min(float(values.min()) for values in scores.metric.values())
    assert worst.value == pytest.approx(float(found.clean[0]) - lowest) and worst.value > 0
    assert {row.target for row in found.measurements()} == {"weights"}
    assert set(found.recalls) == {("truth_elsewhere", 5), ("truth_elsewhere", 50)} and found.plan_columns() == {}
    (missing,) = numbers(found, "protected_bits").values()
    assert missing.status == "undefined" and found.bit_columns()["tensor"] == ["first.weight"] * 4 + ["last.weight"] * 4
    monkeypatch.setattr(dynamic_map, "COMPUTED_FLIPS", 60)
    sampled = measure_code_vulnerability(network, Classes(), samples, options=options)
    (estimated,) = numbers(sampled, "bit_error_slope").values()
    assert 60 <= sum(sampled.bit_columns()["num_flips"]) < 140
    assert estimated.standard_error > slope.standard_error
    assert abs(estimated.value - slope.value) < 4 * estimated.standard_error
