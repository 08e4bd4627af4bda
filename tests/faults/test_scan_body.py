"""A scan's body in float64, and single channels of it, against the steps themselves."""

import pytest
import torch

from lowland.faults.channel_trace import channel_trace
from lowland.faults.scan_body import ScanBody
from lowland.faults.scan_traces import CleanScan
from lowland.quantization.graph.linear_step import Linear
from tests.quantization.recurrent import CASES


def scans(name, bits):
    """Each scan of a network with what it takes."""
    network, rows = CASES[name].integer(bits), CASES[name].rows(6, seed=5)
    values = {"inputs": rows}
    for step_name, step in network.steps.items():
        values[step_name] = step.carried(*(values[source] for source in step.inputs))
        if step.kind == "scan":
            yield step, [values[source] for source in step.inputs]


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("name", CASES)
def test_states_of_a_place_follow_from_those_of_the_one_before(name, bits):
    for scan, given in scans(name, bits):
        clean, body = CleanScan(scan, given), ScanBody(scan)
        every = torch.arange(6)
        for place in clean.order:
            last = clean.last_states(every, place)
            found = clean.kept(body.states(clean.known(every, place) | last, None), last, every, place)
            expected = clean.results(every, place)
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[source], expected[source]) for source in expected)


@pytest.mark.parametrize("name", CASES)
def test_a_change_in_one_channel_is_traced_through_the_body(name):
    for scan, given in scans(name, 8):
        clean, body = CleanScan(scan, given), ScanBody(scan)
        every = torch.arange(6)
        layers = [step for step in scan.steps.values() if isinstance(step, Linear)]
        assert {step.name for step in layers} == {"input", "hidden"}
        for channel in range(layers[1].weight.shape[0]):
            changed = clean.of("hidden")[None, ..., channel].double() + 40
            single = channel_trace(scan, clean.of, "hidden", channel, changed)
            assert single is not None

            def struck(result, taken, some, channel=channel):
                result[:, channel] += 40
                return result

            for place in clean.order:
                last = clean.last_states(every, place)
                found = body.states(clean.known(every, place) | last, ("hidden", struck))
                for source in clean.sources:
                    expected = body.states(clean.known(every, place) | last, None)[source]
                    if source in single:
                        unit, traced = single[source]
                        expected[:, unit] = traced[0, :, place].double()
                    assert torch.equal(found[source], expected)
