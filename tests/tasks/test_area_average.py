import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.tasks.area_average import area_averaged


def test_whole_blocks_are_their_means():
    frames = np.random.default_rng(0).integers(0, 255, (3, 8, 12)).astype(np.uint8)
    expected = frames.reshape(3, 4, 2, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(area_averaged(frames, 4), expected, rtol=1e-12)


def test_frames_of_the_right_size_stay_as_they_are():
    frames = np.random.default_rng(1).normal(size=(2, 5, 5))
    np.testing.assert_allclose(area_averaged(frames, 5), frames, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(3, 40), st.integers(1, 3))
def test_every_pixel_is_the_integral_over_its_area(height, width, side):
    """The oracle paints every pixel with side x side equal ones, so that areas hold whole pixels."""
    frames = np.random.default_rng(height * width).normal(size=(1, height, width))
    fine = frames.repeat(side, axis=1).repeat(side, axis=2)
    expected = fine.reshape(1, side, height, side, width).mean(axis=(2, 4))
    np.testing.assert_allclose(area_averaged(frames, side), expected, atol=1e-12)


def test_frames_that_are_too_small_are_one_line():
    with pytest.raises(LowlandError, match="frames are 31x64 pixels; expected at least 32x32"):
        area_averaged(np.zeros((1, 31, 64)), 32)
