"""Scans spelt out place by place give the same integers."""

from __future__ import annotations

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization.graph.scan_step import Scan
from tests.quantization.recurrent import CASES, PLACES
from tests.quantization.unrolling import unrolled


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.tokens])
def test_a_network_without_scans_gives_the_same_integers_and_floats(name: str) -> None:
    network, rows = CASES[name].integer(4), CASES[name].rows(30, seed=8)
    spelt_out = unrolled(network, rows)
    assert not any(isinstance(step, Scan) for step in spelt_out.steps.values())
    assert torch.equal(spelt_out.forward_integer(rows), network.forward_integer(rows))
    assert torch.equal(spelt_out.deployed_outputs(rows), network.deployed_outputs(rows))
    torch.testing.assert_close(spelt_out(rows), network(rows), rtol=1e-5, atol=1e-6)
    first = f"{next(step.name for step in network.steps.values() if isinstance(step, Scan))}_hidden"
    weights = [key for key in spelt_out.codes if key.startswith(first) and key.endswith(".weight")]
    assert weights == [f"{first}_0.weight"]  # tied: it stands once
    assert f"{first}_{PLACES - 1}" in spelt_out.steps


def test_padded_places_cannot_be_spelt_out() -> None:
    case = CASES["gru_text"]
    with pytest.raises(
        LowlandError, match="step 'recurrence' keeps its states where the inputs are 0; expected a scan"
    ):
        unrolled(case.integer(4), case.rows(2))
