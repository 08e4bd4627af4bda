import numpy as np
import pytest

from lowland.tasks.econ.shower_profiles import CRITICAL_ENERGY, PHOTON_DELAY, electromagnetic, hadronic

DEPTHS = np.linspace(0, 120, 24_001)


@pytest.mark.parametrize("energy", [1.0, 10.0, 200.0])
def test_a_shower_loses_its_energy_at_a_mips_loss_a_radiation_length(energy):
    mips = electromagnetic(np.full(len(DEPTHS), energy), DEPTHS).mips
    assert np.trapezoid(mips, DEPTHS) * CRITICAL_ENERGY == pytest.approx(energy, rel=1e-3)
    assert DEPTHS[mips.argmax()] == pytest.approx(np.log(energy / CRITICAL_ENERGY) + PHOTON_DELAY, abs=0.01)


def test_nothing_is_deposited_before_a_shower_starts():
    part = electromagnetic(np.array([5.0, 5.0]), np.array([-1.0, 0.0]))
    assert not part.mips.any() and np.isfinite(part.tail).all()


def test_showers_widen_with_depth_and_their_core_stays_narrow():
    part = electromagnetic(np.full(20, 20.0), np.linspace(1, 20, 20))
    assert (np.diff(part.core) > 0).all() and (part.core < part.tail).all()
    assert ((part.core_share >= 0) & (part.core_share <= 1)).all()


def test_hadrons_are_tracks_until_they_interact():
    random = np.random.default_rng(0)
    energy = np.full(40_000, 20.0)
    inner, outer = hadronic(energy, np.full(40_000, 9.5), random)  # half an interaction length
    track = outer.tail < 0.1
    assert track.mean() == pytest.approx(np.exp(-0.5), abs=0.01)
    assert (outer.mips[track] == 1).all() and not inner.mips[track].any()
    assert inner.mips[~track].std() > inner.mips[~track].mean() / 2  # the neutral pions' share fluctuates


def test_weak_particles_and_late_layers_stay_finite():
    energy, depth = np.array([1e-12, 1e-3, 1e4]), np.array([26.0, 26.0, 1e-9])
    for part in (electromagnetic(energy, depth), *hadronic(energy, depth, np.random.default_rng(0))):
        assert all(np.isfinite(values).all() and (values >= 0).all() for values in part)
