"""The exhaustive flip map against flipping one by one, curves of one cell, and frozen inference against Brevitas.

    python benchmarks/faults.py
    python benchmarks/faults.py --quick    # few rows, once: does it work?

A 64-32-32 MLP of jets at 8 bits is trained briefly, on the jets in ``data/01_raw``. One by one means what the field
does: copy the Brevitas model, write one flipped weight into it, evaluate; it is timed on a sample of flips and charged
for all.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from lowland.faults import Flips, MemoryFaultOptions, apply_flips, clean_metric, fault_series, flip_sensitivity
from lowland.faults.options import FaultOptions
from lowland.perturbation import INPUT_NOISES, FeatureRanges, InputNoiseOptions, draw
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.tasks.task import classification_scores

JETS = Path(__file__).resolve().parents[1] / "data/01_raw/jets.parquet"
HIDDEN = (64, 32, 32)


def jets(rows: int) -> tuple[Tensor, Tensor]:
    """Standardised features and classes of the first sample."""
    frame = pd.read_parquet(JETS)
    frame = frame[frame["set"] == "nominal"].sample(frac=1.0, random_state=0)
    labels = torch.as_tensor(pd.factorize(frame["label"], sort=True)[0][:rows])
    values = torch.as_tensor(frame.select_dtypes("number").iloc[:rows, :16].to_numpy(copy=True), dtype=torch.float32)
    return (values - values.mean(0)) / values.std(0), labels


def trained(inputs: Tensor, targets: Tensor, epochs: int, *, seed: int = 0) -> nn.Sequential:
    """The float network."""
    torch.manual_seed(seed)
    sizes = [inputs.shape[1], *HIDDEN]
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    network = nn.Sequential(*layers, nn.Linear(sizes[-1], int(targets.max()) + 1))
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    for _ in range(epochs):
        for x, y in DataLoader(TensorDataset(inputs, targets), 1024, shuffle=True):
            optimizer.zero_grad()
            functional.cross_entropy(network(x), y).backward()
            optimizer.step()
    return network.eval()


def stock(network: nn.Sequential) -> nn.Sequential:
    """The same in Brevitas' own layers at 8 bits, as users write it."""
    layers: list[nn.Module] = [QuantIdentity(bit_width=8, return_quant_tensor=True)]
    for layer in network:
        if isinstance(layer, nn.Linear):
            quantized = QuantLinear(layer.in_features, layer.out_features, bias=True, weight_bit_width=8)
            quantized.load_state_dict(layer.state_dict(), strict=False)
            layers.append(quantized)
        else:
            layers.append(QuantReLU(bit_width=8, return_quant_tensor=True))
    return nn.Sequential(*layers).eval()


def median_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Of several calls, after one that warms up."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def one_by_one(model: nn.Module, inputs: Tensor, targets: Tensor, flips: int) -> float:
    """Seconds a flip of the field's loop."""
    layers = [name for name, layer in model.named_modules() if isinstance(layer, QuantLinear)]
    draws = torch.Generator().manual_seed(0)

    def one() -> Tensor:
        copied = copy.deepcopy(model)
        layer = copied.get_submodule(layers[int(torch.randint(len(layers), (), generator=draws))])
        with torch.no_grad():
            place = int(torch.randint(layer.weight.numel(), (), generator=draws))
            step = layer.quant_weight().scale
            layer.weight.flatten()[place] += float(step) * 2 ** int(torch.randint(8, (), generator=draws))
            return classification_scores(copied(inputs), targets).mean()

    one()
    start = time.perf_counter()
    for _ in range(flips):
        one()
    return (time.perf_counter() - start) / flips


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and one repeat: a try, no figures")
    parser.add_argument("--threads", type=int, default=2, help="of torch, for both sides")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows, repeats, flips = (200, 1, 5) if arguments.quick else (2000, 3, 100)
    inputs, targets = jets(rows + 20_000)
    network = trained(inputs[rows:], targets[rows:], 1 if arguments.quick else 5)
    test = inputs[:rows], targets[:rows]
    quantized = build_quantized(network, Precision(method="ptq", weight_bits=8, activation_bits=8), input_bits=8)
    calibrate(quantized, inputs[rows : rows + 5000])
    deployed = freeze(quantized)
    brevitas = stock(network)
    with torch.no_grad():
        brevitas.train()(inputs[rows : rows + 5000])  # collects its ranges
        brevitas.eval()

    start = time.perf_counter()
    found = flip_sensitivity(deployed, classification_scores, [test])
    exhaustive = time.perf_counter() - start
    bits = sum(values.numel() for values in found.values())
    loop = one_by_one(brevitas, *test, flips) * bits

    draws = torch.Generator().manual_seed(1)
    places = torch.randint(bits, (flips,), generator=draws)
    flat = torch.cat([values.flatten() for values in found.values()])
    worst = 0.0
    for place in places.tolist():
        start_of = 0
        for name, values in found.items():
            if place < start_of + values.numel():
                element, bit = divmod(place - start_of, values.shape[-1])
                flipped = apply_flips(deployed, Flips({name: (torch.tensor([element]), torch.tensor([bit]))}))
                truth = float(clean_metric(flipped, classification_scores, [test]))
                worst = max(worst, abs(truth - float(flat[place])))
                break
            start_of += values.numel()

    noise = InputNoiseOptions(kinds=("gaussian", "salt_and_pepper"), levels=(5, 10, 15, 20, 30, 50), draws=3)
    codes = FaultOptions(counts=(1, 5, 10, 20, 50, 100), bit_error_rates=(1e-4, 1e-3, 1e-2), draws=8)
    flip_levels = MemoryFaultOptions(encoding="twos_complement", codes=codes)
    ranges = FeatureRanges.of(inputs[rows:])

    @torch.no_grad()
    def curves() -> None:
        for kind in noise.kinds:
            for number in range(noise.draws):
                numbers = draw(test[0].shape, key=("benchmark", kind, number))
                for level in noise.levels:
                    classification_scores(deployed(INPUT_NOISES[kind](test[0], ranges, numbers, level=level)), test[1])
        for series in fault_series(deployed, flip_levels, key=("benchmark",)):
            for level, at in product(series.levels, series.draws):
                classification_scores(at(level)(test[0]), test[1])

    with torch.no_grad():
        theirs = median_seconds(lambda: brevitas(test[0]), 20 * repeats)
        ours = median_seconds(lambda: deployed(test[0]), 20 * repeats)
        exact = median_seconds(lambda: deployed.deployed_outputs(test[0]), 20 * repeats)
    by_hand, frozen = f"{loop:.0f} s one by one", f"{theirs * 1e3:.2f} ms Brevitas"
    curve_seconds = median_seconds(curves, repeats)
    lines = [
        ("exhaustive flip map", f"{exhaustive:.1f} s", by_hand, loop / exhaustive, "<= 60 s, >= 50x"),
        ("its largest error on a sample", f"{worst:.1g}", f"{flips} flips", None, "<= 1e-6"),
        ("noise and flip curves of a cell", f"{curve_seconds:.2f} s", "", None, "<= 3 s"),
        ("frozen inference, float replay", f"{ours * 1e3:.2f} ms", frozen, theirs / ours, ">= 3x"),
        ("frozen inference, integers", f"{exact * 1e3:.2f} ms", frozen, theirs / exact, ">= 3x"),
    ]
    load = os.getloadavg()[0]
    print(f"{bits} bits, {rows} rows, {arguments.threads} thread(s), load {load:.1f}, torch {torch.__version__}\n")
    for name, value, peer, ratio, target in lines:
        print(f"{name:32} {value:>10}  {peer:24} {'' if ratio is None else f'{ratio:.3g}x':>7}  {target}")


if __name__ == "__main__":
    main()
