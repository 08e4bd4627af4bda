"""The C header computes the integers of the network, flips included; its own check says so."""

import re
import subprocess

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError, MistakesError
from lowland.export import Flip, export_c, run_c
from lowland.export.c_judge import FLAGS, compile_check
from lowland.export.c_rules import C_RULES
from lowland.export.flips import flipped
from lowland.export.results import deployed
from lowland.quantization.graph.steps import STEPS
from tests.export.networks import NAMES, edges, needs_gcc, network, rows
from tests.export.random_graphs import RandomGraph
from tests.quantization.graphs import GRAPHS, one_for_all


def some_flips(given, count, *, seed=0):
    draws = torch.Generator().manual_seed(seed)

    def draw(bound):
        return int(torch.randint(bound, (), generator=draws))

    names = [list(given.codes)[draw(len(given.codes))] for _ in range(count)]
    return [Flip(name, draw(given.codes[name].numel()), draw(given.bits[name])) for name in names]


@needs_gcc
@pytest.mark.parametrize("name, bits", [(name, 4) for name in NAMES] + [("averaging", 8), ("series", 12)])
def test_c_computes_the_integers_of_the_network_under_flips_too(name, bits, tmp_path):
    given, inputs = network(name, bits), rows(name, 40)
    flips = some_flips(given, 6)
    folder = export_c(given, inputs[:3], tmp_path / "c", flips=flips)
    changed = flipped(given, flips)
    assert not torch.equal(deployed(changed, inputs).integers(inputs), deployed(given, inputs).integers(inputs))
    for state, under in ((given, []), (changed, flips)):
        expected = deployed(state, inputs).integers(inputs).flatten(1)
        assert torch.equal(run_c(folder, given, inputs, flips=under), expected)
    done = subprocess.run([compile_check(folder, tmp_path / "check")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "test vectors: 0 of 3 rows differ",
        "under 6 flips: 0 of 3 rows differ",
        "flipped back: 0 of 3 rows differ",
    ]


@needs_gcc
@settings(
    deadline=None, max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # a shrinking would compile for minutes
@given(st.integers(0, 2**31), st.sampled_from([(5,), (2, 6), (2, 5, 6)]))
def test_random_graphs_of_steps(tmp_path_factory, seed, shape):
    graph = RandomGraph(seed, shape)
    given, inputs = graph.network(8), graph.rows(20)
    folder = export_c(given, inputs[:1], tmp_path_factory.mktemp("c") / "network")
    assert torch.equal(run_c(folder, given, inputs), given.forward_integer(inputs).flatten(1))


@needs_gcc
def test_ties_signs_and_the_widest_products(tmp_path):
    given, inputs = edges()
    folder = export_c(given, inputs[:1], tmp_path / "c")
    assert torch.equal(run_c(folder, given, inputs), given.forward_integer(inputs))


@needs_gcc
def test_floats_become_codes_as_the_step_makes_them(tmp_path):
    given = network("tied", 4)
    scale = given.steps["input"].scale
    edge = torch.arange(-20, 20)[:, None] * scale / 2
    inputs = torch.cat([edge, torch.nextafter(edge, torch.tensor(1e9)), edge * 1e30, edge * 1e-30]).repeat(1, 6)
    folder = export_c(given, inputs[:1], tmp_path / "c")
    assert torch.equal(run_c(folder, given, inputs), given.forward_integer(inputs))


@needs_gcc
def test_tokens_may_be_whole_numbers(tmp_path):
    given, tokens = GRAPHS["tokens"].network(), GRAPHS["tokens"].rows(5)
    folder = export_c(given, tokens.long(), tmp_path / "c")
    assert torch.equal(run_c(folder, given, tokens.long()), given.forward_integer(tokens))


@needs_gcc
def test_a_wrong_integer_fails_the_check(tmp_path):
    given, inputs = network("tied", 4), rows("tied", 2)
    folder = export_c(given, inputs, tmp_path / "c", name="tagger")
    source = folder / "tagger_check.c"
    first = str(int(given.forward_integer(inputs)[0, 0]))
    before, after = source.read_text().split("expected[", 1)
    source.write_text(before + "expected[" + after.replace(f" {first},", " 99999,", 1))
    done = subprocess.run([compile_check(folder, tmp_path / "check")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "test vectors: 1 of 2 rows differ" in done.stdout


@needs_gcc
def test_codes_go_in_as_they_are_and_two_networks_live_side_by_side(tmp_path):
    given, inputs = network("tied", 4), rows("tied", 1)
    other = network("tables", 4)
    for name, each, shape in (("left", given, inputs), ("right", other, rows("tables", 1))):
        (tmp_path / f"{name}.h").write_text(
            (export_c(each, shape, tmp_path / name, name=name) / f"{name}.h").read_text()
        )
    codes = given.integer_values(inputs)["input"][0].tolist()
    expected = given.forward_integer(inputs)[0].tolist()
    (tmp_path / "use.c").write_text(
        f"""
        #include "left.h"
        #include "right.h"
        int main(void) {{
            const int8_t codes[LEFT_INPUTS] = {{{", ".join(map(str, codes))}}};
            const int64_t expected[LEFT_OUTPUTS] = {{{", ".join(map(str, expected))}}};
            left_output outputs[LEFT_OUTPUTS];
            left_infer(codes, outputs);
            for (int i = 0; i < LEFT_OUTPUTS; ++i) {{
                if (outputs[i] != expected[i]) {{
                    return 1;
                }}
            }}
            return RIGHT_OUTPUTS != 3;
        }}
        """
    )
    subprocess.run(["cc", *FLAGS, tmp_path / "use.c", "-o", tmp_path / "use"], check=True)
    subprocess.run([tmp_path / "use"], check=True)


@needs_gcc
@pytest.mark.parametrize("name", ["averaging", "tables"])
def test_no_undefined_behaviour(name, tmp_path):
    given, inputs = network(name, 8), rows(name, 8) * 10
    folder = export_c(given, inputs, tmp_path / "c", flips=some_flips(given, 4))
    checked = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    built = subprocess.run(
        ["cc", *FLAGS, *checked, folder / "network_check.c", "-o", tmp_path / "check"], capture_output=True, text=True
    )
    if built.returncode:
        pytest.skip(f"no sanitizers on this machine: {built.stderr.splitlines()[0]}")
    subprocess.run([tmp_path / "check"], check=True, capture_output=True)


@needs_gcc
@pytest.mark.parametrize("flips", ["0 0 99", "7 0 0", "0 0 1 0", "nonsense"])
def test_flips_that_are_not_there_are_refused_by_the_check(flips, tmp_path):
    given, inputs = network("tied", 4), rows("tied", 1)
    program = compile_check(export_c(given, inputs, tmp_path / "c"), tmp_path / "check")
    (tmp_path / "inputs").write_bytes(inputs.numpy().tobytes())
    (tmp_path / "flips").write_text(flips)
    arguments = [program, tmp_path / "inputs", tmp_path / "outputs", tmp_path / "flips"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "names a bit that is not there" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_words_are_constants_without_faults_and_nothing_is_allocated(tmp_path):
    folder = export_c(network("classifier", 8), rows("classifier", 1), tmp_path / "c")
    header = (folder / "network.h").read_text()
    assert "#define NETWORK_WORDS static const\n" in header
    assert header.count("malloc") == header.count("double") == 0
    assert [line for line in header.splitlines() if "#include" in line] == ["#include <stdint.h>"]
    functions = re.findall(r"^static inline \w+ (\w+)\((.*?)^}", header, re.DOTALL | re.MULTILINE)
    assert [name for name, body in functions if "float" in body] == ["network_0_input_of_floats", "network_run"]


def test_the_same_network_gives_the_same_text(tmp_path):
    given, inputs = network("dense", 4), rows("dense", 2)
    first, second = (export_c(given, inputs, tmp_path / name) for name in ("a", "b"))
    for path in first.iterdir():
        assert path.read_text() == (second / path.name).read_text()


def test_what_c_cannot_say_is_listed_at_once_and_nothing_is_written(tmp_path):
    graph = GRAPHS["attention"]
    with pytest.raises(MistakesError) as caught:
        export_c(graph.network(), graph.rows(1), tmp_path / "out" / "c")
    assert [line.split(";")[0] for line in caught.value.lines] == [
        "step 'norm' is a float_step",
        "step 'attend' is a float_step",
    ]
    assert "export_onnx" in caught.value.lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "told, message",
    [
        ({"name": "9lives"}, "name is '9lives'; expected letters"),
        ({"flips": [Flip("cell.wait", 0, 0)]}, "did you mean cell.weight?"),
        ({"vectors": torch.full((1, 6), torch.nan)}, "inputs hold NaN or Inf"),
        ({"vectors": torch.zeros(0, 6)}, "at least one row"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(told, message, tmp_path):
    told = {"vectors": rows("tied", 1), **told}
    with pytest.raises(LowlandError) as caught:
        export_c(network("tied", 4), told.pop("vectors"), tmp_path / "c", **told)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(LowlandError, match="exists; expected a new path"):
        export_c(network("tied", 4), rows("tied", 1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_every_kind_of_step_has_a_rule_or_is_known_to_have_none():
    assert set(STEPS) - set(C_RULES) == {"float_island", "float_step"}


@needs_gcc
def test_one_summand_for_all_channels(tmp_path):
    given, inputs = one_for_all(), torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    folder = export_c(given, inputs[:3], tmp_path / "c")
    assert torch.equal(run_c(folder, given, inputs), given.forward_integer(inputs))
