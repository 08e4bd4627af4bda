"""What other verifiers were tried on, by ours: deviations of ACAS Xu networks, certified radii on MNIST.

    python benchmarks/certification_peers.py acasxu --networks 1_1 --points 1 2 --bits 6 8 --timeout 60
    python benchmarks/certification_peers.py qvip --images 100 --timeout 60

``acasxu``: three networks of 5-50x6-5 (Keras weights), inputs within 0.01 around the five points of QEBVerif (Zhang et
al., CAV 2023, arXiv:2212.02781), quantized by this project (``ptq``, 8-bit inputs, calibrated on inputs drawn over the
whole range): the largest |deployed - float output|, once with the float network given what the codes of the inputs
stand for, as QEBVerif asks it (few codes: all of them are tried), once given the inputs themselves.

``qvip``: quantized MNIST networks of QVIP (Zhang et al., ASE 2022, arXiv:2212.11138). Their files hold float weights
alone. Assumed, after the quantizers in QVIP's public code: fixed point of Q bits; weights with one integer bit (two's
complement), biases and activations with two, activations unsigned, outputs signed and rounded as well, inputs the
pixels / 256; ties round to even here, up there. The radius is the largest by which every pixel can move, in grey
levels, without another output becoming the highest (of equal ones the lowest index counts).

Files lie in the folder ``peers`` of the data folder, which ``LOWLAND_DATA`` names.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lowland.certification import InputBox, certified_radius, deployed_deviation, deviation_on_codes
from lowland.coding.codes import smallest_dtype
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.rounding_steps import Quantize, Requantize, fixed_point
from lowland.quantization.graph.step import INPUTS, Step
from lowland.tasks.hdf5 import opened

DATA = Path(os.environ.get("LOWLAND_DATA", "data"))
POINTS = [
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [0.2, -0.1, 0.0, -0.3, 0.4],
    [0.45, -0.23, -0.4, 0.12, 0.33],
    [-0.2, -0.25, -0.5, -0.3, -0.44],
    [0.61, 0.36, 0.0, 0.0, -0.24],
]
LOWEST, HIGHEST = [0.0, -3.141593, -3.141593, 100.0, 0.0], [60760.0, 3.141593, 3.141593, 1200.0, 1200.0]
MEAN, RANGE = [19791.091, 0.0, 0.0, 650.0, 600.0], [60261.0, 6.28318530718, 6.28318530718, 1100.0, 1200.0]
NOISE = 0.01
ACASXU = ("1_1", "1_2", "2_1")
ASKED = {"codes": deviation_on_codes, "inputs": deployed_deviation}
QVIP = {"1blk_64": (4, 8), "2blk_64_32": (6,)}


def main() -> None:
    """Run one of both and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=("acasxu", "qvip"))
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for the programmes of a question")
    parser.add_argument("--networks", nargs="+", choices=ACASXU, default=list(ACASXU))
    parser.add_argument("--points", nargs="+", type=int, choices=range(1, 6), default=list(range(1, 6)))
    parser.add_argument("--bits", nargs="+", type=int, default=[6, 8, 10, 12, 14, 16])
    parser.add_argument("--qvip-bits", nargs="+", type=int, default=[4, 6, 8])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--results", type=Path, help="a Parquet file")
    options = parser.parse_args()
    made = []
    for row in (acasxu if options.subject == "acasxu" else qvip)(options):
        print(row, flush=True)
        made.append(row)
        if options.results:
            pd.DataFrame(made).to_parquet(options.results)
    table = pd.DataFrame(made)
    print(table.to_string(index=False))
    if options.subject == "qvip":
        print(radii(table).to_string(index=False))


def layers(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weights [outputs, inputs] and biases of the dense layers of a Keras file, in their order."""
    with opened(path, expected="Keras weights of dense layers") as file:
        names = [str(name) for name in file if "dense" in str(name)]
        ordered = sorted(names, key=lambda name: int(name.rpartition("dense")[2].strip("_") or 0))
        groups = [file[name][name] for name in ordered]
        return [
            (torch.from_numpy(np.array(group["kernel:0"]).T.copy()), torch.from_numpy(np.array(group["bias:0"])))
            for group in groups
        ]


def acasxu(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Deviations, question by question."""
    ends = [(np.array(end) - MEAN) / RANGE for end in (LOWEST, HIGHEST)]
    lowest, highest = (torch.tensor(end, dtype=torch.float32) for end in ends)
    examples = lowest + torch.rand(2000, 5, generator=torch.Generator().manual_seed(0)) * (highest - lowest)
    for name in options.networks:
        network = perceptron(layers(DATA / "peers" / "acasxu" / f"ACASXU_run2a_{name}_batch_2000.h5"))
        for bits in options.bits:
            precision = Precision(method="ptq", weight_bits=bits, activation_bits=bits)
            quantized = build_quantized(network, precision, input_bits=8)
            calibrate(quantized, examples)
            deployed = freeze(quantized)
            for place in options.points:
                point = torch.tensor(POINTS[place - 1], dtype=torch.float64)
                box = InputBox(
                    (point - NOISE).clamp(lowest, highest)[None], (point + NOISE).clamp(lowest, highest)[None]
                )
                for reads, timeout in (("codes", 0.0), ("inputs", options.timeout)):
                    started = time.perf_counter()
                    found = ASKED[reads](deployed, network, box, timeout=timeout)
                    yield {
                        "network": name, "bits": bits, "point": place, "reads": reads, "timeout": timeout,
                        "lower": found.lower, "upper": found.upper, "status": found.status,
                        "seconds": time.perf_counter() - started,
                    }  # fmt: skip


def perceptron(weights: list[tuple[Tensor, Tensor]]) -> nn.Sequential:
    """Dense layers with ReLU between them."""
    parts: list[nn.Module] = []
    for weight, bias in weights:
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight, bias
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def qvip(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Certified radii, image by image."""
    with np.load(DATA / "mnist" / "mnist_full.npz") as file:
        images, labels = (file[next(key for key in file.files if key.startswith(start) and "test" in key)]
                          for start in ("x", "y"))  # fmt: skip
    for architecture, widths in QVIP.items():
        for bits in widths:
            if bits not in options.qvip_bits:
                continue
            path = DATA / "peers" / "qvip" / f"qu_mnist_{architecture}_in_8_qu_{bits}.h5"
            network = fixed_point_network(layers(path), bits)
            rows = torch.from_numpy(images.reshape(len(images), -1)).float() / 256
            outputs = network.forward_integer(rows)
            accuracy = float((outputs.argmax(1).numpy() == labels).mean())
            for image in range(options.images):
                started = time.perf_counter()
                found = certified_radius(network, rows[image], timeout=options.timeout)
                yield {
                    "network": architecture, "bits": bits, "accuracy": accuracy, "image": image,
                    "correct": bool(outputs[image].argmax() == labels[image]),
                    "proved": int(found.lower), "possible": int(found.upper), "status": found.status,
                    "seconds": time.perf_counter() - started,
                }  # fmt: skip


def fixed_point_network(weights: list[tuple[Tensor, Tensor]], bits: int) -> IntegerNetwork:
    """Codes of weights (one integer bit) and biases (two), unsigned activations of two integer bits, signed outputs."""
    steps: list[Step] = [Quantize("input", (INPUTS,), bits=8, signed=False, scale=torch.tensor(2.0**-8))]
    half, given = 2 ** (bits - 1), torch.tensor(2.0**-8)
    step, own = torch.tensor(2.0 ** (1 - bits)), torch.tensor(2.0 ** (2 - bits))
    for place, (weight, bias) in enumerate(weights):
        codes = (weight / step).round().clamp(-half, half - 1)
        shifts = (bias / own).round().clamp(-half, half - 1) * (own / (step * given))
        bias_bits = 2 + int(shifts.abs().max()).bit_length()
        last = place == len(weights) - 1
        steps.append(Linear(
            f"{2 * place}", (steps[-1].name,), weight=codes.to(smallest_dtype(bits)), weight_bits=bits,
            weight_scale=step, bias=shifts.to(smallest_dtype(bias_bits)), bias_bits=bias_bits,
            output_scale=step * given, accumulator_bits=32,
        ))  # fmt: skip
        multiplier, shift = fixed_point(float(step * given / own), accumulator_bits=32)
        steps.append(Requantize(
            f"{2 * place + 1}", (steps[-1].name,), bits=bits, signed=last, scale=own, multiplier=multiplier, shift=shift
        ))  # fmt: skip
        given = own
    return IntegerNetwork(steps)


def radii(table: pd.DataFrame) -> pd.DataFrame:
    """Of the images that are answered rightly: mean radii and how many are exact, by network."""
    right = table[table.correct]
    return (
        right.groupby(["network", "bits"])
        .agg(
            accuracy=("accuracy", "first"),
            images=("image", "size"),
            exact=("status", lambda status: int((status == "exact").sum())),
            proved=("proved", "mean"),
            possible=("possible", "mean"),
            at_least_1=("proved", lambda proved: int((proved >= 1).sum())),
            median_seconds=("seconds", "median"),
        )
        .reset_index()
    )


if __name__ == "__main__":
    main()
