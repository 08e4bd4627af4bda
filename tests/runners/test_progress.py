import logging

from kedro.pipeline import Node

from lowland.runners import progress
from lowland.runners.progress import RunProgress, stage_of, tag_of
from lowland.runners.schedule import State


def node(name, *tags):
    return Node(len, None, name, name=name, tags=list(tags))


def test_a_stage_is_the_tag_that_says_where_a_node_belongs():
    assert stage_of(node("a", "gather", "summary")) == "summary"
    assert stage_of(node("a", "gather")) == "gather"
    assert stage_of(node("a")) == "untagged"
    part = node("a", "perturbation", "perturbation.attacks")
    assert stage_of(part) == "perturbation" and tag_of(part) == "perturbation.attacks"
    assert tag_of(node("a", "gather", "tables")) == "tables"


def test_a_finished_stage_is_one_line(caplog):
    caplog.set_level(logging.INFO)
    nodes = [node("a", "training"), node("b", "training"), node("c", "landscape")]
    with RunProgress(nodes, logging.getLogger("run")) as shown:
        shown.started(nodes[0])
        shown.over(nodes[0], State.DONE)
        assert not caplog.messages
        shown.over(nodes[1], State.FAILED)
        shown.over(nodes[2], State.SKIPPED)
    assert caplog.messages == ["training: 1 done, 1 failed in 0 s", "landscape: 1 skipped"]


def test_a_long_silence_is_broken(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", -1.0)
    with RunProgress([node("a")], logging.getLogger("run")) as shown:
        shown.tick()
    assert caplog.messages == ["0 of 1 nodes after 0 s"]
