"""Windows of max-pooling with one sure largest element are exact."""

import pytest
import torch
from torch import nn

from lowland.certification import InputBox, Query
from lowland.certification.relaxation import enclose, smallest


class Pooled(nn.Module):
    """Two numbers as they are, their largest, and a sum of all of these."""

    def __init__(self, factors):
        super().__init__()
        self.same = nn.Linear(2, 2)
        with torch.no_grad():
            self.same.weight.copy_(torch.eye(2))
            self.same.bias.zero_()
        self.pool = nn.MaxPool1d(2)
        self.factors = factors

    def forward(self, inputs):
        same = self.same(inputs)
        first, second, largest = self.factors
        return same[:, :, 0] * first + same[:, :, 1] * second + self.pool(same).flatten(1) * largest


def _question(factors, lower, upper):
    return Query.of(Pooled(factors).eval(), InputBox(torch.tensor([[lower]]), torch.tensor([[upper]])), None)


def test_windows_whose_largest_element_is_sure_are_exact():
    # max(x0, x1) - x0 with x0 in [2, 3] and x1 in [0, 1] is 0: intervals say -1 to 1.
    query = _question((-1.0, 1e-9, 1.0), [2.0, 0.0], [3.0, 1.0])
    known = {method: enclose(query, method).intervals[query.network.output.name] for method in ("interval", "crown")}
    assert float(known["interval"].upper) == pytest.approx(1.0)
    assert float(known["crown"].upper) == pytest.approx(0.0, abs=1e-8)
    assert float(known["crown"].lower) == pytest.approx(0.0, abs=1e-8)


def test_a_sum_of_chords_is_taken_where_it_is_lower_than_the_highest_end():
    # x0 + x1 - max(x0, x1) is the lower of both, at least -1; with max(x0, x1) <= 1 alone it would be -2.5.
    query = _question((1.0, 1.0, -1.0), [-0.5, -1.0], [1.0, 0.4])
    bound = smallest(enclose(query, "crown"), torch.ones(1, 1, 1, dtype=torch.float64))
    assert float(bound) == pytest.approx(-1.0, abs=1e-9)
