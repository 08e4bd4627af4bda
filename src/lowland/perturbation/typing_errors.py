"""One typing error in a word: a letter too many, too few, another one, or two that changed places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from string import ascii_lowercase


def mistyped(word: str, chances: Sequence[float]) -> str:
    """The word with one error of those that are possible in it, each as likely.

    They are: one of its letters is left out (not the only one), another letter is put in, a letter is replaced by
    another, or two neighbours that differ change places. A word without letters or digits, such as a mark or an
    emoticon, stays as it is.

    Args:
        word: In lower case.
        chances: Three numbers from 0 to below 1: which error, in which place, with which letter.
    """
    if not any(sign.isalnum() for sign in word):
        return word
    possible: list[Callable[[str, float, float], str]] = [_inserted, _replaced]
    if len(word) > 1:
        possible.append(_left_out)
    if any(first != second for first, second in pairwise(word)):
        possible.append(_exchanged)
    which, where, what = chances
    return possible[int(which * len(possible))](word, where, what)


def _left_out(word: str, where: float, what: float) -> str:
    at = int(where * len(word))
    return word[:at] + word[at + 1 :]


def _inserted(word: str, where: float, what: float) -> str:
    at = int(where * (len(word) + 1))
    return word[:at] + ascii_lowercase[int(what * len(ascii_lowercase))] + word[at:]


def _replaced(word: str, where: float, what: float) -> str:
    at = int(where * len(word))
    others = ascii_lowercase.replace(word[at], "")
    return word[:at] + others[int(what * len(others))] + word[at + 1 :]


def _exchanged(word: str, where: float, what: float) -> str:
    places = [at for at in range(len(word) - 1) if word[at] != word[at + 1]]
    at = places[int(where * len(places))]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
