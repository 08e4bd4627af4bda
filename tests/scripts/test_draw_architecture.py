"""The drawings of ARCHITECTURE.md are what the code is."""

import pytest

from lowland.stages import all_stages
from scripts.draw_architecture import (
    PAGE,
    draw_rooms,
    draw_stages,
    floors,
    imports_between_rooms,
    list_nodes,
    redrawn,
    without_detours,
)
from tests.test_architecture import BASEMENT, KEDRO_LAYER


def test_the_committed_page_shows_the_code():
    page = PAGE.read_text()
    assert redrawn(page) == page, "run python -m scripts.draw_architecture"


def test_text_between_the_drawings_stays():
    page = PAGE.read_text()
    stale = page.replace(draw_rooms(), "```mermaid\nflowchart TB\n  attic --> cellar\n```")
    assert stale != page and redrawn(stale) == page
    assert redrawn(f"{page}A last word.\n") == f"{page}A last word.\n"


def test_a_page_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="lacks the markers of 'rooms'"):
        redrawn("# Architecture\n")


def test_a_room_lies_one_floor_above_the_highest_that_it_imports():
    graph = {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"a"}, "errors": set(), "cli": {"c"}}
    assert {"errors"} <= BASEMENT and {"cli"} <= KEDRO_LAYER
    assert floors(graph) == [["a"], ["b", "d"], ["c"]]
    with pytest.raises(ValueError, match="circle: a, b"):
        floors({"a": {"b"}, "b": {"a"}})


def test_an_arrow_that_a_longer_way_shows_is_left_out():
    assert without_detours({"c": {"a", "b"}, "b": {"a"}, "a": set()}) == {"c": ["b"], "b": ["a"], "a": []}
    assert without_detours({"a": {"b"}, "b": {"a"}}) == {"a": ["b"], "b": ["a"]}
    circle = without_detours({"a": {"b", "c"}, "b": {"a", "c"}, "c": set()})  # one of the ways to c stays
    assert circle == {"a": ["b"], "b": ["a", "c"], "c": []}


def test_every_room_and_every_node_is_on_the_page():
    drawn, rooms = draw_rooms(), imports_between_rooms()
    packages = {room for room in rooms if room not in BASEMENT | KEDRO_LAYER}
    assert {"tasks", "training", "quantization"} <= packages
    assert all(f'{room}["<b>{room}</b>' in drawn for room in packages)
    told = list_nodes()
    for stage in all_stages():
        assert all(f"| `{node.name}` | {node.level} |" in told for node in stage.nodes)


def test_what_stages_hand_on_is_drawn_from_whoever_made_it_last():
    drawn = draw_stages()
    assert 'preparation -- "splits" --> training' in drawn and 'quantization -- "model" --> perturbation' in drawn
    assert "preparation -- " in drawn and "references" in drawn
    assert not any("references" in line for line in drawn.splitlines() if line.startswith("  preparation"))
