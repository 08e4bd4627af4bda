"""Calibration error without the bias of few rows, and the Brier score."""

import pytest
import torch

from lowland.disagreement import brier_score, expected_calibration_error
from lowland.errors import LowlandError
from lowland.randomness import generator


def drawn(sureness, rows, key):
    g = generator("calibration", key)
    logits = 1.5 * torch.randn(rows, 4, generator=g).double()
    return logits * sureness, logits.softmax(1).multinomial(1, generator=g).squeeze(1)


def plain_error(logits, targets, bins=15):
    confidence, answers = logits.softmax(1).max(1)
    gaps = ((answers == targets).double() - confidence)[confidence.argsort()]
    return sum(float(part.mean().abs()) * len(part) for part in gaps.tensor_split(bins)) / len(gaps)


def test_a_calibrated_network_has_less_than_the_plain_error_sees():
    rows = [drawn(1.0, 300, key) for key in range(80)]
    mean = sum(expected_calibration_error(*each).value for each in rows) / 80
    plain = sum(plain_error(*each) for each in rows) / 80
    assert plain > 0.06 and 0 < mean < 0.62 * plain


def test_with_many_rows_it_is_the_plain_error_and_its_standard_error_is_honest():
    logits, targets = drawn(2.5, 40_000, "many")
    found = expected_calibration_error(logits, targets)
    assert found.value == pytest.approx(plain_error(logits, targets), abs=1e-3)
    few = [expected_calibration_error(*drawn(2.5, 500, key)) for key in range(100)]
    spread = torch.tensor([each.value for each in few]).std()
    told = torch.tensor([each.standard_error for each in few]).square().mean().sqrt()
    assert 0.8 < float(told / spread) < 1.3
    assert sum(each.value for each in few) / 100 == pytest.approx(found.value, abs=0.01)


def test_a_sure_network_that_is_always_right_or_always_wrong():
    logits = 100 * torch.eye(3).repeat(10, 1).double()
    targets = logits.argmax(1)
    assert expected_calibration_error(logits, targets, num_bins=3).value == pytest.approx(0)
    assert expected_calibration_error(logits, (targets + 1) % 3, num_bins=3).value == pytest.approx(1)
    assert brier_score(logits, targets).value == pytest.approx(0)
    assert brier_score(logits, (targets + 1) % 3).value == pytest.approx(2)


def test_brier_by_hand():
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]).double().log()
    found = brier_score(logits, torch.tensor([0, 2]))
    assert found.value == pytest.approx(((0.25 + 0.09 + 0.04) + (0.01 + 0.36 + 0.49)) / 2, abs=1e-6)


def test_too_many_bins_are_refused_and_broken_outputs_a_status():
    logits = torch.zeros(20, 3)
    with pytest.raises(LowlandError, match="num_bins: got 15 for 20 rows; expected 1 to 10"):
        expected_calibration_error(logits, torch.zeros(20, dtype=torch.int64))
    broken = logits * torch.nan
    targets = torch.zeros(20, dtype=torch.int64)
    assert expected_calibration_error(broken, targets, num_bins=2).status == "non_finite"
    assert brier_score(broken, targets).status == "non_finite"
