"""Networks through quantization, step by step: what changes between the float network, integers and other runtimes.

    python benchmarks/graphs.py
    python benchmarks/graphs.py --only ResNet-8 LSTM --rows 1000

Every network at 8 and 4 bits, calibrated after training (ptq) and fine-tuned for some steps (qat), on random rows:
largest difference of frozen and fake-quantized outputs relative to their spread, changed decisions, share of rows in
which an integer code is not that of float64 and by how much, the largest difference of the exhaustive map from flips
made one by one (300 drawn bits), rows of which ONNX Runtime and C give other integers than ``forward_integer``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from graph_networks import SUBJECTS, Subject, made
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.export import export_c, export_onnx, run_c, run_onnx
from lowland.faults import Flips, apply_flips, random_flips
from lowland.faults.sensitivity import single_flips
from lowland.quantization import (
    IntegerNetwork,
    Precision,
    QuantizedNetwork,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
)

STEPS = 20
MAP_ROWS = 16
MAP_FLIPS = 300


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), metavar="NETWORK")
    parser.add_argument("--rows", type=int, default=10_000, help="for the judges; 1,000 of them for the other checks")
    options = parser.parse_args()
    rows = []
    for name in options.only:
        network, inputs = made(SUBJECTS[name], options.rows)
        for method in ("ptq", "qat"):
            for bits in (8, 4):
                rows.append({"network": name, "precision": f"{method}{bits}"} | checked(
                    SUBJECTS[name], network, inputs, Precision(method=method, weight_bits=bits, activation_bits=bits)
                ))  # fmt: skip
                print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string(index=False))


def checked(subject: Subject, network: nn.Module, inputs: Tensor, precision: Precision) -> dict[str, object]:
    """All that is looked at, of one network at one precision."""
    begin = time.perf_counter()
    some = inputs[:1000]
    model = build_quantized(network, precision, input_bits=8, input_signed=subject.signed, example=some[:2])
    calibrate(model, some[:256])
    if precision.method == "qat":
        fine_tune(model, network, some[:256])
    frozen = freeze(model)
    with torch.no_grad():
        check = deployment_check(model, frozen, some)
        spread = float(model(some).std())
    return {
        "replay": f"{check.largest_difference / spread:.0e}",
        "decisions": check.decisions_changed,
        "rows apart": f"{check.integer_samples:.2%}",
        "codes": check.integer_codes,
        "map": map_error(frozen, some[:MAP_ROWS]),
        "ONNX Runtime": judged(frozen, inputs, in_onnx),
        "C": judged(frozen, inputs, in_c),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def fine_tune(model: QuantizedNetwork, network: nn.Module, inputs: Tensor) -> None:
    """Some steps towards the float network's outputs."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    targets = network(inputs).detach()
    for _ in range(STEPS):
        optimizer.zero_grad()
        functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()


def map_error(network: IntegerNetwork, inputs: Tensor) -> str:
    """The largest difference of the map of drawn bits from flips made one by one, relative to the largest effect."""

    def metric(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.double().flatten(1).square().mean(1)

    targets = torch.zeros(len(inputs))
    drawn = random_flips(network, count=MAP_FLIPS, key=("map",))
    found = single_flips(network, metric, [(inputs, targets)], flips=drawn).metric
    clean = float(metric(network.deployed_outputs(inputs), targets).mean())
    worst = largest = 0.0
    for name, (elements, places) in drawn.bits.items():
        for index in range(len(elements)):
            one = Flips({name: (elements[index : index + 1], places[index : index + 1])})
            changed = float(metric(apply_flips(network, one).deployed_outputs(inputs), targets).mean())
            worst = max(worst, abs(float(found[name][index]) - changed))
            largest = max(largest, abs(changed - clean))
    return f"{worst / max(largest, 1e-30):.0e}"


def judged(network: IntegerNetwork, inputs: Tensor, judge: Callable[[IntegerNetwork, Tensor, Path], Tensor]) -> str:
    """Rows of which another runtime gives other integers, of all of them; or why it cannot say."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = judge(network, inputs, Path(folder))
        except LowlandError as error:
            return f"refused: {str(error).partition(';')[0][:60]}"
    expected = network.forward_integer(inputs)
    differ = (found.reshape(expected.shape).double() != expected.double()).flatten(1).any(1)
    return f"{int(differ.sum())} of {len(inputs)}"


def in_onnx(network: IntegerNetwork, inputs: Tensor, folder: Path) -> Tensor:
    """Integers by ONNX Runtime."""
    return run_onnx(export_onnx(network, inputs[:1], folder / "network.onnx"), inputs)


def in_c(network: IntegerNetwork, inputs: Tensor, folder: Path) -> Tensor:
    """Integers by a compiled program."""
    export_c(network, inputs[:1], folder / "c")
    return run_c(folder / "c", network, inputs)


if __name__ == "__main__":
    main()
