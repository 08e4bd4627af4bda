"""Detectors of disagreements compared in time, and abstention beside MAPIE's controller under the same guarantee.

    python benchmarks/disagreement.py
    python benchmarks/disagreement.py --quick    # few draws: does it work?

The peers: ``pip install --no-deps mapie==1.6.0 MLstatkit==0.1.91``; what is not installed is left out.

DeLong's paired test of two detectors is timed on 10,000 rows. For abstention a 64-32-32 MLP of jets is quantized to 4
bits; all rows that it has not seen are taken as the population, from which sets are drawn with replacement. A set
proves up to which uncertainty the network may answer; whether the risk then holds is counted on the population.
Thresholds are the same quantiles of other rows for everybody, the confidence is 90 %.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from faults import jets, trained
from torch import Tensor

from lowland.disagreement import abstention_threshold, compare_detectors, fixed_thresholds, uncertainty
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.randomness import generator

DELTA = 0.1
SETS, ROWS = 200, 2000
RISKS = (("wrong label", 0.2), ("wrong label", 0.1), ("other than float", 0.05), ("other than float", 0.01))
TRAINING, VALIDATION = 30_000, 5000
Find = Callable[[Tensor, Tensor, Tensor, float], float]


def delong(rows: int = 10_000) -> pd.DataFrame:
    """Seconds, z and p-value of ours and of MLstatkit's on the same rows."""
    marked = torch.rand(rows, generator=generator("benchmark", "marked")) < 0.03
    first, second = (
        torch.randn(rows, generator=generator("benchmark", name)).mul(100).round() + shift * marked
        for name, shift in (("first", 150), ("second", 130))
    )
    found = {}
    start = time.perf_counter()
    ours = compare_detectors(first, second, marked)
    found["lowland"] = {"seconds": time.perf_counter() - start, "z": ours.z, "p": ours.p_value}
    if importlib.util.find_spec("MLstatkit") is not None:
        from MLstatkit.delong import Delong_test

        start = time.perf_counter()
        z, p, *_ = Delong_test(marked.int().numpy(), first.numpy(), second.numpy())
        found["MLstatkit"] = {"seconds": time.perf_counter() - start, "z": -z, "p": p}  # its z is second less first
    return pd.DataFrame(found).T


@dataclass(frozen=True)
class Population:
    """Uncertainties and errors by kind of rows that stand for all there are, and uncertainties that fix thresholds."""

    scores: Tensor
    errors: dict[str, Tensor]
    fixing: Tensor


def jets_at_4_bits(epochs: int) -> Population:
    """Of a network that was trained on other rows."""
    inputs, targets = jets(1_000_000)
    network = trained(inputs[:TRAINING], targets[:TRAINING], epochs)
    precision = Precision(method="ptq", weight_bits=4, activation_bits=4)
    deployed = freeze(calibrate(build_quantized(network, precision, input_bits=8), inputs[:VALIDATION]))
    with torch.no_grad():
        logits, before = deployed(inputs[TRAINING:]), network(inputs[TRAINING:])
    scores, answers = uncertainty(logits, "margin"), logits.argmax(1)
    errors = {"wrong label": answers != targets[TRAINING:], "other than float": answers != before.argmax(1)}
    known = {name: wrong[VALIDATION:] for name, wrong in errors.items()}
    return Population(scores[VALIDATION:], known, scores[:VALIDATION])


def by_lowland(scores: Tensor, wrong: Tensor, thresholds: Tensor, risk: float) -> float:
    """The threshold up to which is answered."""
    return abstention_threshold(scores, wrong, thresholds, risk=risk, delta=DELTA).threshold


def by_mapie(scores: Tensor, wrong: Tensor, thresholds: Tensor, risk: float, *, method: str) -> float:
    """The same: a right answer is MAPIE's positive class, the risk one less the precision."""
    from mapie.risk_control import BinaryClassificationController

    sure = 2 - scores.numpy()  # it wants numbers that rise, and takes what is at least the parameter
    parameters = 2 - thresholds.clamp(max=float(scores.max())).numpy()
    controller = BinaryClassificationController(
        lambda rows: np.stack([1 - rows, rows], axis=1),
        risk="precision",
        target_level=1 - risk,
        confidence_level=1 - DELTA,
        list_predict_params=np.unique(parameters),
        fwer_method=method,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing was found, that the risk need not be monotonic
        controller.calibrate(sure, (~wrong).int().numpy())
    valid = controller.valid_predict_params  # all hold at once, so that the most lenient may be taken
    return 2 - float(np.min(valid)) if len(valid) else -math.inf


def methods() -> dict[str, Find]:
    """Who proves, by name."""
    found: dict[str, Find] = {"lowland": by_lowland}
    if importlib.util.find_spec("mapie") is not None:
        for method in ("fixed_sequence", "bonferroni_holm", "bonferroni"):
            found[f"MAPIE {method}"] = partial(by_mapie, method=method)
    return found


def judged(find: Find, population: Population, error: str, risk: float, sets: int) -> dict[str, Any]:
    """In how many sets the risk held on the population, and which share of it was answered in the mean."""
    thresholds = fixed_thresholds(population.fixing, ROWS, risk=risk, delta=DELTA)
    held, shares, wrong = 0, [], population.errors[error]
    start = time.perf_counter()
    for draw in range(sets):
        rows = torch.randint(len(population.scores), (ROWS,), generator=generator("benchmark", "set", draw))
        try:
            threshold = find(population.scores[rows], wrong[rows], thresholds, risk)
        except TypeError as raised:  # of MAPIE's, for some risks
            return {"held": f"TypeError: {str(raised)[:60]}"}
        answered = population.scores <= threshold
        held += not answered.any() or float(wrong[answered].double().mean()) <= risk
        shares.append(float(answered.double().mean()))
    seconds = (time.perf_counter() - start) / sets
    return {"held": f"{held} of {sets}", "answered": f"{np.mean(shares):.3f}", "ms a set": f"{1e3 * seconds:.1f}"}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few draws and one epoch")
    quick = parser.parse_args().quick
    delong(100)  # what is loaded at the first call
    print("DeLong's paired test of two detectors, 10,000 rows\n")
    print(delong().to_string(float_format=lambda value: f"{value:.6g}"))
    population = jets_at_4_bits(1 if quick else 12)
    shares = ", ".join(
        f"{100 * float(wrong.double().mean()):.1f} % {name}" for name, wrong in population.errors.items()
    )
    print(f"\nAbstention, jets at 4 bits: {len(population.scores)} rows are the population, {shares}\n")
    rows = [
        {"error": error, "risk": risk, "by": name} | judged(find, population, error, risk, 10 if quick else SETS)
        for error, risk in RISKS
        for name, find in methods().items()
    ]
    print(pd.DataFrame(rows).fillna("").to_string(index=False))


if __name__ == "__main__":
    main()
