"""ECON-T: an autoencoder in a radiation-hard ASIC compresses the trigger charges of a calorimeter's wafers.

The sensing model of Di Guglielmo et al. 2021 (arXiv 2105.01683) and Baldi et al. 2025 (arXiv 2502.08355). It learns
from files of wafers, or from the project's own simulation for users without data (``docs/data/econ.md``).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.tasks.description import Readings, ShiftedSet, check_set_names
from lowland.tasks.econ.emd import earth_movers_distances
from lowland.tasks.econ.hgcal import CELLS, PIXEL_OF_CELL, SIDE, cell_distances
from lowland.tasks.econ.preprocessing import WaferPreprocessing
from lowland.tasks.econ.showers import SCENARIOS, simulated_wafers
from lowland.tasks.econ.telescope import telescope_losses
from lowland.tasks.econ.wafers import CHARGES, check_charges, check_columns, csv_files, normalised, read_wafers
from lowland.tasks.groups import tied_rows
from lowland.tasks.split_sizes import LEAST_ROWS, Count, SplitSizes, least_rows, seen_from
from lowland.tasks.splits import LEAST_HELD_OUT, HeldOut, Samples, Splits, halved
from lowland.tasks.splitting import stratified_split
from lowland.tasks.task import NOMINAL, Task

SetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class EconOptions(SplitSizes):
    """Where the wafers come from, how many rows each set gets and how wide the network is.

    Attributes:
        source: ``file`` of charges or ASIC words; ``simulated`` by the project; ``auto``: files where ``path`` is
            there, else simulated. A run decides that once, before anything else (``resolved``); it warns of a
            simulation, and the report says which it was.
        path: Of the nominal wafers: a CSV file, or a directory all of whose CSV files are one set of wafers; not with
            ``simulated``.
        shifted: Paths of shifted sets by name; not with ``simulated``, which has sets of its own.
        shifted_rows: Samples at most of each shifted set.
        filters: Filters of the encoder's convolution; the published network has 8.
        latent: Numbers that the encoder makes of a wafer; 16.
        initial_output: What every pixel shows before training. None leaves it at about a half, as published: the first
            steps then push all pixels down at once, leave most of the code's ReLUs dead, and many more are needed to
            bring them back. About 0.02, the mean of a pixel, spares few data that.
    """

    kind: Literal["econ"]
    source: Literal["file", "simulated", "auto"]
    path: Path | None = None
    shifted: dict[SetName, Path] = Field(default_factory=dict)
    shifted_rows: Annotated[int, Field(ge=LEAST_HELD_OUT)]
    filters: Count
    latent: Count
    initial_output: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _files_where_files_are_read(self) -> Self:
        if (self.path is None) != (self.source == "simulated"):
            raise ValueError(
                f"path is {self.path} with source {self.source!r}; expected a path with 'file' and 'auto', else none"
            )
        if self.shifted and self.source == "simulated":
            raise ValueError(
                "shifted names files with source 'simulated'; expected none: it simulates its shifted sets"
            )
        if NOMINAL in self.shifted:
            raise ValueError(f"shifted names a set {NOMINAL!r}; expected another name: that is the training data's")
        check_set_names(self.shifted, called="set")
        return self

    def resolved(self, root: Path) -> Self:
        """Files where they are, found from the project's folder wherever the program was started; else simulated."""
        if self.path is None:
            return self
        at = {name: seen_from(root, path) for name, path in self.shifted.items()}
        nominal = seen_from(root, self.path)
        if self.source == "auto" and not nominal.exists():
            return self.model_copy(update={"source": "simulated", "path": None, "shifted": {}})
        return self.model_copy(update={"source": "file", "path": nominal, "shifted": at})

    @property
    def paths(self) -> dict[str, Path]:
        """Files or directories by set, the nominal one first; none where wafers are simulated."""
        if self.path is None or (self.source == "auto" and not self.path.exists()):
            return {}
        return {NOMINAL: self.path, **self.shifted}


class Econ(Task):
    """Compression of wafers with the telescope loss and the earth mover's distance."""

    score_name = "emd"
    is_classifier = False
    readings = Readings(unit=1.0, extremes=(0.0, 1.0), limits=(0.0, float("inf")))
    sensor_dims = (1, 2, 3)
    float_from = "decoder"

    def __init__(self, options: EconOptions) -> None:
        self.options = options
        self._paths = options.paths
        origin = f"wafers from {self._paths[NOMINAL].name}" if self._paths else "simulated wafers"
        self.description = (
            f"The task: {origin} of a high-granularity calorimeter, {CELLS} trigger cells each, which an encoder on "
            f"the detector compresses into {options.latent} numbers and a decoder off it, left in float, reads back; "
            "scored by the earth mover's distance between true and decoded charges, in sensor cells."
        )
        names = tuple(options.shifted) if self._paths else tuple(SCENARIOS)[1:]
        self.shifted_sets = tuple(ShiftedSet.named(name) for name in names)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The CSV files that are read."""
        return tuple(file for path in self._paths.values() for file in csv_files(path))

    def fetch(self) -> pd.DataFrame:
        """Charges of all sets, read or simulated; column ``set`` names them."""
        if self._paths:
            sets = {name: read_wafers(path) for name, path in self._paths.items()}
        else:
            rows = dict.fromkeys(SCENARIOS, self.options.shifted_rows) | {NOMINAL: sum(self.options.sizes.values())}
            sets = {
                name: pd.DataFrame(
                    simulated_wafers(scenario, rows[name], key=(self.options.kind, name)), columns=list(CHARGES)
                )
                for name, scenario in SCENARIOS.items()
            }
        return pd.concat([table.assign(set=name) for name, table in sets.items()], ignore_index=True)

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, integer charges of at least 0 and enough wafers with charge in every set."""
        if "set" not in raw.columns:
            raise LowlandError(f"{origin}: column 'set' is missing; expected it to name the nominal and shifted sets")
        check_columns(list(raw.columns), origin)
        for name in (NOMINAL, *(shifted.name for shifted in self.shifted_sets)):
            part = raw[raw["set"] == name]
            where = f"{origin} (set {name!r})"
            check_charges(part, where)
            count = int(part[list(CHARGES)].to_numpy().any(1).sum())
            if count < LEAST_HELD_OUT:
                raise LowlandError(
                    f"{where}: {count} wafers with charge; expected at least {LEAST_HELD_OUT}: use more data"
                )
            if name == NOMINAL:
                self.options.check_share(count, least=LEAST_ROWS, why=str(LEAST_ROWS), origin=origin)
        for name, rows in self._split(_charges(raw, NOMINAL)).items():
            if len(rows) < least_rows(name):
                raise LowlandError(
                    f"{origin}: {len(rows)} wafers are left for {name}_rows because equal ones stay in one set; "
                    "expected more: use more data, or smaller shares for the other sets"
                )

    def _split(self, charges: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Row numbers by set; wafers with equal images stay together."""
        sizes, one_class = self.options.sizes, np.zeros(len(charges), dtype=np.int64)
        return stratified_split(tied_rows(normalised(charges)), one_class, sizes, key=(self.options.kind,))

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Wafers with charge as images; equal images in one split; shifted sets cut to ``shifted_rows``."""
        nominal = _charges(raw, NOMINAL)
        chosen = self._split(nominal)
        last = nominal[chosen.pop("test")]
        return Splits(
            {name: _samples(nominal[rows]) for name, rows in chosen.items()},
            self._held_out(last, "test"),
            zero=torch.zeros(1, SIDE, SIDE),
            shifted={s.name: self._drawn(_charges(raw, s.name), s.name) for s in self.shifted_sets},
            facts={"preprocessing": WaferPreprocessing().model_dump(mode="json")},
        )

    def _drawn(self, charges: NDArray[np.int64], name: str) -> HeldOut:
        order = torch.randperm(len(charges), generator=generator(self.options.kind, "shifted", name)).numpy()
        return self._held_out(charges[order[: self.options.shifted_rows]], name)

    def _held_out(self, charges: NDArray[np.int64], name: str) -> HeldOut:
        return halved(_samples(charges), key=(self.options.kind, name), tied=tied_rows(normalised(charges)))

    def network_spec(self) -> dict[str, Any]:
        """The published autoencoder, with as many filters and latent numbers as the options say."""
        options = self.options
        widths = {"filters": options.filters, "latent": options.latent}
        return {"kind": "wafer_autoencoder", "side": SIDE, **widths, "initial_output": options.initial_output}

    @property
    def num_outputs(self) -> int:
        """One a pixel."""
        return SIDE * SIDE

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Telescope loss."""
        return self.sample_losses(outputs, targets).mean()

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Telescope loss of every wafer."""
        return telescope_losses(_cells(outputs), targets)

    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Earth mover's distance of every wafer; one decoded to nothing or to no numbers gets the largest there is."""
        true, decoded = (values.detach().cpu().double().numpy() for values in (targets, _cells(outputs)))
        return torch.from_numpy(earth_movers_distances(true, decoded, self._distances)).float().to(outputs.device)

    @cached_property
    def _distances(self) -> NDArray[np.float64]:
        return cell_distances()

    def guess_score(self, targets: Tensor) -> float:
        """Mean distance to the mean of these wafers, each scaled to the same charge."""
        true = targets.cpu().double().numpy()
        mean = (true / true.sum(1, keepdims=True)).mean(0)
        return float(earth_movers_distances(true, np.tile(mean, (len(true), 1)), self._distances).mean())

    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """The mean of the wafers, each scaled to the same charge, on the pixels that show cells."""
        mean = (training / training.sum(1, keepdim=True)).mean(0)
        outputs = mean.new_zeros(self.num_outputs)
        outputs[torch.as_tensor(PIXEL_OF_CELL, device=mean.device)] = mean
        return outputs.expand(count, -1)

    def scored_outputs(self, outputs: Tensor) -> Tensor:
        """The pixels that show cells; the other 16 of 64 are duplicates, which no loss pulls anywhere."""
        return _cells(outputs)

    def decisions(self, outputs: Tensor) -> Tensor:
        """The cell with the most decoded charge."""
        return _cells(outputs).argmax(1)


def _cells(outputs: Tensor) -> Tensor:
    """The pixels [n, 64] that show the cells, in their order [n, 48]."""
    return outputs[:, torch.as_tensor(PIXEL_OF_CELL, device=outputs.device)]


def _charges(raw: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Wafers of a set that have any charge."""
    charges = raw.loc[raw["set"] == name, list(CHARGES)].to_numpy(np.int64)
    return charges[charges.any(1)]


def _samples(charges: NDArray[np.int64]) -> Samples:
    return Samples(WaferPreprocessing().apply(charges), torch.from_numpy(normalised(charges)))
