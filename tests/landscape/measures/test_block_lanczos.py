"""Block Lanczos on matrices whose eigenvectors are known: what starting vectors may hide."""

import pytest
import torch

from lowland.landscape.measures import block_lanczos
from lowland.landscape.measures.block_lanczos import BlockLanczos


def test_a_value_that_others_may_exceed_is_not_taken_for_the_largest():
    """Starting vectors in a space of their own, beside a random one with hardly any part along the top direction."""
    values = torch.linspace(0, 1, 200, dtype=torch.float64).square()
    values[-1] = 1.3

    class Diagonal:
        size, num_rows, like = 200, 1, torch.empty(0, dtype=torch.float64)

        def block(self, vectors):
            return vectors * values

    start = torch.zeros(2, 200, dtype=torch.float64)
    start[0, -2] = 1
    start[1] = torch.randn(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start[1, -1] = 1e-3
    lanczos = BlockLanczos(Diagonal(), 1, "largest", 1e-3, torch.Generator().manual_seed(0))
    lanczos.run(start)
    assert lanczos.converged
    assert float(lanczos.values[0]) == pytest.approx(1.3, rel=1e-3)


class _Diagonal:
    """Products with a diagonal matrix."""

    def __init__(self, values):
        self.values, self.size, self.num_rows, self.like = values, len(values), 1, torch.empty(0)

    def block(self, vectors):
        return vectors * self.values


@pytest.mark.parametrize(("above", "at_most"), [(1.1, 6), (2.0, 1)])
def test_a_direction_that_few_rows_do_not_show_is_hardly_ever_overlooked(above, at_most):
    """What the few rows gave is the second eigenvector, a little off: sixty trials, an expected risk of 3 %."""
    draws = torch.Generator().manual_seed(0)
    rest = torch.cat([0.02 * torch.rand(990, generator=draws), torch.tensor([1.0, 0.6, 0.5, 0.4, 0.3, 0.2])])
    values = torch.cat([rest, torch.tensor([above])])
    seen = torch.cat([rest, torch.zeros(1)])
    missed, products = 0, []
    for seed in range(60):
        draws = torch.Generator().manual_seed(seed)
        few = BlockLanczos(_Diagonal(seen), 1, "largest", 1e-2, draws)
        few.run(torch.randn(1, len(values), generator=draws) * (seen > 0))
        lanczos = BlockLanczos(_Diagonal(values), 1, "largest", 1e-3, draws, few.others())
        lanczos.run(few.mixed_start(), mixed=True)
        assert lanczos.converged
        missed += abs(float(lanczos.values[0]) / above - 1) > 1e-2
        products.append(lanczos.steps)
    assert missed <= at_most
    assert sum(products) <= 60 * 8


@pytest.mark.parametrize("which", ["largest", "smallest", "both"])
@pytest.mark.parametrize("count", [1, 2])
def test_the_risk_bounds_what_an_eigenvector_beyond_can_have_along_the_start(which, count, monkeypatch):
    """The part of every eigenvector that lies beyond is no more than what the risk was computed from."""
    draws = torch.Generator().manual_seed(3)
    values = torch.cat([torch.linspace(-1, 1, 50, dtype=torch.float64), torch.tensor([2.0, -2.0], dtype=torch.float64)])
    start = torch.randn(2 * count if which == "both" else count, 52, generator=draws, dtype=torch.float64)
    start[:, -2:] *= 1e-4  # hardly any part along the two that lie beyond
    found = []
    inner = BlockLanczos._risk

    def kept(self, matrix, coupling, parts):
        found.append(inner(self, matrix, coupling, parts))
        return 1.0

    monkeypatch.setattr(BlockLanczos, "_risk", kept)
    products = _Diagonal(values)
    products.like = products.like.double()
    lanczos = BlockLanczos(products, count, which, 0.2, draws)
    monkeypatch.setattr(block_lanczos, "MAXIMUM_PRODUCTS", 6 * len(start))
    monkeypatch.setattr(block_lanczos, "MAXIMUM_BLOCKS", 0)
    lanczos.run(start, mixed=True)
    ends = {"largest": [-2], "smallest": [-1], "both": [-2, -1]}[which]
    part = max(float(start[:, end].square().sum()) for end in ends)
    squares = torch.tensor(part * 52 / block_lanczos.GUARD_SIZE**2 / 2)
    least = float(torch.special.gammainc(torch.tensor(len(start) / 2), squares))
    assert found
    assert all(risk >= least for risk in found)
