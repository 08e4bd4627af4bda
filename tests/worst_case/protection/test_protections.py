"""Protected networks under policies that are searched anew, and their rows."""

from dataclasses import replace

import pytest

from lowland.worst_case import Rows
from lowland.worst_case.protection import PROTECTIONS, Unprotected, protected, protection_rows, unprotected
from lowland.worst_case.protection.options import NAMES, ProtectionOptions
from lowland.worst_case.scaling import drowned_network, equalized_network
from tests.base_options import base
from tests.worst_case.protection.cases import ADVERSARY, INPUTS, judged, network

OPTIONS = ProtectionOptions(**base("worst_case_protection", precisions="all"))


@pytest.fixture(scope="module")
def given():
    drowned = drowned_network(network(16, 8), INPUTS[:1], factor=64.0)
    cell = judged(module=drowned)
    targets = drowned(INPUTS).argmax(1)
    equal = judged(module=equalized_network(drowned, INPUTS[:1]))
    return Unprotected(cell, equal, Rows(INPUTS[:120], targets[:120]), INPUTS[:60], ADVERSARY, OPTIONS)


def test_names_are_those_that_options_know():
    assert tuple(PROTECTIONS) == NAMES


def test_each_network_is_attacked_anew_by_the_same_adversary(given):
    plain = unprotected(given)
    assert plain.drop == ADVERSARY.worst(given.cell.on(given.searched)).drop > 0.02
    for name in ("outliers_apart", "clipped_ranges", "equalized_channels"):
        found = protected(given, name)[name]
        problem = found.cell.on(given.searched)
        assert found.drop == ADVERSARY.worst(problem).drop == problem.drop(found.widths)


def test_kept_layers_have_their_own_width_under_the_worst_policy_of_the_others(given):
    both = protected(given, "kept_layers")
    found = both["kept_layers"]
    bits = dict(zip(found.cell.subject.layers, found.widths, strict=True))
    assert found.facts["layers"] and all(bits[layer] == 8 for layer in found.facts["layers"])
    assert found.drop < OPTIONS.target and found.added_bits > 0
    strict = both["kept_layers_same_mean"]
    assert strict.drop >= found.drop and strict.added_bits <= found.added_bits
    elements = found.cell.subject.elements
    mean = sum(count * width for count, width in zip(elements, strict.widths, strict=True)) / sum(elements)
    assert mean >= ADVERSARY.mean_bits + strict.added_bits - 1e-9
    assert found.facts["tried"][-1]["layers"] == found.facts["layers"] and found.facts["is_smallest"]


def test_equalized_channels_undo_what_rescaling_did(given):
    assert protected(given, "equalized_channels")["equalized_channels"].drop < unprotected(given).drop
    assert protected(replace(given, equalized=None), "equalized_channels") == {"equalized_channels": None}


def test_idle_protections_are_the_network_as_it_is(given):
    idle = OPTIONS.model_copy(update={"percentile": 100.0, "outlier_share": 0.0})
    given, plain = replace(given, options=idle), unprotected(given)
    for name in ("outliers_apart", "clipped_ranges"):
        found = protected(given, name)[name]
        assert (found.widths, found.drop, found.added_bits, found.stored_bits) == (plain.widths, plain.drop, 0, 0)


def test_rows_say_what_each_saves_beyond_what_it_costs(given):
    plain = unprotected(given)
    networks = protected(given, "clipped_ranges") | {"equalized_channels": None}
    rows = Rows(INPUTS[120:], network(16, 8)(INPUTS[120:]).argmax(1))
    found = {(row.measure, row.target): row for row in protection_rows(plain, networks, {"test": rows}, mean_bits=4.0)}
    clipped = networks["clipped_ranges"]
    before, after = plain.cell.on(rows), clipped.cell.on(rows)
    drop = after.drop(clipped.widths)
    harm = float((after.clean - before.clean).mean())
    value = {key: row.estimate.value for key, row in found.items()}
    assert value["protected_drop", "clipped_ranges"] == pytest.approx(drop)
    assert value["protection_harm", "clipped_ranges"] == pytest.approx(harm)
    saved = before.drop(plain.widths) - drop - harm
    assert value["protection_gain", "clipped_ranges"] == pytest.approx(saved)
    assert value["protection_gain", "no_protection"] == value["protection_harm", "no_protection"] == 0
    assert value["protection_cost", "no_protection"] == 0
    assert {found[key].estimate.status for key in found if key[1] == "equalized_channels"} == {"undefined"}
    assert found["protected_drop", "clipped_ranges"].level == 4.0 and len(found) == 4 * 3
