"""How texts are cut into words, and which words have a number."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.coding.tokens import FIRST_WORD, PADDING, UNKNOWN
from lowland.tasks.text.vocabulary import encoded, vocabulary, word_numbers, words_of


def test_words_are_lower_case_and_keep_apostrophes_marks_and_emoticons():
    assert words_of("Don\u2019t you LIKE it?! :-) It's 2nd-rate &amp; dull...") == [
        "don't", "you", "like", "it", "?", "!", ":-)", "it's", "2nd", "rate", "dull", "...",
    ]  # fmt: skip
    assert words_of("Well! . , -") == ["well", "!"]


def test_the_vocabulary_counts_and_breaks_ties_by_alphabet():
    texts = [["b", "a", "c", "b"], ["a", "b", "d"], ["c"]]
    assert vocabulary(texts, min_count=1) == ("b", "a", "c", "d")
    assert vocabulary(texts, min_count=2) == ("b", "a", "c")
    assert vocabulary(texts, min_count=1, max_words=2) == ("b", "a")


def test_tokens_are_cut_and_filled_up_behind():
    numbers = word_numbers(("b", "a"))
    assert numbers == {"b": FIRST_WORD, "a": FIRST_WORD + 1}
    tokens = encoded([["a"], ["b", "x", "a", "b"], []], numbers, max_tokens=3)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [[3, PADDING, PADDING], [2, UNKNOWN, 3], [PADDING] * 3]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), max_size=5), st.integers(1, 4), st.integers(1, 5))
def test_known_words_can_be_read_back(texts, min_count, places):
    words = vocabulary(texts, min_count=min_count)
    tokens = encoded(texts, word_numbers(words), max_tokens=places)
    spelled = ("", None, *words)
    for row, text in zip(tokens.tolist(), texts, strict=True):
        assert [spelled[token] for token in row] == [word if word in words else None for word in text[:places]] + [
            ""
        ] * (places - len(text[:places]))
