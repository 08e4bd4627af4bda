"""LHC jet tagging: five kinds of jets classified by sixteen substructure features.

The task of the hls4ml studies (Duarte et al. 2018, arXiv 1804.06913). The default source is the project's own
simulation (``docs/data/jets.md``); ``source: openml`` reads the published set.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lowland.errors import LowlandError
from lowland.tasks.classifier import Classifier
from lowland.tasks.description import Provenance, ShiftedSet
from lowland.tasks.groups import tied_rows
from lowland.tasks.preprocessing import DIMENSIONLESS, Classes
from lowland.tasks.split_sizes import ClassifierSplitSizes, Count
from lowland.tasks.splits import HeldOut, Splits, halved
from lowland.tasks.splitting import stratified_split
from lowland.tasks.standardisation import standardisation
from lowland.tasks.table_checks import check_table
from lowland.tasks.task import NOMINAL
from lowland.vocabulary.conditions import declare

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
UNITS = dict.fromkeys(FEATURES, DIMENSIONLESS) | {"mass_mmdt": "GeV"}
CLASSES = ("g", "q", "w", "z", "t")
SHIFTED = (
    ShiftedSet(name="high_pt", label="another pT window", explanation="Jets of higher transverse momentum."),
    ShiftedSet(name="pileup", label="pile-up", explanation="Particles of simultaneous collisions lie over the jets."),
    ShiftedSet(name="smeared", label="detector smearing", explanation="A detector of coarser resolution."),
)
declare(*(shifted.condition for shifted in SHIFTED))
OPENML_NAME = "hls4ml_lhc_jets_hlf"


class JetsOptions(ClassifierSplitSizes):
    """Where the jets come from, how many rows each set gets and how wide the network is.

    Attributes:
        source: ``file`` for the simulated jets that come with the project, or ``openml`` for the published set.
        hidden: Units of each hidden layer.
    """

    kind: Literal["jets"]
    source: Literal["file", "openml"]
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]


class Jets(Classifier):
    """Jet tagging with cross-entropy and accuracy."""

    def __init__(self, options: JetsOptions) -> None:
        self.options = options
        widths = "-".join(map(str, options.hidden))
        origin = "simulated LHC jets" if options.source == "file" else "the published hls4ml LHC jets"
        self.description = (
            f"The task: {origin} of five kinds (gluon, light quark, W, Z, top), told apart by {len(FEATURES)} "
            f"substructure features; the network has {widths} hidden units with ReLU."
        )
        self.shifted_sets = tuple(SHIFTED) if options.source == "file" else ()

    @property
    def provenance(self) -> Provenance:
        """The simulated jets come with the project."""
        return "shipped" if self.options.source == "file" else "downloaded"

    def fetch(self) -> pd.DataFrame:
        """The published jets."""
        return fetch_openml_jets()

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, finite features, known labels and at least two jets a class in every set."""
        if "set" not in raw.columns:
            raise LowlandError(f"{origin}: column 'set' is missing; expected it to name the nominal and shifted sets")
        if NOMINAL not in set(raw["set"]):
            raise LowlandError(f"{origin}: column 'set' never says {NOMINAL!r}; these rows are the training data")
        names = [shifted.name for shifted in self.shifted_sets]
        for name in names:
            if name not in set(raw["set"]):
                raise LowlandError(
                    f"{origin}: column 'set' never says {name!r}; expected {', '.join(names)} beside {NOMINAL}"
                )
        for name, part in raw.groupby("set", sort=False):
            check_table(part, features=FEATURES, label="label", classes=CLASSES, origin=f"{origin} (set {name!r})")

        nominal = int((raw["set"] == NOMINAL).sum())
        self.options.check_share(nominal, least=len(CLASSES), why=f"one a class ({len(CLASSES)})", origin=origin)

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Stratified, duplicate-free splits of the nominal jets; the other sets become the shifted ones."""
        sets = {
            str(part_name): (
                part[list(FEATURES)].to_numpy(np.float64),
                pd.Categorical(part["label"], categories=list(CLASSES)).codes.astype(np.int64),
            )
            for part_name, part in raw.groupby("set", sort=True)
        }
        features, labels = sets.pop(NOMINAL)
        tied = tied_rows(features.astype(np.float32))
        chosen = stratified_split(tied, labels, self.options.sizes, key=(self.options.kind,))
        preprocessing = standardisation(features[chosen["train"]], UNITS, Classes(names=CLASSES))

        def held_out(name: str, values: NDArray[np.float64], classes: NDArray[np.int64]) -> HeldOut:
            alike = tied_rows(values.astype(np.float32))
            rows = preprocessing.samples(values, classes)
            return halved(rows, key=(self.options.kind, name), tied=alike, labels=classes)

        last = chosen.pop("test")
        return Splits(
            {part: preprocessing.samples(features[rows], labels[rows]) for part, rows in chosen.items()},
            held_out("test", features[last], labels[last]),
            zero=preprocessing.zero,
            shifted={part: held_out(part, *values) for part, values in sets.items()},
            facts={"preprocessing": preprocessing.model_dump(mode="json")},
        )

    def network_spec(self) -> dict[str, Any]:
        """A multilayer perceptron; the published one is 64-32-32."""
        return {"kind": "mlp", "inputs": len(FEATURES), "hidden": list(self.options.hidden), "outputs": len(CLASSES)}

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(CLASSES)


def fetch_openml_jets() -> pd.DataFrame:
    """The published jets as a raw table: all rows nominal, no shifted sets.

    Raises:
        LowlandError: The set could not be fetched or lacks the expected columns.
    """
    from sklearn.datasets import fetch_openml

    try:
        bunch = fetch_openml(OPENML_NAME, as_frame=True, parser="auto")
    except (OSError, ValueError) as error:
        raise LowlandError(
            f"tasks: source openml could not read {OPENML_NAME!r} ({error}); check the network or use source: file"
        ) from error
    frame = bunch.data.copy()
    missing = [feature for feature in FEATURES if feature not in frame.columns]
    if missing:
        raise LowlandError(f"tasks: the OpenML set {OPENML_NAME!r} has no column {missing[0]!r}; it may have changed")
    return pd.DataFrame(
        frame[list(FEATURES)].astype("float32").assign(label=bunch.target.astype(str).str.lower(), set=NOMINAL)
    )
