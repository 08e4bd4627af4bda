import pytest
import torch
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from lowland.architectures.build import build_network
from lowland.quantization import Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.randomness import generator
from lowland.tasks import build_task
from lowland.tasks.plane import POINTS, PlaneOptions

SIZES = {"train_rows": 300, "validation_rows": 60, "landscape_rows": 60, "test_rows": 100}


def _options(**other):
    return PlaneOptions(**{"kind": "plane", "points": "moons"} | SIZES | other)


@pytest.mark.parametrize("points", POINTS)
def test_sets_are_standardised_balanced_and_always_the_same(points):
    task = build_task(_options(points=points))
    raw = task.fetch()
    task.check(raw, "tasks.plane")
    assert raw.equals(build_task(_options(points=points)).fetch())
    splits = task.prepare(raw)
    assert {part: len(rows.inputs) for part, rows in splits.items()} == {
        "train": 300,
        "validation": 60,
        "landscape": 60,
        "selection": 50,
        "test": 50,
    }
    assert splits["train"].inputs.mean(dim=0).abs().max() < 1e-5
    assert splits["train"].targets.bincount().tolist() == [150, 150]


@pytest.mark.parametrize("points", POINTS)
def test_classes_can_be_told_apart_by_neighbours_and_only_some_by_a_line(points):
    places, labels = POINTS[points](1000, 0.1, generator("plane", "test", points))
    line = LogisticRegression(C=1e3).fit(places[:500], labels[:500]).score(places[500:], labels[500:])
    near = KNeighborsClassifier(5).fit(places[:500], labels[:500]).score(places[500:], labels[500:])
    assert near > 0.96
    assert {"separable": line == 1.0, "circles": line < 0.7, "moons": 0.8 < line < 0.95, "banana": 0.8 < line < 0.95}[
        points
    ]


def test_an_empty_strip_lies_between_separable_classes():
    places, labels = POINTS["separable"](500, 0.3, generator("plane", "strip"))
    across = (places @ [1.0, 1.0]) / 2**0.5
    assert across[labels == 0].max() <= -0.25 and across[labels == 1].min() >= 0.25


@pytest.mark.parametrize("activation", ["relu", "linear", "leaky_relu", "hardtanh"])
def test_every_activation_trains_and_is_deployed_as_it_is(activation):
    task = build_task(_options(activation=activation, hidden=(8, 8)))
    splits = task.prepare(task.fetch())
    torch.manual_seed(0)
    network = build_network(task.network_spec())
    assert build_network(network.spec).spec == network.spec
    rows = splits["train"]
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(network(rows.inputs), rows.targets).backward()
        optimizer.step()
    network.eval()
    assert float(task.sample_scores(network(splits["test"].inputs), splits["test"].targets).mean()) > 0.8
    precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
    quantized = calibrate(build_quantized(network, precision, input_bits=8), rows.inputs)
    deployed = freeze(quantized)
    held_out = splits["test"].inputs
    check = deployment_check(quantized, deployed, held_out)
    assert check.decisions_changed == 0
    same = deployed(held_out).argmax(1) == network(held_out).argmax(1)
    assert float(same.float().mean()) > 0.95


def test_networks_with_relu_keep_their_spec():
    spec = build_task(_options()).network_spec()
    assert spec == {"kind": "mlp", "inputs": 2, "hidden": [16, 16], "outputs": 2}
    assert "activation" in build_task(_options(activation="hardtanh")).network_spec()


@pytest.mark.parametrize("wrong", [{"points": "stars"}, {"spread": 0.0}, {"hidden": ()}, {"activation": "gelu"}])
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        _options(**wrong)
