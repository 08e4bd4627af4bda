"""The jet features against slow loops, the disturbances, the simulation itself, and the committed table."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from scripts import simulate_jets as jets

TABLE = Path(__file__).parents[2] / "data" / "01_raw" / "jets.parquet"


def random_jet(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # Azimuths on both sides of pi, where a difference must wrap.
    return rng.exponential(size=n) + 0.01, 0.3 * rng.normal(size=n), np.pi + 0.3 * rng.normal(size=n)


def slow_distance(y: np.ndarray, phi: np.ndarray, i: int, j: int) -> float:
    d_phi = np.arctan2(np.sin(phi[i] - phi[j]), np.cos(phi[i] - phi[j]))
    return float(np.sqrt((y[i] - y[j]) ** 2 + d_phi**2))


def slow_correlations(pt: np.ndarray, y: np.ndarray, phi: np.ndarray, beta: float) -> tuple[float, float, float, float]:
    """(e2, 1e3, 2e3, e3) by loops over pairs and triples, straight from the definitions."""
    z = pt / sum(pt)
    e2, three = 0.0, [0.0, 0.0, 0.0]
    for i, j in itertools.combinations(range(len(z)), 2):
        e2 += z[i] * z[j] * slow_distance(y, phi, i, j) ** beta
    for i, j, k in itertools.combinations(range(len(z)), 3):
        sides = sorted(slow_distance(y, phi, *pair) ** beta for pair in ((i, j), (i, k), (j, k)))
        for v in range(3):
            three[v] += z[i] * z[j] * z[k] * np.prod(sides[: v + 1])
    return e2, *three


@pytest.mark.parametrize("n", [1, 2, 3, 4, 13, 18])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_correlations_equal_loops(n: int, beta: float) -> None:
    pt, y, phi = random_jet(n)
    z, distance = pt / pt.sum(), jets.pairwise_distance(y, phi)
    fast = (jets.pair_correlation(z, distance, beta), *jets.triple_correlations(z, distance, [beta])[0])
    np.testing.assert_allclose(fast, slow_correlations(pt, y, phi, beta), rtol=1e-11, atol=1e-15)


def test_e3_is_a_matrix_trace() -> None:
    """e3 = tr(M^3) / 6 with M_ij = sqrt(z_i z_j) R_ij: more triples than one block."""
    pt, y, phi = random_jet(60)
    z, distance = pt / pt.sum(), jets.pairwise_distance(y, phi)
    assert jets.TRIPLE_BLOCK < 60 * 59 * 58 // 6
    m = np.sqrt(np.outer(z, z)) * distance
    (_, _, e3), (_, _, e3_squared) = jets.triple_correlations(z, distance, (1.0, 2.0))
    np.testing.assert_allclose(e3, np.trace(m @ m @ m) / 6, rtol=1e-12)
    m = m * distance
    np.testing.assert_allclose(e3_squared, np.trace(m @ m @ m) / 6, rtol=1e-12)


def test_ratios_equal_their_definitions() -> None:
    pt, y, phi = random_jet(15)
    e2, one, two, three = slow_correlations(pt, y, phi, 1.0)
    f2, f_one, f_two, f_three = slow_correlations(pt, y, phi, 2.0)
    expected = {
        "c1_b0_mmdt": slow_correlations(pt, y, phi, 0.0)[0],
        "c1_b1_mmdt": e2,
        "c1_b2_mmdt": f2,
        "c2_b1_mmdt": three / e2**2,
        "c2_b2_mmdt": f_three / f2**2,
        "d2_b1_mmdt": three / e2**3,
        "d2_b2_mmdt": f_three / f2**3,
        "d2_a1_b1_mmdt": three / e2**3,
        "d2_a1_b2_mmdt": three / f2**1.5,
        "m2_b1_mmdt": one / e2,
        "m2_b2_mmdt": f_one / f2,
        "n2_b1_mmdt": two / e2**2,
        "n2_b2_mmdt": f_two / f2**2,
    }
    actual = jets.correlation_ratios(pt, y, phi)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, rel=1e-10), name


def test_ratios_do_not_depend_on_units_rotation_or_order() -> None:
    pt, y, phi = random_jet(20)
    order = np.random.default_rng(1).permutation(20)
    first, second = (
        jets.correlation_ratios(pt, y, phi),
        jets.correlation_ratios(7 * pt[order], y[order] + 1, phi[order]),
    )
    assert first == pytest.approx(second, rel=1e-10)


@pytest.mark.parametrize("n", [1, 2])
def test_ratios_of_fewer_than_three_particles_are_zero(n: int) -> None:
    values = jets.correlation_ratios(*random_jet(n))
    assert all(value == 0.0 for name, value in values.items() if not name.startswith("c1"))
    assert (values["c1_b0_mmdt"] > 0.0) == (n == 2)


def test_parallel_particles_have_zero_ratios() -> None:
    values = jets.correlation_ratios(np.ones(4), np.zeros(4), np.zeros(4))
    assert values.pop("c1_b0_mmdt") == pytest.approx(6 / 16)
    assert set(values.values()) == {0.0}


def test_zlogz_of_equal_shares_is_minus_log_n() -> None:
    assert jets.zlogz(np.full(8, 3.0)) == pytest.approx(-np.log(8))
    assert jets.zlogz(np.array([5.0])) == 0.0


def test_features_of_two_massless_particles() -> None:
    """Mass^2 = 2 E1 E2 (1 - cos angle); zlogz and multiplicity count the ungroomed jet."""
    groomed = np.array([[100.0, 0.0, 0.0, 100.0], [300 * np.cos(0.3), 300 * np.sin(0.3), 0.0, 300.0]])
    whole = np.vstack([groomed, [0.0, 1.0, 0.0, 1.0]])
    values = dict(zip(jets.FEATURES, jets.jet_features(whole, groomed), strict=True))
    assert values["mass_mmdt"] == pytest.approx(np.sqrt(2 * 100 * 300 * (1 - np.cos(0.3))))
    assert values["multiplicity"] == 3
    assert values["zlogz"] == pytest.approx(jets.zlogz(np.array([100.0, 300.0, 1.0])))
    assert values["c1_b1_mmdt"] == pytest.approx(0.25 * 0.75 * 0.3)


def particles(n: int, *, charged: bool, code: int) -> jets.Particles:
    rng = np.random.default_rng(3)
    return jets.Particles(
        np.full(n, 50.0),
        rng.uniform(-1, 1, n),
        rng.uniform(-3, 3, n),
        np.zeros(n),
        np.full(n, code),
        np.full(n, charged),
    )


@pytest.mark.parametrize(
    ("charged", "code", "seen", "resolution"), [(True, 211, 0.95, 0.0125), (False, 22, 1.0, 0.012)]
)
def test_smearing_has_the_stated_efficiency_and_resolution(
    charged: bool, code: int, seen: float, resolution: float
) -> None:
    before = particles(20_000, charged=charged, code=code)
    after = jets.smear_particles(before, np.random.default_rng(0))
    assert len(after.pt) / 20_000 == pytest.approx(seen, abs=0.006)
    assert after.pt.mean() == pytest.approx(50.0, rel=1e-3)
    assert after.pt.std() / 50.0 == pytest.approx(resolution, rel=0.08)


def test_subtraction_removes_charged_particles_in_the_tracker_and_soft_ones() -> None:
    soup = jets.Particles(
        pt=np.array([5.0, 5.0, 5.0, 0.1]),
        eta=np.array([0.0, 3.0, 0.0, 0.0]),
        phi=np.zeros(4),
        mass=np.zeros(4),
        code=np.array([211, 211, 22, 22]),
        charged=np.array([True, True, False, False]),
    )
    np.testing.assert_array_equal(jets.survives_subtraction(soup), [False, True, True, False])


def test_pileup_draws_a_poisson_number_of_events() -> None:
    pool = [particles(1, charged=False, code=22)] * 3
    counts = [len(jets.pileup_overlay(pool, np.random.default_rng(seed))) for seed in range(100)]
    assert np.mean(counts) == pytest.approx(jets.PILEUP_MEAN, abs=2.0)


def test_acceptance_wants_window_centre_and_a_hard_parton() -> None:
    jet = np.array([[1000.0, 0.0, 0.0, 1000.0]])
    hard = np.array([[0.1, 0.1], [0.0, 3.0]])
    assert jets.accepted(jet, hard, (800.0, 1600.0))
    assert not jets.accepted(jet, hard, (1100.0, 1600.0))
    assert not jets.accepted(jet, hard[1:], (800.0, 1600.0))
    assert not jets.accepted(np.array([[1000.0, 0, 5000.0, 5100.0]]), hard + np.array([2.3, 0.0]), (800.0, 1600.0))


def test_plan_is_fixed_chunks_with_their_own_streams() -> None:
    chunks = jets.plan(6000, 100, seed=1)
    assert [c.jets for c in chunks if (c.scenario, c.label) == ("nominal", "g")] == [2500, 2500, 1000]
    assert sum(c.jets for c in chunks) == 5 * 6000 + 3 * 5 * 100
    assert len({int(c.stream().integers(2**62)) for c in chunks}) == len(chunks)
    # More jets leave the chunks before them alone.
    assert jets.plan(9000, 100, seed=1)[:2] == chunks[:2]


def test_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    monkeypatch.setitem(sys.modules, "fastjet", None)
    monkeypatch.setitem(sys.modules, "awkward", None)
    with pytest.raises(SystemExit) as stop:
        jets.main(["--output", str(tmp_path / "jets.parquet")])
    assert "pip install 'lowland[simulation]'" in str(stop.value)
    assert "\n" not in str(stop.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_simulated_jets_are_reproducible_and_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pythia8mc", "fastjet", "awkward"):
        pytest.importorskip(module)
    # Two batches for the longer chunk, and few events beyond those needed.
    monkeypatch.setattr(jets, "BATCH_EVENTS", 8)
    values, events = jets.simulate_chunk(jets.Chunk("smeared", "w", 0, 20, 5))
    assert values.shape == (20, 17)
    assert events >= 10
    assert np.isfinite(values).all()
    # A shorter chunk is the beginning of a longer one: what is simulated again is the same.
    np.testing.assert_array_equal(jets.simulate_chunk(jets.Chunk("smeared", "w", 0, 12, 5))[0], values[:12])
    window = jets.SCENARIOS["smeared"].jet_pt
    assert ((values[:, -1] > window[0]) & (values[:, -1] < window[1])).all()


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pq.read_table(TABLE)


def test_table_has_the_published_columns(table: pa.Table) -> None:
    assert table.column_names == [*jets.FEATURES, "jet_pt", "label", "set"]
    assert {table.schema.field(name).type for name in (*jets.FEATURES, "jet_pt")} == {pa.float32()}
    assert {table.schema.field(name).type for name in ("label", "set")} == {pa.string()}
    assert TABLE.stat().st_size <= 5e6
    assert pq.ParquetFile(TABLE).metadata.row_group(0).column(0).compression == "ZSTD"


def test_table_is_balanced_and_shuffled(table: pa.Table) -> None:
    for name in jets.SCENARIOS:
        labels = table.filter(pc.field("set") == name)["label"].to_numpy(zero_copy_only=False)
        expected = 10_000 if name == "nominal" else 1_000
        assert dict(zip(*np.unique(labels, return_counts=True), strict=True)) == dict.fromkeys("gqtwz", expected)
    first = table["label"].to_numpy(zero_copy_only=False)[:1000]
    assert np.unique(first, return_counts=True)[1].min() > 130


def test_table_is_finite_within_its_windows_and_has_no_repeated_jet(table: pa.Table) -> None:
    frame = table.to_pandas()
    values = frame[[*jets.FEATURES, "jet_pt"]].to_numpy()
    assert np.isfinite(values).all()
    assert len(np.unique(values, axis=0)) == len(values)
    for name, scenario in jets.SCENARIOS.items():
        pt = frame.loc[frame["set"] == name, "jet_pt"]
        assert pt.between(*scenario.jet_pt).all()
    assert (frame["zlogz"] <= 0).all()
    assert frame["c1_b0_mmdt"].between(0, 0.5).all()
    np.testing.assert_array_equal(frame["d2_a1_b1_mmdt"], frame["d2_b1_mmdt"])


@pytest.mark.parametrize(("label", "mass"), [("w", 80.4), ("z", 91.2), ("t", 173.0)])
def test_table_has_masses_where_nature_has_them(table: pa.Table, label: str, mass: float) -> None:
    chosen = table.filter((pc.field("set") == "nominal") & (pc.field("label") == label))["mass_mmdt"].to_numpy()
    counts, edges = np.histogram(chosen, bins=np.arange(60, 200, 2.0))
    assert edges[counts.argmax()] + 1 == pytest.approx(mass, abs=3)
