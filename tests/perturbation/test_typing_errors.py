"""Every error is one edit of the word; a slow search over all edits is the oracle."""

from itertools import product
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowland.perturbation.typing_errors import mistyped

CHANCE = st.floats(0, 1, exclude_max=True)


def all_edits(word):
    left_out = {word[:at] + word[at + 1 :] for at in range(len(word))} - {""}
    put_in = {word[:at] + sign + word[at:] for at, sign in product(range(len(word) + 1), ascii_lowercase)}
    replaced = {word[:at] + sign + word[at + 1 :] for at, sign in product(range(len(word)), ascii_lowercase)}
    exchanged = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    return (left_out | put_in | replaced | exchanged) - {word}


@given(st.text(ascii_lowercase + "0'é", min_size=1, max_size=6), st.tuples(CHANCE, CHANCE, CHANCE))
def test_an_error_is_one_edit(word, chances):
    wrong = mistyped(word, chances)
    if any(sign.isalnum() for sign in word):
        assert wrong in all_edits(word)
    else:
        assert wrong == word


@pytest.mark.parametrize("word", ["a", "is", "aa", "film"])
def test_every_edit_can_happen(word):
    steps = [at / 60 for at in range(60)]
    found = {mistyped(word, chances) for chances in product(steps[::5], steps, steps)}
    assert found == all_edits(word)


@pytest.mark.parametrize("mark", ["!", ":-)", "..."])
def test_marks_stay_as_they_are(mark):
    assert mistyped(mark, (0.5, 0.5, 0.5)) == mark
