"""Every single flip of one network, what says beforehand how harmful it is, and what many flips at once really do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from lowland.disagreement import expected_calibration_error, uncertainty
from lowland.faults.bit_flips import apply_flips, draw_flips, random_flips
from lowland.faults.flip_map import merit_and_loss
from lowland.faults.flip_sample import stratified_flips
from lowland.faults.flip_sets import Flips
from lowland.faults.measured_rows import Metric
from lowland.faults.ranking import flip_scores
from lowland.faults.sensitivity import clean_metric, single_flips
from lowland.faults.vulnerability import LOSS, MERIT
from lowland.landscape.curvature.capture import capture_curvature
from lowland.landscape.measures.matched import weight_changes
from lowland.landscape.problem.problem import Problem
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key, generator
from lowland.tasks import Task
from lowland.tasks.splits import Samples

RANKINGS = ("matched", "second_order", "first_order", "squared_change", "magnitude", "most_significant", "fkeras")
OUTPUT_ERROR, PLACEBO, SCATTERED = "output_error", "placebo", "scattered"
MEANS = ("matched", "second_order", "squared_change", OUTPUT_ERROR, PLACEBO)
"""Numbers of bits that say how much as well as which: their mean over all bits predicts that of the truth."""
PLACEBOS = 20
RANDOM_FLIPS = 300
SAMPLED_SHARE = 0.01
RATES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
DRAWS = 20


@dataclass(frozen=True, eq=False)
class CellMap:
    """What is known of one network.

    Attributes:
        bits: One row a stored bit: ``tensor, element, bit, bits``, the truth (``loss_rise``, ``score_drop``) and what
            each ranking says.
        rows: One row a test row, means over all flips: ``loss_rise``, ``score_drop``.
        rates: One row a bit error rate and draw: ``bit_error_rate, draw, loss_rise`` of many flips at once.
        about: Numbers of the whole network.
    """

    bits: pd.DataFrame
    rows: pd.DataFrame
    rates: pd.DataFrame
    about: dict[str, float]


def map_cell(
    network: IntegerNetwork, task: Task, *, measured: Samples, known: Samples, key: tuple[Key, ...]
) -> CellMap:
    """The map of a network and all that predicts it.

    Args:
        network: Deployed network.
        task: A classifier; says loss and score.
        measured: Samples that flips are measured on: the truth.
        known: Other samples, which predictions are made from.
        key: Names draws; equal for networks that are compared.
    """
    metric = merit_and_loss(task)
    truth_rows, known_rows = [(measured.inputs, measured.targets)], [(known.inputs, known.targets)]
    clean = clean_metric(network, metric, truth_rows)
    truth = single_flips(network, metric, truth_rows)
    total = sum(values[..., LOSS].numel() for values in truth.metric.values())
    said = flip_scores(network, task.loss, known_rows, rankings=RANKINGS)
    said[OUTPUT_ERROR] = output_error(network, known)
    said[PLACEBO] = placebo(said, network, generator(*key, PLACEBO))
    drops = truth.sample_drops / total
    rows = pd.DataFrame({"loss_rise": (-drops[:, LOSS]).numpy(), "score_drop": drops[:, MERIT].numpy()})
    about = {f"{name}_mean": mean_over_bits(said[name]) for name in MEANS}
    about |= {
        f"{SCATTERED}_mean_{draw}": scattered_mean(said, network, generator(*key, SCATTERED, draw))
        for draw in range(PLACEBOS)
    }
    about |= _cheap_measurements(network, metric, known_rows, key) | _confidence(network, task, known)
    about |= {"num_bits": float(total), "num_rows": float(len(rows)), "clean_loss": float(clean[LOSS])}
    about |= {"clean_score": float(clean[MERIT]), "loss_rise": float(rows.loss_rise.mean())}
    about |= {"score_drop": float(rows.score_drop.mean())}
    harm = torch.cat([(values[..., LOSS] - clean[LOSS]).flatten() for values in truth.metric.values()])
    about |= {"repaired_share": float((harm < 0).double().mean()), "repaired_rise": float(harm.clamp(max=0).mean())}
    return CellMap(_bit_frame(truth.metric, clean, said, network), rows, _many_flips(network, task, known, key), about)


def output_error(network: IntegerNetwork, known: Samples) -> dict[str, Tensor]:
    r"""Expected squared change of the outputs by each flip, to first order.

    :math:`\delta^2 E_x ||\partial z / \partial w||^2`.

    The expectation that arXiv 2603.22770 writes in closed form under assumptions on distributions, here exact on these
    rows. No label enters. It is second-order matched curvature with the squared distance to the network's own outputs
    in place of the task's loss, whose gradient vanishes.

    Args:
        network: Deployed network.
        known: Rows of which only the inputs are looked at.

    Returns:
        By tensor name [*codes.shape, bits].
    """
    with torch.no_grad():
        outputs = network.dequantized()(known.inputs)

    def squared(values: Tensor, targets: Tensor) -> Tensor:
        return (values - targets).square().sum(1).mean()

    found = capture_curvature(Problem(network, squared, [(known.inputs, outputs)]), inputs=False)
    return {
        name: found.diagonal[name][..., None] * change.square() / 2
        for name, change in weight_changes(network, "twos_complement", ("weights", "biases"))
    }


def placebo(
    said: Mapping[str, Mapping[str, Tensor]], network: IntegerNetwork, draws: torch.Generator
) -> dict[str, Tensor]:
    """Matched curvature with the curvatures dealt out anew inside every tensor: what matches there no longer.

    In two's complement a flip of a given bit changes every word of a tensor with one scale by the same size. The mean
    over all bits then is what it was, by algebra: only ranks of bits can suffer. ``scattered_mean`` mixes tensors.

    Args:
        said: Has ``first_order`` and ``second_order``, [*codes.shape, bits] by tensor name.
        network: Deployed network.
        draws: Of the permutations.

    Returns:
        By tensor name [*codes.shape, bits].
    """
    found = {}
    for name, (curvature, squared) in _curvatures(said, network).items():
        dealt = curvature[torch.randperm(len(curvature), generator=draws)].reshape(squared.shape[:-1])
        found[name] = said["first_order"][name] + dealt[..., None] * squared
    return found


def scattered_mean(said: Mapping[str, Mapping[str, Tensor]], network: IntegerNetwork, draws: torch.Generator) -> float:
    """The mean of matched curvature over all bits, with the curvatures dealt out anew over the whole network.

    Args:
        said: Has ``first_order`` and ``second_order``, [*codes.shape, bits] by tensor name.
        network: Deployed network.
        draws: Of the permutation.
    """
    pairs = _curvatures(said, network)
    curvatures = torch.cat([curvature for curvature, _ in pairs.values()])
    squared = torch.cat([squares.flatten(0, -2).sum(-1) for _, squares in pairs.values()])
    dealt = curvatures[torch.randperm(len(curvatures), generator=draws)]
    bits = sum(squares.numel() for _, squares in pairs.values())
    return mean_over_bits(said["first_order"]) + float((dealt * squared).sum()) / bits


def _curvatures(said: Mapping[str, Mapping[str, Tensor]], network: IntegerNetwork) -> dict[str, tuple[Tensor, Tensor]]:
    """By tensor: half the curvature of every word [elements], squared changes by every bit [*codes.shape, bits]."""
    found = {}
    for name, change in weight_changes(network, "twos_complement", ("weights", "biases")):
        squared = change.square()
        # Every bit changes its word: the curvature is what is left of any of them.
        found[name] = ((said["second_order"][name] / squared)[..., 0].flatten(), squared)
    return found


def mean_over_bits(values: Mapping[str, Tensor]) -> float:
    """The mean of a number of every bit."""
    return float(torch.cat([each.flatten() for each in values.values()]).mean())


def _bit_frame(
    truth: Mapping[str, Tensor], clean: Tensor, said: Mapping[str, Mapping[str, Tensor]], network: IntegerNetwork
) -> pd.DataFrame:
    parts = []
    for name, values in truth.items():
        width = network.bits[name]
        elements = values.shape[:-1].numel() // width
        part = {
            "tensor": [name] * (elements * width),
            "element": torch.arange(elements).repeat_interleave(width).numpy(),
            "bit": torch.arange(width).repeat(elements).numpy(),
            "bits": width,
            "loss_rise": (values[..., LOSS] - clean[LOSS]).flatten().numpy(),
            "score_drop": (clean[MERIT] - values[..., MERIT]).flatten().numpy(),
        }
        parts.append(pd.DataFrame(part | {each: said[each][name].flatten().numpy() for each in said}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.astype({"tensor": "category", "element": "int32", "bit": "int8", "bits": "int8"})


def _cheap_measurements(
    network: IntegerNetwork, metric: Metric, known_rows: list[tuple[Tensor, Tensor]], key: tuple[Key, ...]
) -> dict[str, float]:
    """Direct measurements of few flips, on the rows that predictions are made from."""
    clean = clean_metric(network, metric, known_rows)[LOSS]

    def rises(flips: Flips) -> dict[str, Tensor]:
        found = single_flips(network, metric, known_rows, flips=flips).metric
        return {name: values[..., LOSS] - clean for name, values in found.items()}

    drawn = rises(random_flips(network, count=RANDOM_FLIPS, key=(*key, "random flips")))
    total = sum(network.codes[name].numel() * network.bits[name] for name in network.codes)
    sample = stratified_flips(network, round(SAMPLED_SHARE * total), key=(*key, "stratified"))
    return {
        "random_flips": mean_over_bits(drawn),
        "stratified": sample.mean(rises(sample.flips)).value,
        "stratified_flips": float(len(sample.flips)),
    }


def _confidence(network: IntegerNetwork, task: Task, known: Samples) -> dict[str, float]:
    """How sure and how right a network is of the rows that predictions are made from."""
    with torch.no_grad():
        outputs = network.deployed_outputs(known.inputs).float()
    return {
        "known_loss": float(task.loss(outputs, known.targets)),
        "known_score": float(task.sample_scores(outputs, known.targets).double().mean()),
        "margin": 1 - float(uncertainty(outputs, "margin").mean()),
        "entropy": float(uncertainty(outputs, "entropy").mean()),
        "calibration_error": expected_calibration_error(outputs, known.targets).value,
    }


def _many_flips(network: IntegerNetwork, task: Task, known: Samples, key: tuple[Key, ...]) -> pd.DataFrame:
    """Rise of the mean loss where every bit flips with some probability."""
    with torch.no_grad():
        clean = float(task.loss(network.deployed_outputs(known.inputs), known.targets))
        found = []
        for draw in range(DRAWS):
            order = draw_flips(network, key=(*key, "many flips", draw))
            for rate in RATES:
                flipped = apply_flips(network, order.below(rate))
                loss = float(task.loss(flipped.deployed_outputs(known.inputs), known.targets))
                found.append({"bit_error_rate": rate, "draw": draw, "loss_rise": loss - clean})
    return pd.DataFrame(found)
