"""What screening costs in seconds, against training and testing everything."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.analysis.screening.features import Source

MEASURED = ("perturbation", "disagreement", "worst_case", "certification")
"""Stages whose nodes measure what is predicted."""
COPIES = "quantize_after_training"


@dataclass(frozen=True, slots=True)
class Saving:
    """Seconds of a study of which every cell is trained and measured, and of one that is screened.

    Attributes:
        everything: Seconds of training all runs, making all cells and measuring them.
        screened: Seconds of measuring the sources of all runs, and of doing everything for the chosen recipes alone.
    """

    everything: float
    screened: float

    @property
    def share(self) -> float:
        """Of the seconds that are saved; negative where screening costs more than it saves."""
        return 1 - self.screened / self.everything


def saving(timings: pd.DataFrame, *, source: Source, training_share: float, chosen_share: float) -> Saving:
    """Seconds with and without screening, from those that a finished study took.

    The landscape of the float runs is measured for screening alone; that of copies takes making the copies, too. What
    was spent on the known study, from which predictions come, is not counted: it is finished.

    Args:
        timings: The study's ``timings.parquet``: a row a node with ``stage``, ``node``, ``seconds``.
        source: What is measured.
        training_share: Seconds of training until the sources are measured, over those of whole trainings.
        chosen_share: Of the recipes, which are then trained and measured in full; they start anew.
    """
    kind = timings.node.str.rpartition(".")[2]
    seconds = timings.seconds

    def spent(chosen: pd.Series) -> float:
        return float(seconds[chosen].sum())

    training, made = spent(timings.stage == "training"), spent(timings.stage == "quantization")
    everything = training + made + spent(timings.stage.isin(MEASURED))
    precision = timings.namespace.str.rpartition(".")[2]
    landscape, copies = timings[kind == "measure_landscape"], kind == COPIES
    made_after = precision.isin(set(precision[copies]))
    of_floats = precision.isin(set(precision[kind == "deploy_float"]))
    measured = float(landscape.seconds[(of_floats if source == "float" else made_after)[landscape.index]].sum())
    looking = training_share * training + measured + (spent(copies) if source == "ptq" else 0.0)
    return Saving(everything, looking + chosen_share * everything)
