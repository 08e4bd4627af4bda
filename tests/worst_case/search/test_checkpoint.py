"""A search that was interrupted ends as if it had not been, and takes no file of another one."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.worst_case import PolicyProblem, PolicySubject
from lowland.worst_case.search import CrossEntropy, SearchResult, agent_of, search_problem
from tests.worst_case.search.cases import budget, network, problem, rows
from tests.worst_case.search.test_policy_search import SEARCHING


class Interrupting(PolicyProblem):
    """Stops as a pulled plug would, after some evaluations, and counts them."""

    def __init__(self, most: int) -> None:
        inputs, targets = rows()
        super().__init__(PolicySubject(network(), inputs), inputs, targets)
        self.most, self.computed = most, 0

    def drop(self, widths) -> float:
        if self.computed == self.most:
            raise KeyboardInterrupt
        self.computed += 1
        return super().drop(widths)


def run(path: Path | None, *, on: PolicyProblem, agent: str = "greedy", evaluations: int = 12) -> SearchResult:
    return search_problem(
        on, budget(4.0), agent_of(agent), evaluations=evaluations, generator=generator("resume"), checkpoint=path
    )


@pytest.mark.parametrize("agent", [*SEARCHING, "exhaustive"])
@pytest.mark.parametrize("stops", [(5,), (1, 3)])
def test_an_interrupted_search_equals_an_uninterrupted_one(tmp_path: Path, agent: str, stops: tuple[int, ...]) -> None:
    evaluations = {"exhaustive": 16, "ppo": 7}.get(agent, 12)
    whole = run(None, on=problem(), agent=agent, evaluations=evaluations)
    path = tmp_path / "search.json"
    for most in stops:
        with pytest.raises(KeyboardInterrupt):
            run(path, on=Interrupting(most), agent=agent, evaluations=evaluations)
    last = Interrupting(1000)
    assert run(path, on=last, agent=agent, evaluations=evaluations) == whole
    assert last.computed == whole.evaluations - sum(stops)
    assert os.listdir(tmp_path) == ["search.json"]


def test_a_finished_search_is_read_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "search.json"
    first = run(path, on=problem(), agent="cross_entropy", evaluations=8)
    again, more, fewer = Interrupting(0), Interrupting(4), Interrupting(0)
    assert run(path, on=again, agent="cross_entropy", evaluations=8) == first
    longer = run(path, on=more, agent="cross_entropy", evaluations=12)
    assert longer == run(None, on=problem(), agent="cross_entropy", evaluations=12)
    assert run(path, on=fewer, agent="cross_entropy", evaluations=3).history == first.history[:3]
    assert run(path, on=Interrupting(0), agent="cross_entropy", evaluations=12) == longer  # the shorter lost nothing


@pytest.mark.parametrize("part", ["network", "rows", "harm", "budget", "agent", "generator"])
def test_a_checkpoint_of_another_search_is_refused_by_name(tmp_path: Path, part: str) -> None:
    path = tmp_path / "search.json"
    agent = CrossEntropy()
    search_problem(problem(), budget(4.0), agent, evaluations=3, generator=generator(1), checkpoint=path)
    stored = path.read_bytes()
    now, mean, draws = problem(), budget(4.0), generator(1)
    inputs, targets = rows()
    if part == "network":
        now = PolicyProblem(PolicySubject(network(1), inputs), inputs, targets)
    elif part == "rows":
        now = PolicyProblem(PolicySubject(network(), inputs), inputs, (targets + 1) % 4)
    elif part == "harm":
        now = PolicyProblem(PolicySubject(network(), inputs), inputs, targets, harm=lambda o, t: o.double()[:, 0])
    elif part == "budget":
        mean = budget(5.0)
    elif part == "agent":
        agent = dataclasses.replace(agent, elite=4)
    else:
        draws = generator(2)
    with pytest.raises(LowlandError, match=rf"search\.json is of a search with another {part} ") as raised:
        search_problem(now, mean, agent, evaluations=3, generator=draws, checkpoint=path)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == stored


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"search": {}, "evaluations": [[1]]}', "\x00"])
def test_a_file_that_no_search_wrote_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "search.json"
    path.write_text(content)
    with pytest.raises(LowlandError, match=r"search\.json cannot be read"):
        run(path, on=problem())
    assert path.read_text() == content


def test_a_checkpoint_that_other_code_wrote_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "search.json"
    run(path, on=problem())
    stored = json.loads(path.read_text())
    stored["evaluations"][4][0] = [3, 2, 8]
    path.write_text(json.dumps(stored))
    with pytest.raises(LowlandError, match="as evaluation 5, this search asks for"):
        run(path, on=problem())
