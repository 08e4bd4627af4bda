"""A small network that tells two classes apart, its deployed networks, and what is asked of them."""

from functools import cache

import torch
from torch import nn

from lowland.certification.statements.options import STATEMENT_NAMES, CertificationOptions
from lowland.certification.statements.statement import Subject
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze

OPTIONS = CertificationOptions(
    precisions="all",
    seeds="all",
    statements=tuple(name for name in STATEMENT_NAMES if name != "deployed"),
    rows=30,
    bits=(12, 6),
    proofs=2,
    deviation_rows=3,
    noise_radii=(1, 20),
    noise_rows=6,
    upset_rates=(1e-3, 0.1),
    safe_shares=(0.9,),
    seconds=1,
    global_seconds=1,
)


def rows(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    return (labels[:, None] * 2.0 - 1) + 0.6 * torch.randn(count, 2, generator=source), labels


@cache
def trained() -> nn.Sequential:
    inputs, labels = rows(200, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 2))
    optimizer = torch.optim.Adam(network.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return network.eval()


@cache
def deployed(bits: int, calibration: str = "max") -> IntegerNetwork:
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=8, calibration=calibration)
    twin = build_quantized(trained(), precision, input_bits=8)
    calibrate(twin, rows(200, 0)[0])
    return freeze(twin)


def subject(bits: int = 32, calibration: str = "max", **options) -> Subject:
    network = trained() if bits == 32 else deployed(bits, calibration)
    asked = CertificationOptions.model_validate(OPTIONS.model_dump() | options)
    return Subject(trained(), network, *rows(asked.rows, 1), rows(asked.rows, 2)[0], asked)
