"""The lines below the answer."""

from dataclasses import replace

import pytest

from lowland.analysis.certificates import CertifiedCell
from lowland.report.score_text import ScoreText
from lowland.report.sentences.brief import brief
from lowland.report.sentences.certificates import STORED

ACCURACY = ScoreText.named("accuracy")
CHOSEN = {"recipe": "ema", "precision": "ptq6", "method": "ptq", "num_seeds": 3}
CHOSEN |= {"numbers": {"score": {"confirmed": "surely"}, "size": {"confirmed": "on the mean"}, "other": {}}}


def entry(label, condition, levels, held, lost, **others):
    whole = {"label": label, "condition": condition, "levels": levels, "last_held": held, "first_lost": lost}
    return whole | {"part": False, "floor": 0.6, "holds_all": lost is None and held is not None} | others


NOISE = entry("Gaussian noise", "gaussian", [5.0, 10.0], 5.0, 10.0)
FLIPS = entry("bit flips", "flips", [1.0, 10.0], None, 1.0)
SHIFT = entry("pile-up", "pileup", [None], None, None, holds_all=True)
LOST_SHIFT = entry("smearing", "smeared", [None], None, None)


def lines(*entries, proved=(), **others):
    found = {"chosen": CHOSEN, "breaking_levels": list(entries), "requirements": [{}], "tied": [], "runner_up": None}
    return dict(brief(found | others, list(proved), ACCURACY))


def test_what_it_survives_and_loses_first():
    told = lines(NOISE, FLIPS, SHIFT, LOST_SHIFT)
    assert told["Survives"] == "Gaussian noise up to 5 % and pile-up (accuracy at least 60.0 %)"
    assert told["Loses first"] == "bit flips from 1 flip and smearing"


@pytest.mark.parametrize(
    ("entries", "survives", "loses"),
    [
        ([], "nothing was tried", "nothing that was tried"),
        ([FLIPS], "none of the 1 disturbances", "bit flips from 1 flip"),
        ([SHIFT], "pile-up (accuracy", "nothing that was tried"),
        ([FLIPS | {"part": True}], "nothing was tried", "nothing that was tried"),
    ],
)
def test_all_or_nothing(entries, survives, loses):
    told = lines(*entries)
    assert told["Survives"].startswith(survives) and told["Loses first"] == loses


def test_no_more_are_named_than_fit():
    many = [FLIPS | {"label": f"disturbance {number}"} for number in range(6)]
    assert lines(*many)["Loses first"].endswith("disturbance 3 from 1 flip and 2 more")


def test_what_is_proved_is_told_of_its_own_networks_only():
    shares = {("upset_safe_share", STORED, None): 0.25}
    cell = CertifiedCell(
        method="ptq", recipe="ema", precision="ptq6", seed="s1", values=shares, rows={"upset_safe_share": 400}
    )
    words = "25 % of 400 test rows keep their class whichever stored bit flips (proved of seed s1)"
    assert lines(NOISE, proved=[cell])["Never loses"] == words
    nothing = "nothing is proved of it"
    assert lines(NOISE)["Never loses"] == f"{nothing}: name its precision in certification.precisions"
    other = replace(cell, precision="ptq8")
    assert lines(NOISE, proved=[other])["Never loses"] == f"{nothing}; of ema at ptq8: {words}"
    assert "ptq8" not in lines(NOISE, proved=[replace(other, recipe="plain")])["Never loses"]
    rounded = {("certified_share", "", 8.0): 0.5, ("certified_share", "", 12.0): 1.0}
    rounded_cell = replace(cell, values=rounded, rows={"certified_share": 500})
    told = lines(NOISE, proved=[rounded_cell])["Never loses"]
    assert told.startswith("all of 500 test rows keep their class however weights round to 12 bits")
    assert lines(NOISE, proved=[replace(cell, values={})])["Never loses"].startswith(f"{nothing}: ")


def test_how_sure_names_seeds_requirements_and_ties():
    assert lines()["How sure"] == "3 seeds; 1 of 2 requirements held by the whole 95 % interval"
    other = {"recipe": "plain", "precision": "ptq8"}
    assert lines(tied=[other])["How sure"].endswith("; 1 other is tied with it")
    assert lines(runner_up=other)["How sure"].endswith("; next comes plain at ptq8")
    one = CHOSEN | {"num_seeds": 1, "numbers": {}}
    assert lines(chosen=one, requirements=[])["How sure"] == "1 seed, so that its spread is not known"


def test_where_nothing_is_chosen_there_are_no_lines():
    assert lines(chosen=None) == {}
