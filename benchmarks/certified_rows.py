"""How many rows of jets keep their class under any rounding, by bits, how far each method gets, and how long it takes.

    python benchmarks/certified_rows.py
    python benchmarks/certified_rows.py --bits 8 --effort milp --timeout 300
    python benchmarks/certified_rows.py --rows 100    # does it work?

The box is half a step of each tensor's own symmetric scale, activations stay float. Asked: linear bounds of 1,000 rows
within 3 seconds and 2 GB; everything at 8 bits within 5 minutes. auto_LiRPA, the natural peer, has one radius a tensor
and does not import beside torch 2.13 (it needs torch.onnx's private symbolic helpers).
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import Counter

import torch
from faults import jets, trained

from lowland.certification import Query, RealNetwork, certified_rows
from lowland.certification.relaxation import enclose, smallest
from lowland.certification.relaxation.deviation_bounds import margin_objectives

TRAINING_ROWS = 30_000
EPOCHS = 20


def half_steps(network: RealNetwork, bits: int) -> dict[str, torch.Tensor]:
    """Half a step of each tensor's own symmetric scale."""
    levels = 2 ** (bits - 1) - 1
    return {
        name: torch.full_like(tensor, float(tensor.abs().max()) / levels / 2)
        for name, tensor in network.parameters.items()
    }


def main() -> None:
    """Trains, bounds by every method, then decides rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bits", type=int, nargs="+", default=[12, 10, 8])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--effort", choices=["relaxation", "branching", "milp"], default="branching")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for all rows of a width")
    arguments = parser.parse_args()
    inputs, targets = jets(TRAINING_ROWS + arguments.rows)
    model = trained(inputs[:TRAINING_ROWS], targets[:TRAINING_ROWS], EPOCHS)
    rows, classes = inputs[TRAINING_ROWS:], targets[TRAINING_ROWS:]
    network = RealNetwork.of(model, rows)
    for bits in arguments.bits:
        query = Query.of(network, rows, half_steps(network, bits))
        objectives = margin_objectives(query, network(rows).argmax(1))
        for method in ("interval", "crown_ibp", "crown"):
            started, used = time.perf_counter(), time.process_time()
            least = smallest(enclose(query, method), objectives)
            seconds, used = time.perf_counter() - started, time.process_time() - used
            proved = int((least > 0).all(1).sum())
            print(f"{bits:2} bits, {method:9}: {proved:4} rows proved, {seconds:.2f} s ({used:.2f} s of a core)")
        found = certified_rows(
            network, rows, half_steps(network, bits), timeout=arguments.timeout, effort=arguments.effort
        )
        lower, upper = found.accuracy(classes)
        times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.seconds.items())
        print(f"{bits:2} bits, {arguments.effort}: {dict(Counter(found.statuses))}; {times}")
        print(f"{bits:2} bits, certified accuracy {lower:.3f} to {upper:.3f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
