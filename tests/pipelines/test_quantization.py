"""What a precision asks for reaches the deployed network."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.errors import LowlandError
from lowland.grid import Run
from lowland.measurements import Cell
from lowland.pipelines.quantization import nodes
from lowland.pipelines.quantization.nodes import (
    deploy_float,
    fine_tune_float,
    fine_tune_quantized,
    quantize_after_training,
)
from lowland.quantization import Precision, QuantizationOptions, build_quantized, calibrate, deployment_check, freeze
from lowland.tasks import Samples, build_task
from lowland.tasks.econ import EconOptions
from lowland.tasks.jets import JetsOptions
from lowland.training import Recipe, TrainingPlan
from tests.made_splits import all_in, splits_of

CELL = Cell(task="jets", recipe="plain", seed="s0", precision="ptq4", method="ptq", weight_bits=4, activation_bits=4)
TASK = JetsOptions(
    kind="jets", source="file", train_rows=64, validation_rows=64, landscape_rows=64, test_rows=64, hidden=(4,)
)
OPTIONS = QuantizationOptions(input_bits=8, calibration_rows=50)


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5))


def deployed(precision: Precision, inputs: Tensor):
    rows = Samples(inputs, torch.arange(len(inputs)) % 5)
    data = StoredTensors(all_in(rows, 16).to_tensors())
    model, measured = quantize_after_training(CELL, precision, OPTIONS, TASK, data, StoredModel(network()))
    assert set(measured["status"]) == {"ok"}
    return model.network, measured.set_index("measure")["value"]


@pytest.mark.parametrize("signed", [True, False])
def test_inputs_have_a_sign_if_calibration_rows_do(signed):
    inputs = torch.rand(64, 16, generator=torch.Generator().manual_seed(1)) - (0.5 if signed else 0.0)
    integer, _ = deployed(Precision(method="ptq", weight_bits=4, activation_bits=4), inputs)
    assert integer.spec["steps"][0] == {"kind": "quantize", "name": "input", "inputs": ["inputs"], "bits": 8,
                                        "signed": signed, "tensors": {"scale": "steps.input.scale"}}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"calibration": "max"},
        {"calibration": "percentile", "percentile": 90.0},
        {"bias_correction": True},
        {"equalization": True},
        {"layer_bits": {"0": {"weights": 6}}},
        {"activations": "asymmetric"},
        {"scale": "power_of_two"},
        {"per_channel": True},
    ],
)
def test_options_of_a_precision_are_followed(options):
    inputs = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    plain = Precision(method="ptq", weight_bits=4, activation_bits=4)
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4, **options)
    found = deployed(precision, inputs)[0].state_dict()
    expected = freeze(calibrate(build_quantized(network(), precision, input_bits=8), inputs[:50])).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    other = deployed(plain, inputs)[0].state_dict()
    assert any(not torch.equal(found[name], other[name]) for name in found)


def test_rows_have_the_average_widths_of_the_network():
    rows = Samples(torch.randn(64, 16, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 5)
    data = StoredTensors(all_in(rows, 16).to_tensors())
    for policy, weights, activations in (
        ({}, 4, 4),
        ({"*": {"weights": 5, "activations": 3}}, 5, 3),
        ({"0": {"weights": 6}, "1": {"activations": 7}}, (6 * 128 + 4 * 40) / 168, 7),
    ):
        precision = Precision(method="ptq", weight_bits=4, activation_bits=4, layer_bits=policy)
        _, measured = quantize_after_training(CELL, precision, OPTIONS, TASK, data, StoredModel(network()))
        assert set(measured["weight_bits"]) == {weights} and set(measured["activation_bits"]) == {activations}
        assert measured["weight_bits"].dtype == ("int64" if weights == int(weights) else "float64")


def test_a_pattern_without_a_layer_fails_the_cell_by_name():
    inputs = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4, layer_bits={"3": {"weights": 6}})
    with pytest.raises(LowlandError, match=r"layer_bits has weights for '3', .* expected a pattern of: 0, 2$"):
        deployed(precision, inputs)


def test_what_integers_decide_otherwise_is_measured(monkeypatch):
    inputs = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    seen = []

    def noting(*subjects, **options):
        seen.append(deployment_check(*subjects, **options)._replace(integer_decisions=0.25))
        return seen[-1]

    monkeypatch.setattr(nodes, "deployment_check", noting)
    _, measured = deployed(Precision(method="ptq", weight_bits=4, activation_bits=4), inputs)
    assert measured["integer_decision_rate"] == 0.25
    assert measured["integer_mismatch_rate"] == seen[0].integer_samples


def test_the_float_cell_counts_what_its_quantized_twin_stores():
    """The decoder stays float in either, off the detector."""
    sizes = dict.fromkeys(("train_rows", "validation_rows", "landscape_rows", "test_rows", "shifted_rows"), 20)
    econ = EconOptions(kind="econ", source="simulated", filters=2, latent=4, **sizes)
    charges = torch.rand(20, 48, generator=torch.Generator().manual_seed(1)) + 0.1
    rows = Samples(torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0)), charges)
    data = StoredTensors(all_in(rows, (1, 8, 8)).to_tensors())
    trained = StoredModel(initialised_network(build_task(econ).network_spec(), key=("econ", 0)).eval())
    _, measured = deploy_float(CELL, econ, data, trained)
    found = measured[measured.family == "cost"].set_index("measure")["value"]
    model, deployed_rows = quantize_after_training(
        CELL, Precision(method="ptq", weight_bits=4, activation_bits=4), OPTIONS, econ, data, trained
    )
    assert "integer_decision_rate" not in set(deployed_rows["measure"])  # nothing is decided
    codes = sum(code.numel() for code in model.network.codes.values())
    assert found["parameters"] == codes < sum(p.numel() for p in trained.network.parameters())
    assert found["size"] == 32 * codes


def test_a_shifted_set_is_shifted_data_whatever_its_name_means_elsewhere():
    """Looked up among the task's own sets, not among what every study does."""
    sizes = dict.fromkeys(("train_rows", "validation_rows", "landscape_rows", "test_rows", "shifted_rows"), 20)
    simulated = EconOptions(kind="econ", source="simulated", filters=2, latent=4, **sizes)
    named = {"source": "file", "path": Path("a.csv"), "shifted": {"gaussian": Path("b.csv")}}
    econ = simulated.model_copy(update=named)  # unchecked: the options refuse such a name
    source = torch.Generator().manual_seed(1)
    rows = Samples(torch.rand(20, 1, 8, 8, generator=source), torch.rand(20, 48, generator=source) + 0.1)
    splits = all_in(rows, (1, 8, 8))
    splits.shifted["gaussian"] = splits.held_out
    trained = StoredModel(initialised_network(build_task(econ).network_spec(), key=("econ", 0)).eval())
    _, measured = deploy_float(CELL, econ, StoredTensors(splits.to_tensors()), trained)
    assert set(measured.family[measured.condition == "gaussian"]) == {"shift"}


def test_every_cell_tells_its_gain_over_the_guess_and_its_validation_score():
    source = torch.Generator().manual_seed(2)
    sets = [
        Samples(torch.randn(64, 16, generator=source), torch.randint(0, 5, (64,), generator=source)) for _ in range(3)
    ]
    splits = splits_of(sets[0], sets[1], sets[2], sets[2], torch.zeros(16))
    data, task = StoredTensors(splits.to_tensors()), build_task(TASK)
    trained = StoredModel(initialised_network(task.network_spec(), key=("toy",)).eval())
    ptq = Precision(method="ptq", weight_bits=4, activation_bits=4)
    for model, measured in (
        deploy_float(CELL, TASK, data, trained),
        quantize_after_training(CELL, ptq, OPTIONS, TASK, data, trained),
    ):
        rows = measured[measured.family == "performance"].set_index(["measure", "split"])
        scores = {}
        for name in ("selection", "test", "validation"):
            part = splits[name]
            scores[name] = task.sample_scores(model.network(part.inputs).detach(), part.targets).double()
            assert rows.value["accuracy", name] == pytest.approx(float(scores[name].mean()))
        loss = task.loss(model.network(splits["validation"].inputs).detach(), splits["validation"].targets)
        assert rows.value["loss", "validation"] == pytest.approx(float(loss), rel=1e-5)
        commonest = int(splits["train"].targets.bincount().argmax())
        gains = scores["test"] - (splits["test"].targets == commonest).double()
        assert rows.value["gain_over_guess", "test"] == pytest.approx(float(gains.mean()))
        assert rows.standard_error["gain_over_guess", "test"] == pytest.approx(float(gains.std() / len(gains) ** 0.5))
        assert ("gain_over_guess", "validation") not in rows.index


def test_what_diverged_is_a_status_and_never_reaches_the_quantizers():
    """NaN weights are refused by the library; here they are a row of the table."""
    rows = Samples(torch.randn(64, 16, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 5)
    data = StoredTensors(all_in(rows, 16).to_tensors())
    precision = Precision(method="qat", weight_bits=4, activation_bits=4)
    broken = network()
    with torch.no_grad():
        broken[0].weight.fill_(float("nan"))
    _, measured = quantize_after_training(CELL, precision, OPTIONS, TASK, data, StoredModel(broken, "non_finite"))
    assert set(measured["status"]) == {"non_finite"}
    run = Run(task="jets", recipe="plain", seed="s0", number=0)
    plan = TrainingPlan(epochs=2, batch_size=32, learning_rate=1e30, schedule="constant")
    recipe = Recipe.model_validate({"kind": "plain"})
    _, curves, measured = fine_tune_quantized(
        CELL, run, recipe, precision, OPTIONS, plan, "cpu", TASK, data, StoredModel(network())
    )
    assert len(curves) and set(measured["status"]) == {"non_finite"}


def tuned(node, method: str, *, fake_float: bool = False, plan: TrainingPlan | None = None):
    """What a fine-tuning node makes of the network at 4 bits."""
    bits = 32 if method == "float" else 4
    inputs = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    rows = Samples(inputs, (inputs[:, :5]).argmax(1))
    cell = CELL.model_copy(update={"method": method, "weight_bits": bits, "activation_bits": bits})
    precision = Precision(
        method=method, weight_bits=bits, activation_bits=bits, fine_tuned=method != "qat", fake_float=fake_float
    )
    run = Run(task="jets", recipe="plain", seed="s0", number=0)
    plan = plan or TrainingPlan(epochs=3, batch_size=16, learning_rate=0.01, schedule="constant")
    recipe, data = Recipe.model_validate({"kind": "plain"}), StoredTensors(all_in(rows, 16).to_tensors())
    return rows, node(cell, run, recipe, precision, OPTIONS, plan, "cpu", TASK, data, StoredModel(network()))


def test_the_control_is_fine_tuned_as_long_without_quantizers_and_then_deployed_as_others_are():
    rows, (as_float, curves, measured) = tuned(fine_tune_float, "float")
    _, (_, curves_of_qat, _) = tuned(fine_tune_quantized, "qat")
    assert len(curves) == len(curves_of_qat) == 3 and set(measured["status"]) == {"ok"}
    before, after = network().state_dict(), as_float.network.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)
    _, (as_ptq, again, _, answers) = tuned(fine_tune_float, "ptq", fake_float=True)
    assert curves.drop(columns="precision").equals(again.drop(columns="precision"))
    plain = Precision(method="ptq", weight_bits=4, activation_bits=4)
    expected = freeze(calibrate(build_quantized(as_float.network, plain, input_bits=8), rows.inputs[:50])).state_dict()
    assert all(torch.equal(tensor, as_ptq.network.state_dict()[name]) for name, tensor in expected.items())
    with torch.no_grad():
        assert torch.equal(answers.tensors["nominal"], as_float.network(rows.inputs))
    assert len(tuned(fine_tune_float, "ptq")[1]) == 3


def test_answers_without_quantizers_are_kept_where_they_are_asked_for_and_change_nothing():
    rows, (model, curves, measured, answers) = tuned(fine_tune_quantized, "qat", fake_float=True)
    _, (alone, same_curves, same_measured) = tuned(fine_tune_quantized, "qat")
    assert curves.equals(same_curves) and measured.equals(same_measured)
    assert all(torch.equal(each, alone.network.state_dict()[key]) for key, each in model.network.state_dict().items())
    with torch.no_grad():
        deployed_answers, before = model.network(rows.inputs), network()(rows.inputs)
    spread = float(before.max() - before.min())
    assert 0 < float((answers.tensors["nominal"] - deployed_answers).abs().max()) < 0.5 * spread
    assert float((answers.tensors["nominal"] - before).abs().max()) > 1e-3  # they are fine-tuned


@pytest.mark.parametrize(("node", "method"), [(fine_tune_quantized, "qat"), (fine_tune_float, "ptq")])
def test_what_diverges_in_fine_tuning_keeps_no_answers(node, method):
    plan = TrainingPlan(epochs=1, batch_size=16, learning_rate=1e30, schedule="constant")
    _, (model, _, measured, answers) = tuned(node, method, fake_float=True, plan=plan)
    assert model.status == "non_finite" and set(measured["status"]) == {"non_finite"} and not answers.tensors
