"""What the judges need and refuse."""

import builtins

import pytest
import torch

from lowland.errors import LowlandError
from lowland.export import Flip, c_judge, export_c, export_onnx, run_c, run_onnx
from tests.export.networks import needs_gcc, network, rows


@pytest.fixture
def without(monkeypatch):
    """Makes packages that are not installed of those that are."""
    real = builtins.__import__

    def hide(*names):
        def refuse(name, *rest):
            if name.split(".")[0] in names:
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", refuse)

    return hide


def test_missing_packages_are_one_line_each(without, tmp_path):
    without("onnx", "onnxruntime")
    with pytest.raises(LowlandError, match=r"^ONNX needs the package onnx, .* pip install .*\[onnx\]'$"):
        export_onnx(network("tied", 4), rows("tied", 1), tmp_path / "network.onnx")
    for runtime, package in (("onnxruntime", "onnxruntime"), ("reference", "onnx")):
        with pytest.raises(LowlandError, match=f"needs the package {package}, which is not installed"):
            run_onnx(tmp_path / "network.onnx", rows("tied", 1), runtime=runtime)
    assert not list(tmp_path.iterdir())


def test_a_missing_compiler_is_one_line(monkeypatch, tmp_path):
    folder = export_c(network("tied", 4), rows("tied", 1), tmp_path / "c")
    monkeypatch.setattr(c_judge.shutil, "which", lambda name: None)
    with pytest.raises(LowlandError, match="no gcc and no cc on this machine; expected a C compiler"):
        run_c(folder, network("tied", 4), rows("tied", 1))


@needs_gcc
def test_a_source_that_warns_is_refused_with_the_first_line(tmp_path):
    with pytest.raises(LowlandError, match=r"holds 0 files \*_check.c"):
        c_judge.compile_check(tmp_path, tmp_path / "check")
    (tmp_path / "network_check.c").write_text("int main(void) { int unused; return 0; }\n")
    with pytest.raises(LowlandError, match=r"does not compile in silence: .*unused"):
        c_judge.compile_check(tmp_path, tmp_path / "check")


@needs_gcc
def test_inputs_and_flips_are_checked_first(tmp_path):
    given, inputs = network("tied", 4), rows("tied", 2)
    folder = export_c(given, inputs, tmp_path / "c")
    with pytest.raises(LowlandError, match="NaN or Inf"):
        run_c(folder, given, inputs * torch.inf)
    with pytest.raises(LowlandError, match="expected 0 to 3"):
        run_c(folder, given, inputs, flips=[Flip("cell.weight", 0, 9)])
