"""Texts as numbers of words: how they are cut into words, and which words have a number."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from lowland.coding.tokens import FIRST_WORD, PADDING, UNKNOWN

# A word with its apostrophes; a mark that counts; any other run of signs, such as an emoticon.
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]|[^\w\s]{2,}")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, with exclamation and question marks and runs of signs.

    Args:
        text: HTML entities count as what they stand for.

    >>> words_of("I don't like it at all :-( &amp; you?")
    ['i', "don't", 'like', 'it', 'at', 'all', ':-(', 'you', '?']
    """
    return _WORD.findall(html.unescape(text).replace("\u2019", "'").lower())


def vocabulary(texts: Iterable[Sequence[str]], *, min_count: int, max_words: int | None = None) -> tuple[str, ...]:
    """The words that are frequent enough to have a number, the most frequent first and equal ones by alphabet.

    Args:
        texts: Words of every training text.
        min_count: Times that a word occurs at least.
        max_words: Words at most; None: all that are frequent enough.
    """
    counts = Counter(word for words in texts for word in words)
    frequent = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return tuple(word for _, word in frequent[:max_words])


def word_numbers(words: Sequence[str]) -> dict[str, int]:
    """The number of each word of a vocabulary."""
    return {word: number for number, word in enumerate(words, start=FIRST_WORD)}


def encoded(texts: Sequence[Sequence[str]], numbers: Mapping[str, int], *, max_tokens: int) -> Tensor:
    """Numbers of the first words of each text, filled up behind with ``PADDING`` [texts, max_tokens] in int64.

    Args:
        texts: Words of each.
        numbers: Of the words that have one; all others are ``UNKNOWN``.
        max_tokens: Places; words beyond are cut off.
    """
    tokens = torch.full((len(texts), max_tokens), PADDING, dtype=torch.int64)
    for row, words in enumerate(texts):
        known = [numbers.get(word, UNKNOWN) for word in words[:max_tokens]]
        tokens[row, : len(known)] = torch.tensor(known, dtype=torch.int64)
    return tokens
