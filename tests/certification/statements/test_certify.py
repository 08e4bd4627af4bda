"""What is stated of small cells, against what can be tried exhaustively."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from scipy import stats

from lowland.certification import check_proof
from lowland.certification.statements.certify import certificate
from lowland.certification.statements.options import STATEMENT_NAMES, WORDS
from lowland.faults.bit_flips import apply_flips, stored_sizes
from lowland.faults.flip_sets import draw_rare_bits
from lowland.quantization import Precision, quantize_dynamically
from tests.certification.statements.cells import subject, trained


def values(found):
    return {
        (each.measure, each.target, each.level if each.level == each.level else None): each.estimate
        for each in found.measurements
    }


@pytest.fixture(scope="module")
def floats():
    return certificate(subject())


@pytest.fixture(scope="module")
def integers():
    return certificate(subject(6))


def test_float_networks_are_asked_at_every_width_and_finer_grids_change_less(floats):
    proved = values(floats)
    assert set(floats.statements) == {"rounding", "confidence", "global"}
    for measure in ("confidence_deviation", "margin_loss", "confidence_deviation_found"):
        assert 0 < proved[measure, "", 12.0].value < proved[measure, "", 6.0].value
    assert proved["certified_share", "", 12.0].value >= proved["certified_share", "", 6.0].value > 0.5
    for level in (12.0, 6.0):
        assert proved["certified_share", "", level].value <= proved["certified_share_at_most", "", level].value
        largest = proved["confidence_deviation", "", level]
        assert largest.value >= proved["confidence_deviation_found", "", level].value
        if largest.status == "ok":  # two classes: exact, and the solution is a rounding
            assert largest.value == pytest.approx(proved["confidence_deviation_found", "", level].value, abs=1e-5)


def test_some_certified_rows_are_proved_again_and_their_proofs_are_kept(floats):
    again = values(floats)["reproved_share", "", 12.0]
    assert (again.value, again.num_samples) == (1.0, 2)
    kept = json.loads(json.dumps(floats.statements["rounding"]))["boxes"][0]["proofs"]
    assert len(kept) == 2
    for proofs in kept.values():
        assert [float(check_proof(proof)) for proof in proofs] == [proofs[0]["claim"]["bound"]]
    assert certificate(subject(proofs=0, statements=("rounding",))).statements["rounding"]["boxes"][0].keys() == {
        "bits",
        "half_steps",
        "use",
    }


def test_of_all_inputs_it_is_the_finest_grid_that_is_asked(floats):
    proved = values(floats)
    reached = proved["global_deviation_found", "", 12.0].value
    assert proved["global_deviation", "", 12.0].value >= reached > 0
    assert reached >= proved["confidence_deviation_found", "", 12.0].value - 0.01  # rows are inputs, too
    assert ("global_deviation", "", 6.0) not in proved


def test_no_rounding_that_is_drawn_changes_a_certified_row_or_moves_a_confidence_further():
    asked = subject(bits=32, statements=("rounding", "confidence"), rows=30)
    asked_bits, inputs = 6, asked.test
    proved = values(certificate(asked))
    network, source = deepcopy(trained()).requires_grad_(False), torch.Generator().manual_seed(0)
    before = network(inputs).softmax(1).amax(1)
    classes, kept = network(inputs).argmax(1), torch.ones(len(inputs), dtype=torch.bool)
    furthest = 0.0
    for _ in range(50):
        moved = {
            name: value.detach()
            + value.abs().max() / (2 ** (asked_bits - 1) - 1) / 2 * (torch.rand(value.shape, generator=source) * 2 - 1)
            for name, value in network.named_parameters()
        }
        outputs = torch.func.functional_call(network, moved, (inputs,))
        kept &= outputs.argmax(1) == classes
        change = (outputs.softmax(1).gather(1, classes[:, None])[:, 0] - before).abs()
        furthest = max(furthest, float(change[: asked.options.deviation_rows].max()))
    assert float(kept.double().mean()) >= proved["certified_share", "", 6.0].value
    assert furthest <= proved["confidence_deviation", "", 6.0].value


def test_of_integers_everything_is_stated_and_nested_words_are_never_safer(integers):
    proved = values(integers)
    assert set(integers.statements) == set(STATEMENT_NAMES) - {"deployed"}
    shares = [proved["upset_safe_share", target, None].value for target in WORDS]
    assert shares[0] >= max(shares[1:])
    for target in WORDS:
        assert proved["upset_safe_share_lower", target, None].value <= proved["upset_safe_share", target, None].value
    near, far = (proved["noise_safe_share", "", radius].value for radius in (1.0, 20.0))
    assert 1 >= near >= far
    assert proved["box_use", "", 6.0].value <= 1 and proved["certified_share", "", 6.0].status == "ok"


def test_upset_safe_rows_are_those_of_all_flips_tried_one_by_one():
    asked = subject(6, statements=("upsets",), rows=10)
    network, inputs = asked.network, asked.test
    before, safe = network.forward_integer(inputs).argmax(1), torch.ones(10, dtype=torch.bool)
    for name, codes in network.codes.items():
        width = network.bits[name]
        for element in range(codes.numel()):
            for bit in range(width):
                unsigned = int(codes.flatten()[element]) % 2**width ^ (1 << bit)
                other = codes.clone()
                other.view(-1)[element] = unsigned - 2**width * (unsigned >= 2 ** (width - 1))
                safe &= network.with_codes({name: other}).forward_integer(inputs).argmax(1) == before
    proved = values(certificate(asked))
    assert proved["upset_safe_share", "weights+biases", None].value == pytest.approx(float(safe.double().mean()))


def test_random_flips_hit_each_row_by_a_set_of_its_own_and_the_interval_is_for_all_rates(integers):
    asked, proved = subject(6), values(integers)
    network, sizes = asked.network, stored_sizes(asked.network, ("weights", "biases"))
    for rate in asked.options.upset_rates:
        right = 0
        for row in range(len(asked.test)):
            flips = draw_rare_bits(sizes, ("random upsets", row), rate=0.1).below(rate)
            answer = apply_flips(network, flips).forward_integer(asked.test[row : row + 1]).argmax(1)
            right += int(answer == asked.classes[row])
        found = proved["expected_accuracy", "weights+biases", rate]
        assert (found.value, found.num_samples) == (right / len(asked.test), len(asked.test))
        exact = stats.binomtest(right, len(asked.test)).proportion_ci(0.975, method="exact")
        assert proved["expected_accuracy_lower", "weights+biases", rate].value == pytest.approx(exact.low)


def test_the_frontier_ends_with_all_landscape_rows_safe_and_says_of_how_many_bits(integers):
    frontier, proved = integers.frontier, values(integers)
    assert (
        frontier["landscape_share"][-1] == 1
        and (frontier["landscape_share"][1:] >= frontier["landscape_share"][:-1]).all()
    )
    assert frontier["test_share"][0] == proved["upset_safe_share", "weights+biases", None].value
    network = subject(6).network
    assert frontier["num_bits"] == sum(codes.numel() * network.bits[name] for name, codes in network.codes.items())
    needed, least = (
        proved[name, "weights+biases", 0.9].value for name in ("protection_bits", "protection_bits_at_least")
    )
    assert least <= needed <= frontier["triplicated"][-1]


def test_a_certificate_names_what_it_is_about_and_json_holds_it(integers):
    stored = json.loads(json.dumps(integers.statements))
    words = stored["upsets"]["words"]["weights+biases"]
    assert words["encoding"] == "twos_complement" and words["ties"] == "lowest index"
    assert words["arithmetic"] == "forward_integer" and words["num_bits"] == integers.frontier["num_bits"]
    assert set(words["widths"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert "real" in stored["rounding"]["arithmetic"] and stored["rounding"]["boxes"][0]["bits"] == 6
    assert all(statement["seconds"] >= 0 for statement in stored.values())


def test_a_cell_outside_its_box_says_so_and_nothing_else_of_rounding():
    found = certificate(subject(4, "mse", statements=("rounding", "confidence")))
    proved = values(found)
    assert proved["box_use", "", 4.0].value > 1
    assert proved["certified_share", "", 4.0].status == "undefined"
    assert ("confidence_deviation", "", 4.0) not in proved


def test_of_networks_without_integers_nothing_is_said_of_integers():
    asked = subject(statements=("upsets", "noise"))
    dynamic = quantize_dynamically(
        trained(), Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="torchao")
    )
    assert not certificate(replace(asked, network=dynamic)).measurements
