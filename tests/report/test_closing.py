"""The last lines on the console: the answer, the file and the page."""

import re

import pandas as pd

from lowland.report.closing import closing_lines
from tests.made_study.first_day import lost, recommendation, references, with_gains, with_validation


def test_the_run_ends_with_the_answer_the_file_and_the_page(tiny):
    lines = closing_lines(recommendation(with_validation(with_gains(tiny), {"s0": 2.0, "s1": 1.0})))
    assert len(lines) == 3
    assert re.match(r"Answer: train with \w+ and deploy at \w+; accuracy \d\d\.\d %\.$", lines[0])
    assert re.match(
        r"Deploy: data/own/06_models/deployed/jets/\w+/s1/\w+\.safetensors \(seed s1, best on val", lines[1]
    )
    assert lines[2] == "Report: data/own/08_reporting/report.html"


def test_two_tasks_end_with_an_answer_each(tiny):
    both = pd.concat([tiny, tiny.assign(task="econ")], ignore_index=True)
    lines = closing_lines(recommendation(both))
    assert [line.split(":")[0] for line in lines] == ["Answer", "Deploy", "Answer", "Deploy", "Report"]
    assert lines[0].startswith("Answer: jets: ") and lines[2].startswith("Answer: econ: ")
    assert "validation was not measured" in lines[1]


def test_where_nothing_beats_the_guess_it_says_so(tiny):
    found = recommendation(with_gains(tiny, 0.001), references=references(guess=0.74), needs=[{"at_least": 0.5}])
    line = closing_lines(found)[0]
    assert "nothing here learned more than guessing" in line and "guessing 74.0 %, gradient boosting 75.0 %" in line


def test_incomplete_and_lost_networks_are_named(tiny):
    assert "(1 of 2 seeds)" in closing_lines(recommendation(lost(tiny, tiny.seed == "s1")))[0]
    lines = closing_lines(recommendation(lost(tiny, tiny.recipe == "clipping")))
    assert "Note:   6 networks are missing: clipping (6 of 6, training diverged)." in lines


def test_where_everything_diverged(tiny):
    assert closing_lines(recommendation(lost(tiny, tiny.task == "jets"))) == [
        "Answer: no network gave a result; see the report for why.",
        "Note:   12 networks are missing: plain (6 of 6, training diverged) and clipping (6 of 6, training diverged).",
        "Report: data/own/08_reporting/report.html",
    ]


def test_requirements_that_nothing_meets(tiny):
    line = closing_lines(recommendation(tiny, needs=[{"at_least": 0.99}]))[0]
    assert line.startswith("Answer: no configuration meets the requirements")
