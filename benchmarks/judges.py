"""What ONNX Runtime, the executor of the package onnx and a C compiler make of deployed networks, row by row.

    python benchmarks/judges.py
    python benchmarks/judges.py --rows 1000

Networks with random weights, calibrated on random rows and frozen at 8 and at 4 bits, are written as ONNX and as C and
run on random rows over the range of their inputs. A row differs if one of its integers is not that of
``forward_integer``. The executor of the package onnx is slow: it sees the first hundred rows.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from lowland.architectures.wafer_autoencoder import WaferAutoencoder
from lowland.export import Flip, export_c, export_onnx, run_c, run_onnx
from lowland.export.c_judge import compile_check
from lowland.export.flips import flipped
from lowland.export.results import deployed
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze

BITS = (8, 4)
REFERENCE_ROWS = 100
FLIPS = 20


def jets() -> nn.Module:
    return nn.Sequential(
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5)
    )


def lenet() -> nn.Module:
    convolutions = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*convolutions, *dense)


def encoder() -> nn.Module:
    return WaferAutoencoder(side=8, filters=8, latent=16, initial_output=None)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str | None]] = {
    "jets 16-64-32-32-5": (jets, (16,), None),
    "LeNet-5": (lenet, (1, 28, 28), None),
    "ECON-T encoder": (encoder, (1, 8, 8), "decoder"),
}
"""How each is built, the shape of a row, and from where on it stays float."""


def frozen(build: Callable[[], nn.Module], rows: Tensor, bits: int, float_from: str | None) -> IntegerNetwork:
    torch.manual_seed(0)
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
    return freeze(calibrate(build_quantized(build().eval(), precision, input_bits=8, float_from=float_from), rows))


def drawn_flips(network: IntegerNetwork, draws: torch.Generator) -> list[Flip]:
    names = list(network.codes)
    flips = []
    for _ in range(FLIPS):
        name = names[int(torch.randint(len(names), (), generator=draws))]
        element = int(torch.randint(network.codes[name].numel(), (), generator=draws))
        flips.append(Flip(name, element, int(torch.randint(network.bits[name], (), generator=draws))))
    return flips


def judged(network: IntegerNetwork, rows: Tensor, folder: Path) -> dict[str, tuple[int, int, float]]:
    """Rows compared, rows that differ and seconds by judge."""
    part = deployed(network, rows)
    onnx = export_onnx(network, rows, folder / "network.onnx")
    c = export_c(network, rows[:16], folder / "c")
    flips = drawn_flips(network, torch.Generator().manual_seed(1))
    changed = deployed(flipped(network, flips), rows)
    few = rows[:REFERENCE_ROWS]
    judges: dict[str, tuple[Callable[[], Tensor], Tensor]] = {
        "ONNX Runtime": (lambda: run_onnx(onnx, rows), part.integers(rows)),
        "onnx.reference": (lambda: run_onnx(onnx, few, runtime="reference"), part.integers(few)),
        "C": (lambda: run_c(c, network, rows), part.integers(rows)),
        f"C, {FLIPS} flips": (lambda: run_c(c, network, rows, flips=flips), changed.integers(rows)),
    }
    found = {}
    for name, (run, right) in judges.items():
        start = time.perf_counter()
        differs = run().flatten(1) != right.flatten(1)
        found[name] = len(right), int(differs.any(1).sum()), time.perf_counter() - start
    return found


def seconds_of_c(network: IntegerNetwork, rows: Tensor, folder: Path) -> float:
    """Of the program alone, files read and written, the best of three."""
    program = compile_check(export_c(network, rows[:16], folder / "timed"), folder / "check")
    (folder / "rows").write_bytes(rows.numpy().tobytes())
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([str(program), str(folder / "rows"), str(folder / "outputs")], check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    arguments = parser.parse_args()
    lines = []
    for name, (build, shape, float_from) in NETWORKS.items():
        for bits in BITS:
            rows = torch.randn(arguments.rows, *shape, generator=torch.Generator().manual_seed(0)) * 1.5
            network = frozen(build, rows[:500], bits, float_from)
            with tempfile.TemporaryDirectory() as folder:
                for judge, (compared, differ, seconds) in judged(network, rows, Path(folder)).items():
                    told = {"network": name, "bits": bits, "judge": judge, "rows": compared, "rows that differ": differ}
                    lines.append({**told, "seconds": round(seconds, 3)})
                alone = seconds_of_c(network, rows, Path(folder))
            print(f"{name}, {bits} bits: C alone {alone:.3f} s for {len(rows)} rows", flush=True)
    print(pd.DataFrame(lines).to_string(index=False))


if __name__ == "__main__":
    main()
