from types import SimpleNamespace

import pytest
import torch

from lowland.measurements import Where
from lowland.tasks import Samples, build_task
from lowland.tasks.evaluation import (
    Evaluation,
    disturbance_response,
    evaluate,
    evaluate_guess,
    gain,
    performance,
    shift_response,
)
from lowland.tasks.jets import JetsOptions
from lowland.vocabulary.conditions import CONDITIONS

TASK = build_task(
    JetsOptions(kind="jets", source="file", train_rows=1, validation_rows=1, landscape_rows=1, test_rows=1, hidden=(2,))
)


def made(scores, losses=None, decisions=None, non_finite=None):
    n = len(scores)
    return Evaluation(
        torch.tensor(losses or [1.0] * n),
        torch.tensor(scores),
        torch.tensor(decisions or [0] * n),
        torch.tensor(non_finite or [False] * n),
    )


def test_an_evaluation_matches_the_task():
    outputs = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    result = evaluate(TASK, torch.nn.Identity(), Samples(outputs, torch.tensor([0, 0])))
    assert result.scores.tolist() == [1.0, 0.0] and result.decisions.tolist() == [0, 1]
    assert result.losses[1] - result.losses[0] == pytest.approx(2.0)


def test_performance_has_the_binomial_standard_error():
    rows = {m.measure: m.estimate for m in performance(TASK, made([1.0, 1.0, 0.0, 1.0]))}
    assert rows["accuracy"].value == 0.75
    assert rows["accuracy"].standard_error == pytest.approx((0.25 / 4) ** 0.5)


def test_responses_are_compared_row_by_row():
    clean = made([1.0, 1.0], losses=[1.0, 1.0], decisions=[0, 1])
    draws = [made([1.0, 0.0], [1.0, 3.0], [0, 0]), made([1.0, 1.0], [1.0, 1.0], [0, 1])]
    rows = {
        m.measure: m.estimate for m in disturbance_response(TASK, clean, draws, Where(CONDITIONS["gaussian"], level=5))
    }
    assert rows["accuracy"].value == 0.75 and rows["accuracy_drop"].value == 0.25
    assert rows["loss_rise"].value == 0.5 and rows["loss_rise"].standard_error == pytest.approx(0.5)
    assert rows["mismatch_rate"].value == 0.25


def test_a_disturbance_without_chance_has_the_errors_of_its_rows():
    clean, disturbed = made([1.0, 1.0, 0.0, 1.0]), made([1.0, 0.0, 0.0, 1.0])
    rows = {
        m.measure: m.estimate
        for m in disturbance_response(TASK, clean, [disturbed], Where(CONDITIONS["fgsm_linf"], level=1))
    }
    assert rows["accuracy"].value == 0.5 and rows["accuracy"].num_samples == 4
    assert rows["accuracy_drop"].standard_error == pytest.approx(0.25)
    assert {estimate.status for estimate in rows.values()} == {"ok"}


def test_outputs_that_are_no_numbers_count_and_show():
    clean = made([1.0, 1.0])
    draws = [made([0.0, 1.0], [float("nan"), 1.0], [0, 0], [True, False])]
    rows = {
        m.measure: m.estimate for m in disturbance_response(TASK, clean, draws, Where(CONDITIONS["flips"], level=1))
    }
    assert rows["loss_rise"].status == "non_finite"
    assert rows["accuracy"].value == 0.5 and rows["mismatch_rate"].value == 0.5 and rows["non_finite_rate"].value == 0.5


def test_a_shifted_set_is_compared_with_independent_rows():
    rows = {
        m.measure: m.estimate
        for m in shift_response(TASK, made([1.0, 1.0, 1.0, 0.0]), made([1.0, 0.0]), CONDITIONS["pileup"])
    }
    assert rows["accuracy_drop"].value == 0.25
    assert rows["accuracy_drop"].standard_error == pytest.approx((0.25**2 + 0.5**2) ** 0.5)


@pytest.mark.parametrize("name, sign", [("accuracy", 1), ("absolute_error", -1)])
def test_the_gain_over_the_guess_is_paired_and_positive_where_the_model_is_better(name, sign):
    model, guess = [3.0, 1.0, 4.0, 2.0], [1.0, 0.0, 2.0, 2.0]
    task = SimpleNamespace(score_name=name)
    row = gain(task, made([sign * x for x in model]), made([sign * x for x in guess]))
    differences = torch.tensor(model) - torch.tensor(guess)
    assert (row.family, row.measure, row.condition) == ("performance", "gain_over_guess", "")
    assert row.estimate.value == pytest.approx(float(differences.mean()))
    assert row.estimate.standard_error == pytest.approx(float(differences.std()) / 2) and row.estimate.num_samples == 4


def test_the_guess_is_what_training_targets_say():
    rows = Samples(torch.zeros(4, 16), torch.tensor([2, 2, 1, 0]))
    found = evaluate_guess(TASK, Samples(torch.zeros(3, 16), torch.tensor([1, 1, 2])), rows)
    assert found.decisions.tolist() == [1, 1, 1, 1] and found.scores.tolist() == [0.0, 0.0, 1.0, 0.0]
