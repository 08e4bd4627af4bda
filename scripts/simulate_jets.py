"""Simulate the `jets` data set: five classes of 1 TeV jets described by sixteen substructure features.

The features, their names and their order are those of the published hls4ml LHC jet set (Duarte et al.,
arXiv:1804.06913; Coleman et al., arXiv:1709.08705). Everything is generated here with Pythia 8 and FastJet; no
published row is used. The data card is `docs/data/jets.md`.

    python scripts/simulate_jets.py --jets-per-class 10000 --shifted-jets-per-class 1000 --seed 1 --workers 2 \
        --output data/01_raw/jets.parquet

The work is cut into fixed chunks, each with its own random stream, so the table does not depend on `--workers`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FEATURES = (
    "zlogz",
    "c1_b0_mmdt",
    "c1_b1_mmdt",
    "c1_b2_mmdt",
    "c2_b1_mmdt",
    "c2_b2_mmdt",
    "d2_b1_mmdt",
    "d2_b2_mmdt",
    "d2_a1_b1_mmdt",
    "d2_a1_b2_mmdt",
    "m2_b1_mmdt",
    "m2_b2_mmdt",
    "n2_b1_mmdt",
    "n2_b2_mmdt",
    "mass_mmdt",
    "multiplicity",
)

# pp -> two equal partons or bosons; W and Z decay to quarks only, so that every jet holds the whole decay.
PROCESSES: dict[str, tuple[str, ...]] = {
    "g": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
    "q": ("HardQCD:gg2qqbar = on", "HardQCD:qq2qq = on", "HardQCD:qqbar2qqbarNew = on"),
    "t": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
    "w": ("WeakDoubleBoson:ffbar2WW = on",),
    "z": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2"),
}
COMMON_SETTINGS = (
    "Print:quiet = on",
    "Beams:idA = 2212",
    "Beams:idB = 2212",
    "Beams:eCM = 13000.",
    "Tune:pp = 14",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
)
NEUTRINOS = (12, 14, 16)

JET_RADIUS = 0.8
SOFT_DROP_Z_CUT = 0.1
# Keeps the whole cone of a jet inside the tracker (|eta| < 2.5) on which smearing and charged-hadron subtraction rely.
MAX_JET_ETA = 1.7
TRACKER_ETA = 2.5
MATCH_DELTA_R = 0.6
RECONSTRUCTION_PT = 0.5

CHUNK_JETS = 2500
TRIPLE_BLOCK = 8192
BATCH_EVENTS = 100
PILEUP_MEAN = 40.0
PILEUP_POOL = 400


@dataclass(frozen=True)
class Scenario:
    """One set of jets: the parton window, the jet window (both in GeV) and the disturbance of the particles."""

    parton_pt: float
    jet_pt: tuple[float, float]
    smear: bool = False
    pileup: bool = False


# Parton window of +-1 % and jet window of 0.8 to 1.6 times the parton pT: jets of about the same energy.
SCENARIOS: dict[str, Scenario] = {
    "nominal": Scenario(1000.0, (800.0, 1600.0)),
    "smeared": Scenario(1000.0, (800.0, 1600.0), smear=True),
    "pileup": Scenario(1000.0, (800.0, 1600.0), pileup=True),
    "high_pt": Scenario(1500.0, (1200.0, 2400.0)),
}


@dataclass(frozen=True)
class Chunk:
    """A piece of work with its own random stream: `jets` jets of one class in one set."""

    scenario: str
    label: str
    index: int
    jets: int
    seed: int

    def stream(self) -> np.random.Generator:
        """Return the chunk's own generator, keyed by everything that names the chunk except its length."""
        key = (self.seed, list(SCENARIOS).index(self.scenario), list(PROCESSES).index(self.label), self.index)
        return np.random.default_rng(key)


@dataclass(frozen=True)
class Particles:
    """Momenta of final particles, one array per column: `pt` and `mass` in GeV, pseudorapidity, azimuth, PDG code."""

    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    mass: np.ndarray
    code: np.ndarray
    charged: np.ndarray

    def take(self, index: np.ndarray) -> Particles:
        """Return the particles at `index` (positions or a mask)."""
        return Particles(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def four_momenta(self) -> dict[str, np.ndarray]:
        """Return Cartesian four-momenta in GeV under the names px, py, pz, E."""
        pz = self.pt * np.sinh(self.eta)
        energy = np.sqrt((self.pt * np.cosh(self.eta)) ** 2 + self.mass**2)
        return {"px": self.pt * np.cos(self.phi), "py": self.pt * np.sin(self.phi), "pz": pz, "E": energy}


def concatenate(parts: Sequence[Particles]) -> Particles:
    """Join particle lists in the given order."""
    return Particles(*(np.concatenate([getattr(p, name) for p in parts]) for name in Particles.__dataclass_fields__))


def zlogz(pt: np.ndarray) -> float:
    """Return the fragmentation entropy sum_i z_i ln z_i with z_i = pT_i / sum_j pT_j.

    Args:
        pt: transverse momenta of the jet's constituents (ungroomed), GeV, all positive.

    Returns:
        A number in [-ln n, 0], dimensionless (Duarte et al., arXiv:1804.06913, table 1).
    """
    z = pt / pt.sum()
    return float(np.sum(z * np.log(z)))


def pairwise_distance(rapidity: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix R_ij = sqrt(dy^2 + dphi^2), azimuth wrapped to [-pi, pi]."""
    d_phi = np.abs(phi[:, None] - phi[None, :]) % (2 * np.pi)
    d_phi = np.minimum(d_phi, 2 * np.pi - d_phi)
    return np.hypot(rapidity[:, None] - rapidity[None, :], d_phi)


class _Triples:
    """All triples i < j < k ordered by k, as positions of their pairs (ij, ik, jk) and the index k.

    Pairs (i < j) stand in the order of j, so the first n (n - 1) / 2 pairs and the first C(n, 3) triples are those of n
    particles: one table, grown when needed, serves every jet.
    """

    size = 0
    rows = np.empty((4, 0), dtype=np.intp)

    @classmethod
    def of(cls, n: int) -> np.ndarray:
        if n > cls.size:
            size = n + 16
            second, first = np.tril_indices(size, -1)
            below = [k * (k - 1) // 2 for k in range(size)]
            ij = np.concatenate([np.arange(count) for count in below])
            k = np.repeat(np.arange(size), below)
            offset = k * (k - 1) // 2
            cls.size, cls.rows = size, np.stack([ij, offset + first[ij], offset + second[ij], k]).astype(np.intp)
        return cls.rows[:, : n * (n - 1) * (n - 2) // 6]


def pair_correlation(z: np.ndarray, distance: np.ndarray, beta: float) -> float:
    """Return e2 = sum_{i<j} z_i z_j R_ij^beta (Larkoski et al., arXiv:1409.6298, equation 2).

    Args:
        z: momentum fractions of n constituents, summing to one, dimensionless.
        distance: matrix (n, n) of R_ij in the rapidity-azimuth plane, radians.
        beta: angular exponent, at least zero.
    """
    j, i = np.tril_indices(len(z), -1)
    return float((z[i] * z[j]) @ distance[i, j] ** beta)


def triple_correlations(
    z: np.ndarray, distance: np.ndarray, betas: Sequence[float]
) -> list[tuple[float, float, float]]:
    """Return (1e3, 2e3, e3): sums over triples i<j<k of z_i z_j z_k prod R^beta over the 1, 2, 3 smallest distances.

    Args:
        z: momentum fractions of n constituents, summing to one, dimensionless.
        distance: matrix (n, n) of R_ij in the rapidity-azimuth plane, radians.
        betas: angular exponents, above zero.

    Returns:
        Three sums for each beta, zero for fewer than three constituents (Moult, Necib and Thaler, arXiv:1609.07483,
        section 2).
    """
    j, i = np.tril_indices(len(z), -1)
    pair_weight, pair_distance = z[i] * z[j], distance[i, j]
    triples = _Triples.of(len(z))
    sums = np.zeros((len(betas), 3))
    # Blocks that stay in the cache: four times faster than whole arrays for a hundred constituents.
    for start in range(0, triples.shape[1], TRIPLE_BLOCK):
        ij, ik, jk, k = triples[:, start : start + TRIPLE_BLOCK]
        a, b, c = pair_distance[ij], pair_distance[ik], pair_distance[jk]
        weight = pair_weight[ij] * z[k]
        low, high = np.minimum(a, b), np.maximum(a, b)
        # Whichever of the three is largest, the other two are `low` and the smaller of `high` and c.
        one, two, three = np.minimum(low, c), low * np.minimum(high, c), a * b * c
        for row, beta in zip(sums, betas, strict=True):
            row += (weight @ one**beta, weight @ two**beta, weight @ three**beta)
    return [(float(one), float(two), float(three)) for one, two, three in sums]


def _ratio(numerator: float, denominator: float) -> float:
    """Quotient, defined as 0 where the denominator vanishes (a groomed jet of one particle, or of parallel ones)."""
    return numerator / denominator if denominator > 0.0 else 0.0


def correlation_ratios(pt: np.ndarray, rapidity: np.ndarray, phi: np.ndarray) -> dict[str, float]:
    """Return the thirteen ratios of energy correlation functions of the groomed jet.

    C1 = e2, C2 = e3 / e2^2, D2 = e3 / e2^3, D2^(a,b) = e3^(a) / (e2^(b))^(3a/b), M2 = 1e3 / e2, N2 = 2e3 / e2^2, each
    at the angular exponent in its name; all dimensionless. D2^(1,1) equals D2 at beta 1; both names are kept because
    the published set has both. Fewer than three particles make e3 (fewer than two also e2) zero: such ratios are 0.

    Args:
        pt: transverse momenta of the n groomed constituents, GeV.
        rapidity: their rapidities.
        phi: their azimuths, radians.

    Returns:
        Name to value, for the names of `FEATURES` from `c1_b0_mmdt` to `n2_b2_mmdt`.
    """
    z, distance = pt / pt.sum(), pairwise_distance(rapidity, phi)
    values = {"c1_b0_mmdt": pair_correlation(z, distance, 0.0)}
    triples = triple_correlations(z, distance, (1.0, 2.0))
    for beta, (one, two, three) in zip((1, 2), triples, strict=True):
        e2 = pair_correlation(z, distance, float(beta))
        values[f"c1_b{beta}_mmdt"] = e2
        values[f"c2_b{beta}_mmdt"] = _ratio(three, e2**2)
        values[f"d2_b{beta}_mmdt"] = _ratio(three, e2**3)
        values[f"m2_b{beta}_mmdt"] = _ratio(one, e2)
        values[f"n2_b{beta}_mmdt"] = _ratio(two, e2**2)
    values["d2_a1_b1_mmdt"] = values["d2_b1_mmdt"]
    values["d2_a1_b2_mmdt"] = _ratio(triples[0][2], values["c1_b2_mmdt"] ** 1.5)
    return values


def jet_features(constituents: np.ndarray, groomed: np.ndarray) -> np.ndarray:
    """Return the sixteen features of one jet in the order of `FEATURES`.

    Args:
        constituents: four-momenta (n, 4) as px, py, pz, E in GeV of the jet as clustered (zlogz, multiplicity).
        groomed: four-momenta (m, 4) of what soft drop left, 1 <= m <= n (all other features).

    Returns:
        Array (16,), float64; `mass_mmdt` in GeV, the rest dimensionless.
    """
    px, py, pz, energy = groomed.T
    total = groomed.sum(axis=0)
    values = correlation_ratios(np.hypot(px, py), np.arctanh(pz / energy), np.arctan2(py, px))
    values["zlogz"] = zlogz(np.hypot(constituents[:, 0], constituents[:, 1]))
    values["multiplicity"] = float(len(constituents))
    values["mass_mmdt"] = float(np.sqrt(max(total[3] ** 2 - np.sum(total[:3] ** 2), 0.0)))
    return np.array([values[name] for name in FEATURES])


def smear_particles(particles: Particles, rng: np.random.Generator) -> Particles:
    """Return particles as a particle-flow detector might see them: some lost, the rest with finite resolution.

    Charged particles: 95 % found inside |eta| < 2.5 (outside it calorimeter energy only, as neutral hadrons), with
    sigma(pT)/pT = 1 % and 1.5e-4 pT/GeV in quadrature. Photons: sigma(E)/E = 5 %/sqrt(E/GeV) and 1 % in quadrature,
    directions 0.005. Neutral hadrons: 100 %/sqrt(E/GeV) and 5 %, directions 0.025. Then pT > 0.5 GeV. Rounded values
    for a general-purpose LHC detector, not a tuned model of one; the jet energy is not recalibrated.

    Args:
        particles: generated particles.
        rng: source of randomness.

    Returns:
        The particles seen, with smeared pT, eta and phi.
    """
    n = len(particles.pt)
    track = particles.charged & (np.abs(particles.eta) < TRACKER_ETA)
    photon = np.isin(np.abs(particles.code), (11, 22)) & ~track
    energy = np.sqrt((particles.pt * np.cosh(particles.eta)) ** 2 + particles.mass**2)
    resolution = np.where(photon, np.hypot(0.05 / np.sqrt(energy), 0.01), np.hypot(1.0 / np.sqrt(energy), 0.05))
    resolution = np.where(track, np.hypot(0.01, 1.5e-4 * particles.pt), resolution)
    angle = np.where(track, 0.0, np.where(photon, 0.005, 0.025))
    pt = particles.pt * (1.0 + resolution * rng.standard_normal(n))
    eta = particles.eta + angle * rng.standard_normal(n)
    phi = particles.phi + angle * rng.standard_normal(n)
    seen = (pt > RECONSTRUCTION_PT) & (~track | (rng.random(n) < 0.95))
    return Particles(pt, eta, phi, particles.mass, particles.code, particles.charged).take(seen)


def pileup_overlay(pool: Sequence[Particles], rng: np.random.Generator) -> list[Particles]:
    """Draw the soft collisions of one bunch crossing after an idealised charged-hadron subtraction.

    Poisson(40) events of the pool, with replacement, each turned by a random azimuth and mirrored in eta at random, so
    that a pool of a few hundred serves many crossings. Charged particles in the tracker are removed (their vertex is
    known); what stays has pT > 0.5 GeV.
    """
    drawn = []
    for index in rng.integers(len(pool), size=rng.poisson(PILEUP_MEAN)):
        soft = pool[index]
        eta = soft.eta * rng.choice((-1.0, 1.0))
        phi = soft.phi + rng.uniform(0.0, 2 * np.pi)
        drawn.append(Particles(soft.pt, eta, phi, soft.mass, soft.code, soft.charged))
    return drawn


def survives_subtraction(particles: Particles) -> np.ndarray:
    """Mask of pileup particles that charged-hadron subtraction cannot remove and that exceed 0.5 GeV."""
    return (particles.pt > RECONSTRUCTION_PT) & ~(particles.charged & (np.abs(particles.eta) < TRACKER_ETA))


def simulation_modules() -> tuple[Any, Any, Any]:
    """Return the modules pythia8mc, fastjet and awkward, or stop with one line that says how to get them."""
    try:
        import awkward
        import fastjet
        import pythia8mc
    except ImportError as error:
        raise SystemExit(
            f"simulate_jets: {error.name or error} is missing; install it with: pip install 'lowland[simulation]'"
        ) from None
    return pythia8mc, fastjet, awkward


def generator(settings: Sequence[str], seed: int) -> Any:
    """Return an initialised Pythia with the common settings, `settings` and the given seed (1 to 900,000,000)."""
    pythia8mc, _, _ = simulation_modules()
    pythia = pythia8mc.Pythia("", False)
    for line in (*COMMON_SETTINGS, *settings, "Random:setSeed = on", f"Random:seed = {seed}"):
        if not pythia.readString(line):
            raise SystemExit(
                f"simulate_jets: Pythia refused the setting {line!r}; see the versions in docs/data/jets.md"
            )
    if not pythia.init():
        raise SystemExit(f"simulate_jets: Pythia did not initialise with {list(settings)}")
    return pythia


def _charges(pythia: Any, codes: np.ndarray) -> np.ndarray:
    """True where the particle of that PDG code is charged."""
    unique, inverse = np.unique(codes, return_inverse=True)
    return np.array([pythia.particleData.chargeType(int(code)) != 0 for code in unique])[inverse]


def visible_events(pythia: Any, events: int) -> Iterator[tuple[Particles, np.ndarray]]:
    """Generate events; yield each one's visible final particles and the (eta, phi) of its two hard partons."""
    record = pythia.nextBatch(events).prt
    lengths = np.asarray([len(event) for event in record.id])
    columns = {name: np.concatenate([np.asarray(event) for event in record[name]]) for name in ("id", "status", "m")}
    momentum = {name: np.concatenate([np.asarray(event) for event in record.p[name]]) for name in ("px", "py", "pz")}
    pt = np.hypot(momentum["px"], momentum["py"])
    eta = np.arcsinh(momentum["pz"] / np.maximum(pt, 1e-12))
    phi = np.arctan2(momentum["py"], momentum["px"])
    every = Particles(pt, eta, phi, np.maximum(columns["m"], 0.0), columns["id"], _charges(pythia, columns["id"]))
    visible = (columns["status"] > 0) & ~np.isin(np.abs(columns["id"]), NEUTRINOS) & (np.abs(eta) < 5.0)
    for start, stop in zip(np.cumsum(lengths) - lengths, np.cumsum(lengths), strict=True):
        # Rows 0 to 6 of a Pythia record: the event, the beams, the incoming partons, the two outgoing ones.
        hard = np.stack([eta[start + 5 : start + 7], phi[start + 5 : start + 7]], axis=1)
        yield every.take(start + np.flatnonzero(visible[start:stop])), hard


def cluster_and_groom(events: Sequence[Particles], min_pt: float) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Cluster events with anti-kT (R = 0.8) and groom every jet above `min_pt` with soft drop (beta 0, z_cut 0.1).

    Yields, per event, a list of (constituents, groomed constituents), hardest jet first; both are (n, 4) arrays of px,
    py, pz, E in GeV.
    """
    _, fastjet, ak = simulation_modules()
    four = [event.four_momenta() for event in events]
    lengths = [len(event.pt) for event in events]
    flat = {name: np.concatenate([f[name] for f in four]) for name in ("px", "py", "pz", "E")}
    particles = ak.zip({name: ak.unflatten(values, lengths) for name, values in flat.items()}, with_name="Momentum4D")
    clusters = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.antikt_algorithm, JET_RADIUS))
    jets = clusters.inclusive_jets(min_pt=min_pt)
    order = ak.argsort(jets.px**2 + jets.py**2, axis=1, ascending=False)
    members = clusters.constituents(min_pt=min_pt)[order]
    per_event = ak.num(members, axis=1).to_list()
    members = ak.flatten(members, axis=1)
    if len(members) == 0:
        yield from ([] for _ in per_event)
        return
    # One C/A tree per jet: a radius far beyond the jet's keeps all its constituents in it.
    trees = fastjet.ClusterSequence(members, fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0))
    groomed = trees.exclusive_jets_softdrop_grooming(
        1, beta=0.0, symmetry_cut=SOFT_DROP_Z_CUT, R0=JET_RADIUS
    ).constituents
    pairs = iter(zip(_four_columns(members, ak), _four_columns(groomed, ak), strict=True))
    for count in per_event:
        yield [next(pairs) for _ in range(count)]


def _four_columns(jets: Any, ak: Any) -> list[np.ndarray]:
    """One (n, 4) array a jet from a jagged array of four-momenta."""
    stops = np.cumsum(ak.num(jets, axis=1).to_numpy())[:-1]
    flat = np.stack([ak.flatten(jets[name], axis=1).to_numpy() for name in ("px", "py", "pz", "E")], axis=1)
    return np.split(flat, stops)


def _pt_eta_phi(constituents: np.ndarray) -> tuple[float, float, float]:
    px, py, pz, _ = constituents.sum(axis=0)
    pt = float(np.hypot(px, py))
    return pt, float(np.arcsinh(pz / pt)), float(np.arctan2(py, px))


def accepted(constituents: np.ndarray, hard: np.ndarray, window: tuple[float, float]) -> bool:
    """True for a central jet inside the pT window (GeV) that lies within 0.6 of one of the two hard partons."""
    pt, eta, phi = _pt_eta_phi(constituents)
    d_phi = (phi - hard[:, 1] + np.pi) % (2 * np.pi) - np.pi
    return (
        window[0] < pt < window[1]
        and abs(eta) < MAX_JET_ETA
        and bool(np.min(np.hypot(eta - hard[:, 0], d_phi)) < MATCH_DELTA_R)
    )


def simulate_chunk(chunk: Chunk) -> tuple[np.ndarray, int]:
    """Generate one chunk: up to two accepted jets an event until the chunk is full.

    Args:
        chunk: what to simulate.

    Returns:
        The table (jets, 17), float32: the features in the order of `FEATURES`, then the jet's pT in GeV; and the number
        of generated events.
    """
    scenario, rng = SCENARIOS[chunk.scenario], chunk.stream()
    event_seed, pool_seed = (int(s) for s in rng.integers(1, 900_000_000, size=2))
    low, high = 0.99 * scenario.parton_pt, 1.01 * scenario.parton_pt
    window = (f"PhaseSpace:pTHatMin = {low}", f"PhaseSpace:pTHatMax = {high}")
    pythia = generator((*PROCESSES[chunk.label], *window), event_seed)
    pool: list[Particles] = []
    if scenario.pileup:
        soft = generator(("SoftQCD:inelastic = on",), pool_seed)
        while len(pool) < PILEUP_POOL:
            pool += [p.take(survives_subtraction(p)) for p, _ in visible_events(soft, BATCH_EVENTS)]
    rows: list[np.ndarray] = []
    generated = 0
    while len(rows) < chunk.jets:
        batch = list(visible_events(pythia, BATCH_EVENTS))
        generated += len(batch)
        events = [particles for particles, _ in batch]
        if scenario.smear:
            events = [smear_particles(event, rng) for event in events]
        if scenario.pileup:
            events = [concatenate([event, *pileup_overlay(pool, rng)]) for event in events]
        for (_, hard), jets in zip(batch, cluster_and_groom(events, scenario.jet_pt[0]), strict=True):
            for constituents, groomed in jets[:2]:
                if accepted(constituents, hard, scenario.jet_pt):
                    rows.append(np.append(jet_features(constituents, groomed), _pt_eta_phi(constituents)[0]))
    return np.array(rows[: chunk.jets], dtype=np.float32), generated


def plan(jets_per_class: int, shifted_jets_per_class: int, seed: int) -> list[Chunk]:
    """Cut the whole simulation into chunks of at most 2,500 jets; the cut depends on the numbers of jets alone."""
    chunks = []
    for scenario in SCENARIOS:
        jets = jets_per_class if scenario == "nominal" else shifted_jets_per_class
        for label in PROCESSES:
            for index, start in enumerate(range(0, jets, CHUNK_JETS)):
                chunks.append(Chunk(scenario, label, index, min(CHUNK_JETS, jets - start), seed))
    return chunks


def run(chunks: Sequence[Chunk], workers: int) -> list[np.ndarray]:
    """Simulate all chunks on `workers` processes, with one line of progress a chunk; results in order of `chunks`."""
    # Before the workers start: their vectors are too short for threads, and one thread fixes the order of sums.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    start, done = time.monotonic(), 0
    tables: list[np.ndarray] = [np.empty((0, len(FEATURES) + 1), dtype=np.float32)] * len(chunks)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(simulate_chunk, chunk): i for i, chunk in enumerate(chunks)}
        for future in as_completed(futures):
            i = futures[future]
            tables[i], generated = future.result()
            done += 1
            chunk, seconds = chunks[i], time.monotonic() - start
            print(
                f"[{done}/{len(chunks)}] {chunk.scenario} {chunk.label}: {chunk.jets} jets from {generated} events, "
                f"{seconds:.0f} s",
                flush=True,
            )
    return tables


def assemble(chunks: Sequence[Chunk], tables: Sequence[np.ndarray], seed: int) -> pa.Table:
    """Return one table of all chunks in an order shuffled by the seed: position tells nothing about the class."""
    values = np.concatenate(list(tables))
    counts = [len(table) for table in tables]
    order = np.random.default_rng((seed, 2)).permutation(len(values))
    columns = {name: pa.array(values[order, i]) for i, name in enumerate((*FEATURES, "jet_pt"))}
    for column, names in (("label", [c.label for c in chunks]), ("set", [c.scenario for c in chunks])):
        columns[column] = pa.array(np.repeat(names, counts)[order].tolist(), pa.string())
    return pa.table(columns)


def write(table: pa.Table, path: Path) -> None:
    """Write the table atomically: zstd, bytes of the floats transposed (they compress better so)."""
    numbers = [*FEATURES, "jet_pt"]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pq.write_table(
        table,
        partial,
        compression="zstd",
        compression_level=19,
        use_dictionary=["label", "set"],
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        store_schema=False,
    )
    os.replace(partial, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, simulate, write the Parquet file."""
    parser = argparse.ArgumentParser(description="Simulate the jets data set (needs the extra 'simulation').")
    parser.add_argument("--jets-per-class", type=int, default=10_000, help="jets of each class in the nominal set")
    parser.add_argument("--shifted-jets-per-class", type=int, default=1_000, help="the same for each shifted set")
    parser.add_argument("--seed", type=int, default=1, help="seed of the whole simulation, zero or more")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; the result is the same")
    parser.add_argument("--output", type=Path, default=Path("data/01_raw/jets.parquet"))
    options = parser.parse_args(arguments)
    for name in ("jets_per_class", "workers"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {getattr(options, name)}")
    for name in ("shifted_jets_per_class", "seed"):
        if getattr(options, name) < 0:
            parser.error(f"--{name.replace('_', '-')} must be at least 0, got {getattr(options, name)}")
    simulation_modules()
    chunks = plan(options.jets_per_class, options.shifted_jets_per_class, options.seed)
    tables = run(chunks, options.workers)
    for chunk, values in zip(chunks, tables, strict=True):
        if not np.isfinite(values).all():
            raise SystemExit(f"simulate_jets: {chunk} holds a value that is not finite; nothing was written")
    table = assemble(chunks, tables, options.seed)
    write(table, options.output)
    print(f"{table.num_rows} jets, {options.output.stat().st_size / 1e6:.2f} MB: {options.output}")


if __name__ == "__main__":
    main()
