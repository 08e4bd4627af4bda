"""Contrasts of rates against plain means, a slow bootstrap, and what pairing is for."""

import pytest
import torch

from lowland.disagreement import rate_contrasts
from lowland.errors import LowlandError
from lowland.randomness import generator


def made(rows=300, sets=3, *, own=0.0):
    """A difficulty a source row that all sets share; set k has k times 0.1 more marks."""
    draw = generator("set rates", rows)
    difficulty = torch.rand(rows, generator=draw)
    marks = torch.cat([(difficulty < 0.1 * (number + 1)).double() for number in range(sets)])
    if own:
        marks = torch.cat([marks, (torch.rand(rows, generator=draw) < own).double()])
        sets += 1
    return marks.unsqueeze(1), torch.arange(sets).repeat_interleave(rows), torch.arange(rows).repeat(sets)


def test_values_are_plain_means_combined():
    marks, sets, sources = made()
    weights = torch.tensor([[[1.0], [0.0], [0.0]], [[-1.0], [0.5], [0.5]]])
    first, second = rate_contrasts(marks, sets, sources, weights, generator=generator("draws"))
    means = [float(marks[sets == number].mean()) for number in range(3)]
    assert first.value == pytest.approx(means[0])
    assert second.value == pytest.approx((means[1] + means[2]) / 2 - means[0])


def test_the_error_of_one_rate_is_the_binomial_one():
    marks, sets, sources = made(rows=2000)
    (found,) = rate_contrasts(marks, sets, sources, torch.tensor([[[1.0], [0], [0]]]), generator=generator("draws"))
    assert found.standard_error == pytest.approx((found.value * (1 - found.value) / 2000) ** 0.5, rel=0.12)


def test_shared_rows_make_a_difference_surer_and_repeated_rows_add_nothing():
    marks, sets, sources = made(rows=1000)
    contrast = torch.tensor([[[-1.0], [1.0], [0]]])
    (paired,) = rate_contrasts(marks, sets, sources, contrast, generator=generator("draws"))
    apart = sources + 1000 * sets
    (unpaired,) = rate_contrasts(marks, sets, apart, contrast, generator=generator("draws"))
    assert paired.standard_error < 0.9 * unpaired.standard_error
    twice = [torch.cat([each, each]) for each in (marks, sets, sources)]
    (same,) = rate_contrasts(*twice, contrast, generator=generator("draws"))
    assert same.standard_error == pytest.approx(paired.standard_error)


def test_the_fast_bootstrap_is_the_slow_one():
    marks, sets, sources = made(rows=40)
    contrast = torch.tensor([[[-1.0], [0.5], [0.5]]])
    (found,) = rate_contrasts(marks, sets, sources, contrast, generator=generator("draws"))
    slow, draw = [], generator("draws")
    for chosen in torch.randint(40, (400, 40), generator=draw):
        means = [float(marks[sets == k][chosen].mean()) for k in range(3)]
        slow.append((means[1] + means[2]) / 2 - means[0])
    assert found.standard_error == pytest.approx(float(torch.tensor(slow, dtype=torch.float64).std()))


def test_what_has_no_number_says_so():
    marks, sets, sources = made()
    contrast = torch.ones(1, 3, 1)
    (one,) = rate_contrasts(marks, sets, 0 * sources, contrast, generator=generator("draws"))
    (broken,) = rate_contrasts(marks / 0, sets, sources, contrast, generator=generator("draws"))
    assert (one.status, broken.status) == ("undefined", "non_finite")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, s, r, c: (m[:, 0], s, r, c), "marks and set_numbers"),
        (lambda m, s, r, c: (m, s, r, c[:, :, :0]), "contrasts"),
        (lambda m, s, r, c: (m, s.clamp(max=1), r, c), "set_numbers"),
        (lambda m, s, r, c: (m, s, r[1:], c), "source_rows"),
    ],
)
def test_bad_forms_are_refused(change, message):
    with pytest.raises(LowlandError, match=message):
        rate_contrasts(*change(*made(), torch.ones(1, 3, 1)), generator=generator("draws"))
