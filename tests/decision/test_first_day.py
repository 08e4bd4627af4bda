"""A first study that went wrong in one of the usual ways gets a recommendation that says so."""

from lowland.decision.outcomes import GUESSING, INCOMPLETE, NOTHING, RECOMMENDED
from tests.made_study.first_day import answer_of, lost, with_gains


def test_what_does_not_beat_the_guess_is_never_recommended(tiny):
    best = answer_of(tiny, prefer=("score",))["chosen"]
    idle = with_gains(tiny, lambda r, p, s: 0.0 if (r, p) == (best["recipe"], best["precision"]) else 0.3)
    answer = answer_of(idle, prefer=("score",))
    named = [answer["chosen"], *answer["tied"], answer["runner_up"]]
    assert (best["recipe"], best["precision"]) not in [(c["recipe"], c["precision"]) for c in named]
    assert answer["num_beating_guess"] == 5 and answer["chosen_by"]["num_not_beating_guess"] == 1


def test_where_nothing_beats_it_nothing_is_recommended(tiny):
    answer = answer_of(with_gains(tiny, 0.001), needs=[{"at_least": 0.5}])
    assert answer["outcome"] == GUESSING and answer["chosen"] is None and answer["num_beating_guess"] == 0
    assert answer["best"]["numbers"]["score"]["mean"] > 0.7 and answer["breaking_levels"] == []


def test_meeting_the_requirements_by_guessing_is_not_meeting_them(tiny):
    small_ones = tiny.loc[tiny.measure == "size", "value"].min() * 1.01
    idle = with_gains(tiny, lambda r, p, s: 0.0 if p == "qat4" else 0.3)
    answer = answer_of(idle, needs=[{"measure": "size", "at_most": small_ones}])
    assert answer["outcome"] == NOTHING
    assert answer["blocked_by"] == {"reason": "guessing", "requirements": [], "conflicts": []}
    assert answer["nearest"]["precision"] != "qat4" and answer["requirements"][0]["nearest"]["precision"] != "qat4"


def test_a_survivor_does_not_win(tiny):
    best = answer_of(tiny, prefer=("score",))["chosen"]
    at = (tiny.recipe == best["recipe"]) & (tiny.precision == best["precision"]) & (tiny.seed == "s1")
    broken = lost(tiny, at)
    broken.loc[(broken.recipe == best["recipe"]) & (broken.precision == best["precision"]), "value"] *= 1.05
    answer = answer_of(broken, prefer=("score",))
    named = [answer["chosen"], *answer["tied"], answer["runner_up"]]
    assert (best["recipe"], best["precision"]) not in [(c["recipe"], c["precision"]) for c in named]
    assert answer["outcome"] == RECOMMENDED and answer["num_complete"] == 5
    assert answer["chosen_by"]["num_behind"] == 1


def test_where_all_lost_a_seed_the_outcome_says_so(tiny):
    answer = answer_of(lost(tiny, tiny.seed == "s1"), needs=[{"at_least": 0.5}])
    assert answer["outcome"] == INCOMPLETE
    assert (answer["chosen"]["num_seeds"], answer["chosen"]["num_planned"]) == (1, 2)


def test_ties_and_the_runner_up_have_their_files(tiny):
    answer = answer_of(tiny, prefer=("score",))
    assert answer["tied"] and all(c["deploy"]["file"].endswith(f"{c['precision']}.safetensors") for c in answer["tied"])
    assert answer["runner_up"] == answer["tied"][0]
    alone = answer_of(tiny, prefer=("size", "score"), needs=[{"measure": "size", "at_most": 1e6}])
    assert alone["runner_up"]["deploy"]["seed"] == "s0"
