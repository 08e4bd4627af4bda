"""What calibration, bias correction and equalization are worth after training, beside quantization-aware training.

    python benchmarks/ptq.py
    python benchmarks/ptq.py --seeds 3
    python benchmarks/ptq.py --quick    # few rows and epochs: does it work?

A 64-32-32 MLP of jets is trained in float on the jets in ``data/01_raw``, then quantized in every way at equal widths
of weights and activations and frozen. Accuracy is that of the integer network on test rows, in per cent; its standard
error over rows is printed once, though all ways share the rows, so their differences are known better than that.
"""

from __future__ import annotations

import argparse
from itertools import product

import pandas as pd
import torch
from faults import jets
from faults import trained as trained_float
from torch import Tensor, nn
from torch.nn import functional

from lowland.quantization import Precision, build_quantized, calibrate, freeze

WIDTHS = (8, 6, 4, 3)
CALIBRATIONS = {
    "mse": {"calibration": "mse"},
    "percentile 99.9": {"calibration": "percentile", "percentile": 99.9},
    "max": {"calibration": "max"},
}
AFTERWARDS = {
    "as calibrated": {},
    "bias correction": {"bias_correction": True},
    "equalization": {"equalization": True},
    "both": {"bias_correction": True, "equalization": True},
}
BATCH = 1024
LEARNING_RATE = 1.5625e-3  # of the study's fine-tuning
CALIBRATION_ROWS = 5000


@torch.no_grad()
def accuracy(network: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Of a float network or an integer one, in per cent."""
    outputs = getattr(network, "deployed_outputs", network)(inputs)
    return 100 * float((outputs.argmax(-1) == targets).double().mean())


def ways() -> dict[tuple[str, str], dict[str, object]]:
    """All options but the widths, by name."""
    after = product(CALIBRATIONS.items(), AFTERWARDS.items())
    found = {(f"ptq, {name}", then): {"method": "ptq", **options, **more} for (name, options), (then, more) in after}
    return found | {("qat, mse", "as calibrated"): {"method": "qat"}}


def deployed(
    network: nn.Module, precision: Precision, rows: tuple[Tensor, Tensor], *, epochs: int, seed: int
) -> nn.Module:
    """Calibrated, fine-tuned with a cosine schedule where the precision is ``qat``, and frozen."""
    inputs, targets = rows
    quantized = calibrate(build_quantized(network, precision, input_bits=8), inputs[:CALIBRATION_ROWS])
    if precision.method == "qat":
        optimizer = torch.optim.Adam([p for p in quantized.parameters() if p.requires_grad], LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(inputs) // BATCH))
        draws = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for batch in torch.randperm(len(inputs), generator=draws).split(BATCH):
                optimizer.zero_grad()
                functional.cross_entropy(quantized(inputs[batch]), targets[batch]).backward()
                optimizer.step()
                schedule.step()
    return freeze(quantized.eval())


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and epochs: a try, no figures")
    parser.add_argument("--seeds", type=int, default=1, help="float trainings, averaged over")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, test, epochs, tuning = (3000, 1000, 2, 1) if arguments.quick else (30_000, 10_000, 12, 7)
    inputs, targets = jets(train + test)
    if len(inputs) < train + test:
        raise SystemExit(f"data/01_raw/jets.parquet holds {len(inputs)} nominal jets; expected {train + test}")
    rows, held_out = (inputs[test:], targets[test:]), (inputs[:test], targets[:test])
    floats: list[float] = []
    found: list[dict[str, object]] = []
    for seed in range(arguments.seeds):
        network = trained_float(*rows, epochs, seed=seed)
        floats.append(accuracy(network, *held_out))
        for bits, (way, precision) in product(WIDTHS, ways().items()):
            precision = precision | {"weight_bits": bits, "activation_bits": bits}
            integer = deployed(network, Precision(**precision), rows, epochs=tuning, seed=seed)
            found.append({"way": way[0], "and": way[1], "bits": bits, "value": accuracy(integer, *held_out)})
    table = pd.DataFrame(found).groupby(["way", "and", "bits"], sort=False)["value"].mean().unstack("bits")
    mean = sum(floats) / len(floats)
    error = (mean * (100 - mean) / test) ** 0.5
    print(
        f"Accuracy in per cent on {test} test rows, {arguments.seeds} seed(s); float {mean:.2f} +- {error:.2f} (rows)\n"
    )
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
