"""Upset-safe rows of jets: seconds, brute force beside them, shares by bits, and what protection makes safe.

    python benchmarks/certification_upsets.py
    python benchmarks/certification_upsets.py --quick    # few rows: does it work?

A 64-32-32 MLP of the jets in ``data/01_raw`` is trained briefly and quantized at 8, 6 and 4 bits. Bits to protect are
chosen on some rows (landscape) and judged on others (test).
"""

from __future__ import annotations

import argparse
import time

import torch
from faults import jets, trained
from torch import Tensor

from lowland.certification.deployed import (
    Exposure,
    UnsafeBits,
    accuracy_at_rates,
    cheapest_protection,
    floor_at_rates,
    margins,
    order_by_rows_hit,
    protection_order,
    ranked,
    unsafe_bits,
    upset_safe_rows,
)
from lowland.faults import Flips, apply_flips
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze

PROTECTED = (0, 100, 300, 1000, 3000, 10_000)


def brute_force(network: IntegerNetwork, inputs: Tensor, unsafe: UnsafeBits, flips: int) -> float:
    """Seconds a flip of flipping, running in integers and asking; refuses another answer than that of the map."""
    dense = torch.zeros(unsafe.hit.num_bits, len(inputs), dtype=torch.bool)
    dense[torch.as_tensor(unsafe.numbers[unsafe.bits]), torch.as_tensor(unsafe.rows).long()] = True
    clean = network.forward_integer(inputs).argmax(1)
    chosen = torch.randperm(unsafe.hit.num_bits, generator=torch.Generator().manual_seed(0))[:flips].tolist()
    start = time.perf_counter()
    for number in chosen:
        name, element, bit = unsafe.hit.bit(number)
        flipped = apply_flips(network, Flips({name: (torch.tensor([element]), torch.tensor([bit]))}))
        if not torch.equal(flipped.forward_integer(inputs).argmax(1) != clean, dense[number]):
            raise SystemExit(f"bit {bit} of {name}[{element}]: brute force finds other rows than the map")
    return (time.perf_counter() - start) / flips


def protection(known: UnsafeBits, judged: UnsafeBits) -> None:
    """The cheapest protection and the frontier."""
    for share in (0.95, 0.99):
        found = cheapest_protection(known, share)
        test = float((judged.safe_from(found.numbers) <= len(found)).mean())
        print(
            f"  {share:.0%} of landscape rows: {len(found)} bits, at least {found.at_least} ({found.status}); "
            f"test rows {test:.1%}"
        )
    for name, order in (("cheapest rows first", protection_order(known)), ("most rows hit", order_by_rows_hit(known))):
        needed = [unsafe.safe_from(order) for unsafe in (known, judged)]
        shares = [[float((rows <= count).mean()) for rows in needed] for count in PROTECTED if count <= len(order)]
        told = ", ".join(
            f"{count}: {own:.1%} / {test:.1%}" for count, (own, test) in zip(PROTECTED, shares, strict=False)
        )
        print(
            f"  {name}, bits: landscape / test rows   {told}; all {len(order)}: {(needed[1] <= len(order)).mean():.1%}"
        )


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and flips: a try, no figures")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows, flips, draws = (60, 20, 5) if arguments.quick else (1000, 500, 100)
    inputs, targets = jets(2 * rows + 20_000)
    network = trained(inputs[2 * rows :], targets[2 * rows :], 1 if arguments.quick else 5)
    landscape, test = inputs[:rows], inputs[rows : 2 * rows]
    labelled = test, targets[rows : 2 * rows]
    for bits in (8, 6, 4):
        precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
        quantized = build_quantized(network, precision, input_bits=8)
        calibrate(quantized, inputs[2 * rows :])
        deployed = freeze(quantized)
        accuracy = float((deployed.forward_integer(test).argmax(1) == labelled[1]).double().mean())
        wall, cpu = time.perf_counter(), time.process_time()
        safety = upset_safe_rows(deployed, test)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        _, known = unsafe_bits(deployed, landscape)
        _, judged = unsafe_bits(deployed, test)
        share = safety.share()
        print(
            f"{bits} bits, accuracy {accuracy:.1%}: all {safety.hit.num_bits} bits x {rows} rows in {wall:.2f} s "
            f"(processor {cpu:.2f} s); safe {share.value:.1%} [{share.lower:.1%}, {share.upper:.1%}]"
        )
        seconds = brute_force(deployed, test, judged, flips)
        print(f"  {flips} flips one by one agree; all would take {seconds * safety.hit.num_bits:.0f} s")
        everything = upset_safe_rows(deployed, test, words=("weights", "biases", "scales", "activations"))
        pairs = upset_safe_rows(deployed, test, lengths=(1, 2))
        print(
            f"  with scales and activations {everything.share().value:.1%} of rows safe, with upsets of two bits "
            f"{pairs.share().value:.1%}"
        )
        margin = ranked(margins(deployed, test), safety.safe)
        print(f"  margin as a predictor: AUROC {margin.auroc:.3f} [{margin.lower:.3f}, {margin.upper:.3f}]")
        protection(known, judged)
        exposure = Exposure((1e-5, 1e-4, 1e-3))
        expected = accuracy_at_rates(deployed, labelled, exposure)
        held = floor_at_rates(deployed, labelled, exposure, floor=accuracy - 0.01, draws=draws)
        for rate, own, floor in zip(exposure.rates, expected, held, strict=True):
            print(
                f"  rate {rate:g}: accuracy {own.value:.1%} [{own.lower:.1%}, {own.upper:.1%}]; no point lost with "
                f"probability {floor.value:.2f} [{floor.lower:.2f}, {floor.upper:.2f}]"
            )


if __name__ == "__main__":
    main()
