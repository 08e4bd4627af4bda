import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowland.runners.schedule import Schedule, State

DIAMOND = {"a": (), "b": "a", "c": "a", "d": "bc"}


def run(schedule, fails=()):
    """One node at a time; the order in which they ran."""
    order = []
    while (node := schedule.next()) is not None:
        order.append(node)
        schedule.failed(node) if node in fails else schedule.done(node)
    return order


def test_a_node_waits_for_its_predecessors():
    assert run(Schedule(DIAMOND)) == ["a", "b", "c", "d"]


def test_the_longest_chain_goes_first():
    needs = {"short": (), "long": (), "longer": "", "x": ("long",), "y": ("longer",), "z": "y"}
    assert run(Schedule(needs))[:2] == ["longer", "long"]


def test_equal_chains_keep_their_order():
    assert run(Schedule(dict.fromkeys("cab", ()))) == ["c", "a", "b"]


def test_a_failure_blocks_its_descendants_only():
    schedule = Schedule(DIAMOND | {"e": "c"})
    assert run(schedule, fails="b") == ["a", "b", "c", "e"]
    assert schedule.states["d"] is State.SKIPPED
    assert schedule.states["e"] is State.DONE


def test_a_gather_runs_on_what_there_is():
    schedule = Schedule(DIAMOND | {"e": "d", "f": "b"}, gathers="d")
    assert run(schedule, fails="b") == ["a", "b", "c", "d", "e"]
    assert schedule.lost("d") == {"b"}
    assert schedule.states["f"] is State.SKIPPED


def test_a_gather_waits_for_everything_that_still_runs():
    schedule = Schedule(DIAMOND, gathers="d")
    schedule.done(schedule.next())
    assert [schedule.next(), schedule.next(), schedule.next()] == ["b", "c", None]
    schedule.failed("b")
    assert schedule.next() is None
    assert not schedule.pending
    schedule.done("c")
    assert schedule.pending
    assert schedule.next() == "d"


def test_skipping_reaches_gathers_behind_skipped_nodes():
    schedule = Schedule({"a": (), "b": "a", "c": "b", "d": "c"}, gathers="d")
    schedule.next()
    assert schedule.failed("a") == ["b", "c"]
    assert schedule.next() == "d"
    assert schedule.lost("d") == {"c"}


def test_a_retried_node_comes_again():
    schedule = Schedule(DIAMOND)
    schedule.retry(schedule.next())
    assert run(schedule) == ["a", "b", "c", "d"]


@given(st.data())
def test_every_node_ends_once_whatever_fails(data):
    count = data.draw(st.integers(1, 12))
    needs = {n: data.draw(st.sets(st.integers(0, n - 1))) if n else set() for n in range(count)}
    gathers = data.draw(st.sets(st.integers(0, count - 1)))
    fails = data.draw(st.sets(st.integers(0, count - 1)))
    schedule = Schedule(needs, gathers=gathers)
    order = run(schedule, fails)
    assert len(order) == len(set(order))
    for node, state in schedule.states.items():
        lost = {p for p in needs[node] if schedule.states[p] is not State.DONE}
        if lost and node not in gathers:
            assert state is State.SKIPPED
        else:
            assert state is (State.FAILED if node in fails else State.DONE)
            assert all(p in order[: order.index(node)] or schedule.states[p] is State.SKIPPED for p in needs[node])


def test_an_empty_pipeline_has_nothing_to_do():
    assert Schedule({}).next() is None


@pytest.mark.parametrize("fails", ["", "a", "abcd"])
def test_states_are_final(fails):
    schedule = Schedule(DIAMOND)
    run(schedule, fails)
    assert set(schedule.states.values()) <= {State.DONE, State.FAILED, State.SKIPPED}
