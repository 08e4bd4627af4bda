"""Tables of places against what they stand for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from lowland.export.places import NOWHERE, Axis, in_order, places_of_windows, places_spread


def axes(draw):
    size, kernel, dilation = draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding, stride = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    return Axis(size, max(reach, 0) // stride + 1, kernel, stride, padding, dilation)


@given(st.composite(axes)())
def test_offsets_and_windows_are_those_that_lie_inside(axis):
    def inside(window, offset):
        return 0 <= axis.place(window, offset) < axis.size

    for window in range(axis.windows):
        assert list(axis.offsets(window)) == [each for each in range(axis.kernel) if inside(window, each)]
    for offset in range(axis.kernel):
        assert list(axis.seeing(offset)) == [each for each in range(axis.windows) if inside(each, offset)]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_windows_are_those_of_torch(ceil_mode):
    values = torch.randn(1, 3, 7, 6)
    pooled = functional.max_pool2d(values, (3, 2), stride=2, padding=1, dilation=(1, 2), ceil_mode=ceil_mode)
    sizes = zip((7, 6), pooled.shape[2:], (3, 2), (1, 2), strict=True)
    places = places_of_windows([Axis(*each[:3], 2, 1, each[3]) for each in sizes], repeat=True)
    assert NOWHERE not in places
    assert torch.equal(values.flatten(2)[..., places - 1].amax(-1), pooled.flatten(2))


def test_margins_are_nowhere():
    places = places_of_windows([Axis(3, 3, 3, 1, 1, 1)], repeat=False)
    assert places.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 0]]


def test_what_is_broadcast_is_repeated():
    assert places_spread((2, 1), (2, 3)).tolist() == [[1, 1, 1], [2, 2, 2]]
    assert in_order(places_spread((2, 3), (2, 3))) and not in_order(places_spread((1, 3), (2, 3)))
