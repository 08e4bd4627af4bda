"""Dynamic and weight-only cells from the trained network to the long table and back from their file."""

import pytest
import torch

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets import ModelDataset
from lowland.faults import FlipMapOptions, MemoryFaultOptions
from lowland.grid import CellGroup
from lowland.landscape import LandscapeOptions
from lowland.measurements import KEYS, Cell
from lowland.perturbation import AttackOptions, ImageCorruptionOptions, InputNoiseOptions, SensorFaultOptions
from lowland.pipelines.landscape.nodes import compare_seeds, measure_cell
from lowland.pipelines.perturbation.nodes import map_flips
from lowland.pipelines.quantization.nodes import deploy_float, quantize_as_runtime
from lowland.quantization import DynamicNetwork, Precision
from lowland.robustness import HalfLifeOptions
from lowland.tasks import Samples, build_task
from lowland.tasks.econ import EconOptions
from lowland.tasks.jets import JetsOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.pipelines.disturbing import disturb

TASK = JetsOptions(
    kind="jets", source="file", train_rows=80, validation_rows=80, landscape_rows=80, test_rows=80, hidden=(8,)
)
PRECISIONS = {
    "dyn8": Precision(method="dynamic", weight_bits=8, activation_bits=8),
    "dyn4": Precision(method="dynamic", weight_bits=4, activation_bits=4),
    "dyn8_batch": Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime"),
    "w4": Precision(method="weight_only", weight_bits=4, activation_bits=32),
}
LEVELS = {"counts": (1, 20), "bit_error_rates": (0.1,), "draws": 2}


def cell(name: str, **other: str) -> Cell:
    options = PRECISIONS[name].model_dump(include={"method", "weight_bits", "activation_bits"})
    return Cell(**{"task": "jets", "recipe": "plain", "seed": "s0", "precision": name, **other}, **options)


@pytest.fixture(scope="module")
def subject():
    """Rows of five classes, and a network that tells them apart."""
    source = torch.Generator().manual_seed(0)
    targets = torch.arange(160) % 5
    inputs = torch.randn(5, 16, generator=source)[targets] + 0.7 * torch.randn(160, 16, generator=source)
    network = initialised_network(build_task(TASK).network_spec(), key=("toy",))
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(80):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs), targets).backward()
        optimizer.step()
    return StoredTensors(all_in(Samples(inputs, targets), 16).to_tensors()), StoredModel(network.eval())


@pytest.fixture(scope="module", params=PRECISIONS)
def deployed(request, subject):
    data, trained = subject
    name = request.param
    model, rows = quantize_as_runtime(cell(name), PRECISIONS[name], TASK, data, trained)
    return name, model, rows


def test_cells_are_evaluated_in_their_own_arithmetic(deployed, subject):
    name, _, rows = deployed
    data, trained = subject
    assert set(rows.status) == {"ok"} and not rows.duplicated(list(KEYS)).any()
    _, exact = deploy_float(cell(name), TASK, data, trained)
    found, expected = (
        table[table.split == "test"].set_index("measure")["value"]["accuracy"] for table in (rows, exact)
    )
    assert found == pytest.approx(expected, abs=0.2 if name == "dyn4" else 0.06) and expected > 0.8
    costs = rows[rows.family == "cost"].set_index("measure")["value"]
    weights, biases = 16 * 8 + 8 * 5, 8 + 5
    assert costs["parameters"] == weights + biases
    assert costs["size"] == PRECISIONS[name].weight_bits * weights + 32 * biases
    dependence = rows[rows.measure.isin(("batch_sensitivity", "padding_sensitivity"))]
    assert len(dependence) == (0 if name == "w4" else 4)
    assert (dependence.value == 0).all() or name == "dyn8_batch"


def test_files_give_the_same_network(deployed, subject, tmp_path):
    _, model, _ = deployed
    dataset = ModelDataset(filepath=str(tmp_path / "model.safetensors"))
    dataset.save(model)
    read = dataset.load()
    assert isinstance(read.network, DynamicNetwork)
    inputs = subject[0].tensors["train.inputs"] if "train.inputs" in subject[0].tensors else torch.randn(9, 16)
    assert torch.equal(read.network(inputs), model.network(inputs))
    assert read.network.spec == model.network.spec and read.identity == model.identity


def test_landscapes_need_rows_of_their_own(deployed, subject, caplog):
    name, model, _ = deployed
    rows = measure_cell(cell(name), TASK, LandscapeOptions(**base("landscape", few_rows=20)), subject[0], model)
    pair = CellGroup(cells=(cell(name), cell(name, seed="s1")))
    alike = compare_seeds(pair, TASK, LandscapeOptions(**base("landscape", few_rows=20)), subject[0], model, model)
    if name == "dyn8_batch":
        assert set(rows.status) == set(alike.status) == {"undefined"}
        assert set(alike.reference) == {cell(name, seed="s1").id}
        assert "scales of runtime onnxruntime come from the whole batch" in caplog.text
        return
    values = rows[rows.target == ""].drop_duplicates("measure").set_index("measure")
    assert values.status["hessian_trace"] == "ok" and values.value["hessian_trace"] > 0
    assert alike[(alike.measure == "cka") & (alike.target == "")].value.item() == pytest.approx(1)
    assert not caplog.text


def test_the_map_of_flips_is_that_of_weights_or_undefined_with_the_reason(deployed, subject, caplog):
    name, model, _ = deployed
    options = FlipMapOptions(**base("flip_map", recall_counts=(10,), rows=40))
    rows, flips, plan = map_flips(cell(name), TASK, options, "twos_complement", subject[0], model)
    assert not len(plan)
    if name == "dyn8_batch":
        assert list(rows.status) == ["undefined"] and not len(flips)
        assert "scales of runtime onnxruntime come from the whole batch" in caplog.text
        return
    assert not caplog.text and set(rows.target) == {"weights"}
    known = rows.drop_duplicates("measure").set_index("measure")
    assert known.status["bit_error_slope"] == "ok" and known.value["worst_flip_drop"] > 0
    assert known.status["protected_bits"] == "undefined" and 0 < known.value["ranking_recall"] <= 1
    bits = PRECISIONS[name].weight_bits
    assert list(flips.tensor) == ["layers.0.weight"] * bits + ["layers.2.weight"] * bits
    assert list(flips.num_flips) == [16 * 8] * bits + [8 * 5] * bits and set(flips.num_rows) == {40}


def test_every_disturbance_is_measured(deployed, subject):
    name, model, _ = deployed
    rows = disturb(
        cell(name),
        TASK,
        InputNoiseOptions(kinds=("gaussian",), levels=(30,), draws=2),
        SensorFaultOptions(levels={"gain_drift": (10,)}, draws=2),
        ImageCorruptionOptions.model_validate("none"),
        AttackOptions(kinds=("pgd",), norms=("linf",), levels=(0.5,), num_steps=3, num_restarts=1),
        MemoryFaultOptions(encoding="twos_complement", codes=LEVELS, scales=LEVELS, stuck_at_1=LEVELS),
        HalfLifeOptions(floor="halfway"),
        subject[0],
        model,
    )
    assert set(rows.family) == {"noise", "sensor_fault", "adversarial", "bit_flip"}
    lost = rows[(rows.measure == "accuracy_drop") & (rows.split == "test")].set_index(["condition", "target"])["value"]
    assert lost["pgd_linf", ""].item() > 0.05  # gradients pass the roundings
    assert {target for _, target in lost.index} == {"", "scales"}
    assert lost["bit_error_rate", ""].item() > 0.1


def test_what_is_not_deployed_is_neither_coded_nor_counted():
    sizes = dict.fromkeys(("train_rows", "validation_rows", "landscape_rows", "test_rows", "shifted_rows"), 20)
    econ = EconOptions(kind="econ", source="simulated", filters=2, latent=4, **sizes)
    source = torch.Generator().manual_seed(1)
    rows = Samples(torch.rand(20, 1, 8, 8, generator=source), torch.rand(20, 48, generator=source) + 0.1)
    data = StoredTensors(all_in(rows, (1, 8, 8)).to_tensors())
    trained = StoredModel(initialised_network(build_task(econ).network_spec(), key=("econ", 0)).eval())
    model, found = quantize_as_runtime(cell("dyn8_batch"), PRECISIONS["dyn8_batch"], econ, data, trained)
    _, exact = deploy_float(cell("dyn8_batch"), econ, data, trained)
    assert {name for name, _ in model.network.coded_layers()} == {"layers.encoder.0", "layers.encoder.3"}
    layers = dict(model.network.network.named_modules())
    coded, floats = (layers[f"layers.encoder.{place}"].weight.numel() for place in (0, 3))
    assert set(found.weight_bits) == {8} and set(found.activation_bits) == {8} and coded and floats
    linear_only, rows_of_it = quantize_as_runtime(cell("dyn4"), PRECISIONS["dyn4"], econ, data, trained)
    ((name, _),) = linear_only.network.coded_layers()
    width = (4 * floats + 32 * coded) / (coded + floats)
    assert (
        name == "layers.encoder.3" and set(rows_of_it.weight_bits) == {width} and set(rows_of_it.activation_bits) == {4}
    )
    parameters = [table.set_index("measure")["value"]["parameters"] for table in (found, exact)]
    assert parameters[0] == parameters[1]
    diverged = StoredModel(trained.network, "non_finite")
    _, missing = quantize_as_runtime(cell("dyn8_batch"), PRECISIONS["dyn8_batch"], econ, data, diverged)
    assert set(missing.status) == {"non_finite"}
