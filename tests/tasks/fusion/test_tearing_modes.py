"""The simulated frames: what is known of them by construction, and by symmetry."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lowland.tasks.fusion.plasma_view import Plasma, View, rendered
from lowland.tasks.fusion.tearing_modes import SHIFTS, nominal_world, simulate

VIEW = View(rendered=32, steps=64)


def world(**camera):
    nominal = nominal_world(photons=300.0)
    return nominal._replace(camera=replace(nominal.camera, view=VIEW, **camera))


def frames(here, discharges=4, key=("toy",), **changes):
    options = {"mode": (3, 1), "side": 16, "largest_amplitude": 60.0} | changes
    return simulate(here, discharges=discharges, key=key, **options)


def test_equal_keys_give_equal_frames():
    first, second, other = frames(world()), frames(world()), frames(world(), key=("another",))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first.frames, other.frames)


def test_frames_labels_and_discharges_are_in_their_ranges():
    made = frames(world(), discharges=20, largest_amplitude=30.0)
    assert made.frames.shape == (1000, 16, 16) and made.frames.dtype == np.float32
    assert made.frames.min() >= 0 and made.frames.max() <= 1
    assert np.bincount(made.shot).tolist() == [50] * 20
    assert made.amplitude.min() > 0 and made.amplitude.max() <= 30
    assert np.abs(made.phase).max() <= math.pi
    quarter = np.histogram(made.phase, bins=4, range=(-math.pi, math.pi))[0]
    assert quarter.min() > 150  # anywhere on the circle


def test_the_displacement_is_the_flux_over_the_distance_from_the_surface():
    """ξ·(x² + w²)/x is the flux: (r/r_s)^m inside, (r/r_s)^-m outside; ξ itself turns over at the surface."""
    plasma, step = Plasma(), 1e-6
    radius = np.array([0.5, 0.7, 0.9, 1 / 0.9, 1 / 0.7]) * plasma.rational_surface
    slope = (plasma.ring(radius + step) - plasma.ring(radius - step)) / (2 * step)
    displacement = -plasma.displaced(radius, 3) / slope
    off = radius / plasma.rational_surface - 1
    flux = displacement * (off**2 + plasma.island_width**2) / off
    np.testing.assert_allclose(flux / flux[2] * 0.9**3, np.array([0.5, 0.7, 0.9, 0.9, 0.7]) ** 3, rtol=1e-5)
    assert displacement[2] * displacement[3] < 0
    assert plasma.displaced(np.array([plasma.rational_surface]), 3)[0] == 0


def test_the_mode_turns_upside_down_with_the_sign_of_its_angles():
    """Mirroring the picture up and down turns the angle the short way round only; a symmetric plasma stays."""
    ring, core, shifted, *modes = rendered(Plasma(), VIEW, 3, 1)
    for picture in (ring, core, shifted):
        np.testing.assert_allclose(picture, picture[::-1], atol=1e-12)
    mirrored = rendered(Plasma(), VIEW, 3, -1)[3:5]
    np.testing.assert_allclose(modes[0], mirrored[0][::-1], atol=1e-12)
    np.testing.assert_allclose(modes[1], -mirrored[1][::-1], atol=1e-12)


def test_a_least_squares_fit_finds_amplitude_and_phase_where_there_is_no_noise():
    """Frames are a combination of few images: with the noise and the drift of the brightness off, labels follow."""
    calm = world(photons=1e12, readout_noise=0.0)
    calm = calm._replace(discharges=replace(calm.discharges, brightness_spread=0.0))
    made = frames(calm, discharges=8)
    flat = np.c_[made.frames.reshape(len(made.frames), -1), np.ones(len(made.frames))].astype(np.float64)
    modes = np.stack([made.amplitude * np.sin(made.phase), made.amplitude * np.cos(made.phase)], axis=1)
    unsaturated = flat.max(axis=1) <= 1
    found = flat @ np.linalg.lstsq(flat[unsaturated], modes[unsaturated], rcond=1e-6)[0]
    assert np.abs(found - modes)[unsaturated].max() < 0.05


@pytest.mark.parametrize("name", SHIFTS)
def test_shifted_worlds_differ_in_what_they_are_called_for(name):
    shifted = SHIFTS[name](world())
    changed = {field for field in world()._fields if getattr(shifted, field) != getattr(world(), field)}
    assert changed == {{"later_campaign": "camera", "moved_surface": "plasma", "bright_background": "discharges"}[name]}
    before, after = frames(world()), frames(shifted)
    assert np.array_equal(before.phase, after.phase) and np.array_equal(before.amplitude, after.amplitude)
    brighter = after.frames.mean() / before.frames.mean()
    assert brighter < 0.95 if name == "later_campaign" else brighter > 1.1 if name == "bright_background" else True


def test_more_light_is_less_noise():
    clear = frames(world(photons=1e12, readout_noise=0.0)).frames
    few, many = (np.std(frames(world(photons=n, readout_noise=0.0)).frames - clear) for n in (100.0, 1600.0))
    assert few / many == pytest.approx(4, rel=0.05)


def test_dead_pixels_are_dark_and_hot_ones_bright():
    dark = frames(world(dead_share=1.0, hot_share=0.0, readout_noise=0.0), side=32)
    assert dark.frames.max() == 0
    glowing = frames(world(hot_share=1.0, dead_share=0.0, readout_noise=0.0, gain=0.0), side=32)
    assert glowing.frames.min() > 0.7  # photon noise
