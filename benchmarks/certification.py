"""How fast exact certification is: local and global questions on perceptrons of two inputs.

    python benchmarks/certification.py
    python benchmarks/certification.py --widths 32 32 32 --epsilon 0.005 --repeats 5

Asked: a local query on 2-16-16-1 within 0.05 s, on 2-32-32-32-1 within 1 s. Times are CPU seconds, so that other
programs do not count.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch

from lowland.architectures.mlp import MLP
from lowland.certification import METHODS, InputBox, MethodOptions, Query, check_proof, margin_bounds, prove_at_most
from lowland.certification.confidence import contrasts
from lowland.certification.encoding.encode import encoded_row


def question(widths: Sequence[int], epsilon: float, seed: int, radius: float = 0.0) -> Query:
    """A random row, or a box of inputs around it, of a perceptron with two inputs and one output."""
    torch.manual_seed(seed)
    network = MLP(inputs=2, hidden=tuple(widths), outputs=1).eval()
    row = torch.randn(1, 2).double()
    return Query.of(network, InputBox(row - radius, row + radius), epsilon)


def seconds(action: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def told(name: str, times: Sequence[float]) -> None:
    """One line: the median and both ends."""
    print(f"{name:<58} {statistics.median(times):8.3f} s   ({min(times):.3f} to {max(times):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", help="of hidden layers; default: 16 16, then 32 32 32")
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.005, 0.02], help="radii of all parameters")
    parser.add_argument("--repeats", type=int, default=5, help="networks a size")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds of a question")
    options = parser.parse_args()
    METHODS["milp"](question((4,), 0.01, 0), MethodOptions())  # imports, and whatever is made once
    for widths in [options.widths] if options.widths else [(16, 16), (32, 32, 32)]:
        name = "-".join(map(str, (2, *widths, 1)))
        for epsilon in options.epsilon:
            compare(name, [question(widths, epsilon, seed) for seed in range(options.repeats)], epsilon, options)
    wide = [question((4, 4), 0.02, seed, radius=0.5) for seed in range(options.repeats)]
    times = [seconds(lambda query=query: METHODS["milp"](query, MethodOptions(options.timeout))) for query in wide]
    told("2-4-4-1, a box of inputs of 1 by 1: milp", times)


def compare(name: str, queries: Sequence[Query], epsilon: float, options: argparse.Namespace) -> None:
    """All ways to one local question."""
    title = f"{name}, epsilon {epsilon:g}"
    for method in ("milp", "search"):
        times, statuses = [], set()
        for query in queries:
            start = time.process_time()
            statuses.add(METHODS[method](query, MethodOptions(options.timeout)).status)
            times.append(time.process_time() - start)
        told(f"{title}: {method} ({', '.join(sorted(statuses))})", times)
    proving, checking = [], []
    for query in queries:
        bounds = margin_bounds(query, 0, MethodOptions(options.timeout), least_only=True)
        encoded, factors = encoded_row(query, 0), -contrasts(1, bounds.assigned).numpy()[0]
        claim = float(-bounds.least[0]) + 1e-3
        start = time.process_time()
        proof = prove_at_most(encoded.network, encoded.outputs, factors, claim, timeout=options.timeout)
        proving.append(time.process_time() - start)
        if proof is not None:
            checking.append(seconds(lambda proof=proof: check_proof(proof.stored)))
    told(f"{title}: proof of the least margin - 0.001", proving)
    if checking:
        told(f"{title}: that proof in rationals", checking)


if __name__ == "__main__":
    main()
