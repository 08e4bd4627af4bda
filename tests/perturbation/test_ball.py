import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.perturbation import Ball


@st.composite
def pushes(draw):
    source = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    inputs = draw(st.sampled_from([1e-3, 1.0, 1e4])) * torch.randn(6, 2, 3, generator=source, dtype=dtype)
    change = 10 ** draw(st.floats(-8, 4)) * torch.randn(6, 2, 3, generator=source, dtype=torch.float64)
    scale = torch.rand(2, 3, generator=source) if draw(st.booleans()) else None
    if scale is not None:
        scale[0, 0] = 0
    limits = (-0.5, 0.75) if draw(st.booleans()) else None
    ball = Ball(draw(st.sampled_from(["linf", "l2"])), 10 ** draw(st.floats(-7, 2)), scale, limits)
    return ball, inputs, change


@settings(max_examples=150, deadline=None)
@given(pushes())
def test_nothing_leaves_the_ball_or_the_range(push):
    ball, inputs, change = push
    attacked = ball.project(inputs, change)
    assert attacked.dtype == inputs.dtype
    assert (ball.size(inputs, attacked) <= ball.eps * (1 + 1e-9)).all()
    if ball.scale is not None:
        assert torch.equal(attacked[:, 0, 0], inputs[:, 0, 0])
    if ball.value_range is not None:
        low, high = ball.value_range
        assert (attacked >= inputs.clamp(max=low)).all() and (attacked <= inputs.clamp(min=high)).all()


@settings(max_examples=50, deadline=None)
@given(pushes())
def test_what_is_inside_stays_and_projecting_twice_changes_nothing(push):
    ball, inputs, change = push
    attacked = ball.project(inputs, change)
    again = ball.project(inputs, attacked.double() - inputs.double())
    assert torch.allclose(again, attacked, rtol=1e-6, atol=1e-6 * ball.eps)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_wanted_changes_that_are_no_numbers(norm):
    inputs = torch.zeros(2, 3)
    change = torch.tensor([[math.nan, 0.5, 0.0], [9.0, 0.0, 0.0]], dtype=torch.float64)
    attacked = Ball(norm, 1.0).project(inputs, change)
    assert torch.allclose(attacked, torch.tensor([[0.0, 0.5, 0.0], [1.0, 0.0, 0.0]]))


def test_moving_what_has_no_scale_is_infinitely_far():
    ball = Ball("l2", 1.0, torch.tensor([0.0, 2.0]))
    inputs = torch.zeros(2, 2)
    sizes = ball.size(inputs, torch.tensor([[0.0, 1.0], [1e-3, 0.0]]))
    assert sizes.tolist() == [0.5, math.inf]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("l1", 1.0), "norm is 'l1'; expected one of linf, l2"),
        (("l2", -1.0), "eps is -1.0; expected a radius"),
        (("l2", math.inf), "eps is inf"),
        (("l2", 1.0, torch.tensor([1.0, -1.0])), "scale has entries that are negative"),
        (("l2", 1.0, None, (1.0, 0.0)), "expected the lowest input, then the highest"),
    ],
)
def test_balls_that_make_no_sense(arguments, message):
    with pytest.raises(LowlandError, match=message):
        Ball(*arguments)
