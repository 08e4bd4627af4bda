"""Recurrent networks elsewhere: the body stands once, padding keeps the states, sequences run both ways."""

import pytest
import torch

from lowland.export import export_c, export_onnx, run_c, run_onnx
from lowland.export.flips import Flip, flipped
from tests.export.networks import needs_gcc

# Scan steps and their cases join from elsewhere.
recurrent = pytest.importorskip("tests.quantization.recurrent")
NAMES = list(recurrent.CASES)


def network_and_rows(name, bits, count):
    case = recurrent.CASES[name]
    return case.integer(bits), case.rows(count, seed=3)


@pytest.mark.parametrize("name", NAMES)
def test_onnx_computes_the_integers(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    given, inputs = network_and_rows(name, 4, 40)
    path = export_onnx(given, inputs, tmp_path / "network.onnx")
    expected = given.forward_integer(inputs)
    assert torch.equal(run_onnx(path, inputs), expected)
    assert torch.equal(run_onnx(path, inputs[:3], runtime="reference"), expected[:3])
    words = [each.name for each in onnx.load(path).graph.initializer if ".weight/" in each.name]
    assert len(words) == len([each for each in given.codes if each.endswith(".weight")])


@needs_gcc
@pytest.mark.parametrize("name", NAMES)
def test_c_computes_the_integers_under_flips_too(name, tmp_path):
    given, inputs = network_and_rows(name, 4, 40)
    folder = export_c(given, inputs[:3], tmp_path / "c")
    flips = [Flip(each, 1, 2) for each in given.codes]
    assert torch.equal(run_c(folder, given, inputs), given.forward_integer(inputs))
    assert torch.equal(run_c(folder, given, inputs, flips=flips), flipped(given, flips).forward_integer(inputs))
