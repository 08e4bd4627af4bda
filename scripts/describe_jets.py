"""Write the data card of the simulated jets, `docs/data/jets.md`, with every figure measured on the committed table.

    python -m scripts.describe_jets --simulation-seconds 938

Run it in the environment that simulated the jets: the card names the versions installed there. The text stands in
`scripts/jets_card.md.j2`; the wall time of the simulation is the one figure that the table cannot tell.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import confusion_matrix, roc_auc_score

from lowland.architectures import initialised_network
from lowland.tasks.groups import tied_rows
from lowland.tasks.jets import CLASSES, FEATURES, UNITS
from lowland.tasks.preprocessing import Classes
from lowland.tasks.splitting import stratified_split
from lowland.tasks.standardisation import standardisation
from lowland.tasks.task import NOMINAL
from lowland.training import Recipe, TrainingData, TrainingOptions, train
from scripts import simulate_jets

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("jets_card.md.j2")

PACKAGES = ("pythia8mc", "fastjet", "awkward", "awkward_cpp", "vector", "numpy", "pyarrow")
TOOLS = ("torch", "scikit-learn")
SETS = tuple(simulate_jets.SCENARIOS)
SHIFTED = tuple(name for name in SETS if name != NOMINAL)

HIDDEN = (64, 32, 32)
OPTIONS = TrainingOptions(epochs=100, batch_size=512, learning_rate=2e-3, schedule="cosine")
SEEDS = (0, 1, 2)
TRAINING_ROWS = 40_000
TEST_ROWS = 10_000
SMALLER_TRAINING_ROWS = (5_000, 20_000)
BOOSTING_ROUNDS = 150
DECAY_EVENTS = 5_000
# Far below both boson masses (80 and 91 GeV): a groomed jet this light holds one prong of the decay, not two.
LOST_PRONG_MASS = 50.0

Labels = NDArray[np.int64]


def inputs_and_labels(frame: pd.DataFrame) -> tuple[NDArray[np.float64], Labels]:
    """Features (n, 16) and class numbers (n,) in the order of `CLASSES`."""
    labels = pd.Categorical(frame["label"], categories=list(CLASSES)).codes
    return frame[list(FEATURES)].to_numpy(np.float64), labels.astype(np.int64)


def lost_prong(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """W and Z jets whose groomed mass tells that grooming removed one of the two quarks."""
    return (frame["label"].isin(["w", "z"]) & (frame["mass_mmdt"] < LOST_PRONG_MASS)).to_numpy()


def asymmetric_decays(z_cut: float) -> dict[str, float]:
    """Share of two-body decays in which one quark has less than `z_cut` of the momentum, by polarisation.

    For a fast boson the quarks' shares are (1 ± c) / 2, with c the cosine of the decay angle in the boson's frame: the
    share sought is that of |c| > 1 - 2 z_cut. Transverse bosons decay as 3/8 (1 + c²) (both helicities together),
    longitudinal ones as 3/4 (1 - c²).
    """
    c = 1.0 - 2.0 * z_cut
    return {
        "transverse": 1.0 - 0.75 * (c + c**3 / 3),
        "isotropic": 1.0 - c,
        "longitudinal": 1.0 - 1.5 * (c - c**3 / 3),
    }


def generated_decays(label: str) -> float:
    """The same share among the bosons that Pythia generates for `nominal`, before any shower; label `w` or `z`."""
    parton_pt = simulate_jets.SCENARIOS[NOMINAL].parton_pt
    window = (f"PhaseSpace:pTHatMin = {0.99 * parton_pt}", f"PhaseSpace:pTHatMax = {1.01 * parton_pt}")
    bare = ("PartonLevel:all = off", "HadronLevel:all = off")
    pythia = simulate_jets.generator((*simulate_jets.PROCESSES[label], *window, *bare), seed=1)
    smaller = []
    for _ in range(DECAY_EVENTS):
        if not pythia.next():
            continue
        event = pythia.process
        # Rows 5 and 6 are the two bosons; their daughters stand next to each other.
        for boson in (event[5], event[6]):
            first, second = event[boson.daughter1()].pT(), event[boson.daughter2()].pT()
            smaller.append(min(first, second) / (first + second))
    share = float(np.mean(np.array(smaller) < simulate_jets.SOFT_DROP_Z_CUT))
    print(f"decays of {label}, generated: {share:.4f} of {len(smaller)}", flush=True)
    return share


def fitted_probabilities(
    training: pd.DataFrame, others: dict[str, pd.DataFrame], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Class probabilities (n, 5) on `others` of a network trained on `training`.

    The training rows stand in for the validation rows: no row is spent on choosing an epoch, and none of the test rows
    takes part in the choice.
    """
    features, labels = inputs_and_labels(training)
    preprocessing = standardisation(features, UNITS, Classes(names=CLASSES))
    rows = preprocessing.samples(features, labels)
    spec = {"kind": "mlp", "inputs": len(FEATURES), "hidden": list(HIDDEN), "outputs": len(CLASSES)}
    key = ("jets card", seed)
    fitted = train(
        initialised_network(spec, key=key),
        TrainingData(rows, rows, torch.nn.functional.cross_entropy),
        recipe=Recipe.model_validate({"kind": "plain"}).root,
        options=OPTIONS,
        key=key,
    )
    if fitted.status != "ok":
        raise SystemExit(f"describe_jets: training with seed {seed} diverged; no card was written")
    with torch.no_grad():
        return {
            name: fitted.network(preprocessing.samples(*inputs_and_labels(part)).inputs).softmax(dim=1).double().numpy()
            for name, part in others.items()
        }


def network_figures(parts: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Accuracies by set, areas under the curve, confusion matrix and the training-size curve."""
    truth = {name: inputs_and_labels(part)[1] for name, part in parts.items()}
    lost, bosons = lost_prong(parts["test"]), parts["test"]["label"].isin(["w", "z"]).to_numpy()
    groups = {"lost": lost, "bosons kept": bosons & ~lost, "all but lost": ~lost}
    accuracy: dict[str, list[float]] = {name: [] for name in parts}
    by_group: dict[str, list[float]] = {name: [] for name in groups}
    areas: list[list[float]] = []
    confusions: list[NDArray[np.float64]] = []
    for seed in SEEDS:
        probabilities = fitted_probabilities(parts["training"], parts, seed)
        right = {name: p.argmax(axis=1) == truth[name] for name, p in probabilities.items()}
        for name, values in right.items():
            accuracy[name].append(float(values.mean()))
        for name, mask in groups.items():
            by_group[name].append(float(right["test"][mask].mean()))
        test = probabilities["test"]
        areas.append([float(roc_auc_score(truth["test"] == i, test[:, i])) for i in range(len(CLASSES))])
        confusions.append(confusion_matrix(truth["test"], test.argmax(axis=1), normalize="true"))
        print(
            f"network, seed {seed}: { ({name: round(values[-1], 4) for name, values in accuracy.items()}) }", flush=True
        )
    curve = {}
    for count in SMALLER_TRAINING_ROWS:
        test = fitted_probabilities(parts["training"].head(count), {"test": parts["test"]}, SEEDS[0])["test"]
        curve[count] = float((test.argmax(axis=1) == truth["test"]).mean())
        print(f"network, {count} training rows: {curve[count]:.4f}", flush=True)
    curve[TRAINING_ROWS] = accuracy["test"][0]
    return {
        "accuracy": accuracy,
        "by_group": {name: float(np.mean(values)) for name, values in by_group.items()},
        "auc": dict(zip(CLASSES, np.mean(areas, axis=0).tolist(), strict=True)),
        "confusion": dict(zip(CLASSES, np.mean(confusions, axis=0).tolist(), strict=True)),
        "curve": curve,
    }


def boosting_accuracy(training: pd.DataFrame, test: pd.DataFrame) -> float:
    """Test accuracy of boosted trees, a classifier of quite another kind than the network."""
    trees = HistGradientBoostingClassifier(max_iter=BOOSTING_ROUNDS, random_state=0)
    value = float(trees.fit(*inputs_and_labels(training)).score(*inputs_and_labels(test)))
    print(f"boosting, {len(training)} training rows: {value:.4f}", flush=True)
    return value


def table_figures(frame: pd.DataFrame) -> dict[str, Any]:
    """What the table itself tells: counts, ranges, medians, peaks and undefined ratios."""
    nominal = frame[frame["set"] == NOMINAL]
    counts = frame.groupby(["set", "label"]).size()
    by_set = {name: sorted({int(counts[name, label]) for label in CLASSES}) for name in SETS}
    uneven = {name: values for name, values in by_set.items() if len(values) > 1}
    if uneven or not np.isfinite(frame[[*FEATURES, "jet_pt"]].to_numpy()).all():
        raise SystemExit(f"describe_jets: the card says balanced and finite, the table is not ({uneven or 'NaN'})")
    groups = frame.groupby(["set", "label"])
    mass, multiplicity = groups["mass_mmdt"].median(), groups["multiplicity"].mean()
    peaks = {}
    for label in ("w", "z", "t"):
        histogram, edges = np.histogram(
            nominal.loc[nominal["label"] == label, "mass_mmdt"], np.arange(60.0, 200.0, 2.0)
        )
        peaks[label] = float(edges[histogram.argmax()] + 1.0)
    columns = nominal[list(FEATURES)].astype(np.float64)
    lost = lost_prong(nominal)
    return {
        "rows": len(frame),
        "per_class": {name: values[0] for name, values in by_set.items()},
        "nominal_rows": len(nominal),
        "ranges": {
            name: [*np.quantile(values, [0, 0.01, 0.5, 0.99, 1]), values.mean(), values.std()]
            for name, values in columns.items()
        },
        "medians": {name: [(mass[name, label], multiplicity[name, label]) for label in CLASSES] for name in SETS},
        "peaks": peaks,
        "fewer_than_three": int((frame["d2_b1_mmdt"] == 0).sum()),
        "single": int((frame["c1_b1_mmdt"] == 0).sum()),
        "lost": {label: float(lost[nominal["label"] == label].mean()) for label in ("w", "z")},
        "lost_of_all": float(lost.mean()),
    }


def three_digits(value: float) -> str:
    """Three significant digits, without exponents for large numbers."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def described(table: Path, simulation_seconds: float | None, command: str) -> str:
    """The card's text."""
    frame = pd.read_parquet(table)
    features, labels = inputs_and_labels(frame)
    nominal = np.flatnonzero(frame["set"] == NOMINAL)
    sizes = {"training": TRAINING_ROWS, "test": TEST_ROWS}
    tied = tied_rows(features[nominal].astype(np.float32))
    split = stratified_split(tied, labels[nominal], sizes, key=("jets card",))
    parts = {name: frame.iloc[nominal[rows]] for name, rows in split.items()}
    without_lost = {name: part[~lost_prong(part)] for name, part in parts.items()}
    figures = table_figures(frame)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "percent": lambda value: f"{100 * value:.0f} %",
        "share": lambda value: f"{value:.3f}",
        "mean": lambda values: f"{np.mean(values):.3f}",
        "count": lambda value: f"{value:,.0f}",
        "digits": three_digits,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        table=figures,
        network=network_figures(parts | {name: frame[frame["set"] == name] for name in SHIFTED}),
        boosting=boosting_accuracy(parts["training"], parts["test"]),
        boosting_without_lost=boosting_accuracy(without_lost["training"], without_lost["test"]),
        decays=asymmetric_decays(simulate_jets.SOFT_DROP_Z_CUT),
        generated={label: generated_decays(label) for label in ("w", "z")},
        sim=simulate_jets,
        scenarios=simulate_jets.SCENARIOS,
        classes=CLASSES,
        shifted=SHIFTED,
        hidden=HIDDEN,
        options=OPTIONS,
        seeds=SEEDS,
        training_rows=len(parts["training"]),
        test_rows=len(parts["test"]),
        rounds=BOOSTING_ROUNDS,
        lost_mass=LOST_PRONG_MASS,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        system=f"{platform.system()} {platform.machine()}",
        versions={name: version(name) for name in (*PACKAGES, *TOOLS)},
        packages=PACKAGES,
        tools=TOOLS,
        minutes=None if simulation_seconds is None else simulation_seconds / 60,
        command=command,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, write the card."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Write the data card of the simulated jets (trains small networks).")
    parser.add_argument("--table", type=Path, default=ROOT / "data" / "01_raw" / "jets.parquet")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "data" / "jets.md")
    parser.add_argument(
        "--simulation-seconds", type=float, help="wall time of the simulation on two busy cores (left out if not given)"
    )
    options = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "scripts.describe_jets", *arguments])
    text = described(options.table, options.simulation_seconds, command)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
