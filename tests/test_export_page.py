"""What docs/export.md tells readers to write does what it says."""

import re
import subprocess
from pathlib import Path

import pytest
import torch

from lowland.artifacts import StoredModel
from lowland.datasets import ModelDataset
from lowland.export import Flip
from lowland.export.c_judge import FLAGS
from lowland.export.flips import flipped
from tests.export.networks import needs_gcc
from tests.quantization.networks import FEATURES, integer_network, rows

PAGE = (Path(__file__).resolve().parents[1] / "docs/export.md").read_text(encoding="utf-8")
(USE,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
RUN, FLIP = re.findall(r"```c\n(.*?)```", PAGE, re.S)


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """A network and its inputs, written as the page says."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network, inputs = integer_network(6), rows(40, seed=1)[0]
    ModelDataset(filepath=str(tmp_path / "network.safetensors")).save(StoredModel(network.eval()))
    monkeypatch.chdir(tmp_path)
    (path,) = re.findall(r'"(data/.*?)"', USE)
    exec(USE.replace(path, "network.safetensors"), {"inputs": inputs})
    return network, inputs


@needs_gcc
def test_the_calls_of_the_page_and_its_c(exported, tmp_path):
    network, inputs = exported
    codes = network.integer_values(inputs)["input"][0].tolist()
    for index, state in enumerate((network, flipped(network, [Flip("0.weight", 12, 5)]))):
        include, *calls = RUN.split("\n\n")
        flip = FLIP.split("\n\n") if index else [include, ""]
        body = "\n".join(calls)
        expected = ", ".join(map(str, state.forward_integer(inputs)[0].tolist()))
        (tmp_path / "use.c").write_text(
            f"{flip[0]}\nint main(void) {{\n"
            f"const int8_t codes[] = {{{', '.join(map(str, codes))}}};\n"
            f"const float values[] = {{{', '.join(f'{value.hex()}f' for value in inputs[0].tolist())}}};\n"
            f"const int64_t right[] = {{{expected}}};\n{flip[1]}\n{body}\n"
            "for (int i = 0; i < JETS_OUTPUTS; ++i) { if (outputs[i] != right[i]) { return 1; } }\nreturn 0;\n}\n"
        )
        command = ["cc", *FLAGS, "-I", tmp_path / "jets_c", tmp_path / "use.c", "-o", tmp_path / "use"]
        subprocess.run(command, check=True)
        assert subprocess.run([tmp_path / "use"], check=False).returncode == 0
    assert len(codes) == FEATURES and not torch.equal(state.forward_integer(inputs), network.forward_integer(inputs))
