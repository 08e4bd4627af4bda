"""Calibrated means of some rows against the means of all."""

import pytest
import torch

from lowland.landscape.surface.row_sampling import CalibratedRows


def _population(rows=2000):
    draws = torch.Generator().manual_seed(1)
    known = torch.randn(rows, 3, generator=draws, dtype=torch.float64).exp()
    weights = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.1, 0.0]], dtype=torch.float64)
    noise = torch.randn(2, rows, generator=draws, dtype=torch.float64) * torch.tensor([[0.5], [2.0]])
    return known, weights @ known.T + noise + 3


def _drawn(count, seed, rows=2000):
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))[:count]


def test_linear_functions_of_what_is_known_are_exact():
    known, _ = _population()
    rows = _drawn(60, 0)
    values = torch.stack([known[:, 0], 4 - known[:, 1] + 2 * known[:, 2]])
    means, errors = CalibratedRows(known, rows).mean(values[:, rows])
    torch.testing.assert_close(means, values.mean(1), rtol=1e-12, atol=0)
    assert float(errors.max()) < 1e-12


def test_all_rows_have_no_error():
    known, values = _population()
    rows = _drawn(2000, 0)
    means, errors = CalibratedRows(known, rows).mean(values[:, rows])
    torch.testing.assert_close(means, values.mean(1))
    assert float(errors.max()) < 1e-9


def test_without_known_quantities_it_is_the_plain_mean_with_finite_population_correction():
    _, values = _population()
    rows = _drawn(500, 3)
    drawn = values[:, rows]
    means, errors = CalibratedRows(torch.empty(2000, 0), rows).mean(drawn)
    torch.testing.assert_close(means, drawn.mean(1))
    torch.testing.assert_close(errors, drawn.std(1) * ((1 - 500 / 2000) / 500) ** 0.5)


@pytest.mark.parametrize("count", [100, 800])
def test_standard_errors_are_honest(count):
    known, values = _population()
    truth = values.mean(1)
    scores = []
    for seed in range(200):
        rows = _drawn(count, seed)
        means, errors = CalibratedRows(known, rows).mean(values[:, rows])
        scores.append((means - truth) / errors)
    scores = torch.stack(scores)
    assert bool(((scores.var(0) > 0.8) & (scores.var(0) < 1.25)).all()), scores.var(0)
    assert float(scores.mean(0).abs().max()) < 4 / 200**0.5


def test_known_quantities_that_repeat_or_never_change_do_no_harm():
    known, values = _population()
    rows = _drawn(200, 5)
    plain = CalibratedRows(known, rows).mean(values[:, rows])
    copied = CalibratedRows(torch.cat([known, known, torch.ones(2000, 1)], 1), rows).mean(values[:, rows])
    for one, other in zip(plain, copied, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=0)
