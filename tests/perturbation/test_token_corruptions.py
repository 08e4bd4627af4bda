"""Corruptions of texts: the words that are hit, nested levels, padding that stays."""

import pytest
import torch
from pydantic import ValidationError

from lowland.coding.tokens import FIRST_WORD, PADDING, UNKNOWN
from lowland.errors import LowlandError
from lowland.perturbation import TOKEN_CORRUPTIONS, TokenCorruptionOptions, draw_tokens, truncation, typing_errors
from lowland.perturbation.token_corruptions import unknown_words
from lowland.selection import Axes, TaskFacts
from tests.perturbation.test_typing_errors import all_edits

WORDS = ("good", "god", "goods", "a", "!", "film", "films")


@pytest.fixture(scope="module")
def texts():
    source = torch.Generator().manual_seed(0)
    tokens = torch.randint(UNKNOWN, FIRST_WORD + len(WORDS), (400, 12), generator=source)
    lengths = torch.randint(1, 13, (400, 1), generator=source)
    return torch.where(torch.arange(12) < lengths, tokens, PADDING)


@pytest.fixture(scope="module")
def drawn(texts):
    return draw_tokens(texts, key=("t", 0), words=WORDS)


@pytest.mark.parametrize("kind", TOKEN_CORRUPTIONS)
def test_tokens_stay_tokens_of_the_same_shape_and_come_back_unchanged(kind, texts, drawn):
    before = texts.clone()
    for level in (0, 30, 100):
        spoiled = TOKEN_CORRUPTIONS[kind](texts, drawn, level=level)
        assert spoiled.dtype == torch.int64 and spoiled.shape == texts.shape
        assert (spoiled[texts == PADDING] == PADDING).all() and (spoiled[:, 0] != PADDING).all()
        assert level or torch.equal(spoiled, texts)
    assert torch.equal(texts, before)


@pytest.mark.parametrize("kind", TOKEN_CORRUPTIONS)
def test_what_is_hit_at_one_level_is_hit_in_the_same_way_at_every_higher_one(kind, texts, drawn):
    last = texts
    for level in (5, 20, 60, 100):
        spoiled = TOKEN_CORRUPTIONS[kind](texts, drawn, level=level)
        hit = last != texts
        assert torch.equal(spoiled[hit], last[hit])
        last = spoiled


def test_so_many_words_become_unknown(texts, drawn):
    words = texts != PADDING
    for level in (20, 50):
        share = float((unknown_words(texts, drawn, level=level) == UNKNOWN)[words & (texts != UNKNOWN)].double().mean())
        assert share == pytest.approx(level / 100, abs=0.03)
    assert (unknown_words(texts, drawn, level=100)[words] == UNKNOWN).all()


def test_a_typing_error_makes_a_word_unknown_or_another_one_that_is_one_edit_away(texts, drawn):
    spoiled = typing_errors(texts, drawn, level=100)
    mark = FIRST_WORD + WORDS.index("!")
    assert torch.equal(spoiled[texts == mark], texts[texts == mark])
    assert (spoiled[texts == UNKNOWN] == UNKNOWN).all()
    others = set()
    for was, now in zip(texts[texts >= FIRST_WORD].tolist(), spoiled[texts >= FIRST_WORD].tolist(), strict=True):
        if was != mark and now != UNKNOWN:
            others.add((WORDS[was - FIRST_WORD], WORDS[now - FIRST_WORD]))
    assert {("good", "god"), ("films", "film")} <= others
    assert all(now in all_edits(was) for was, now in others)
    assert (spoiled[(texts >= FIRST_WORD) & (texts != mark)] != texts[(texts >= FIRST_WORD) & (texts != mark)]).all()


def test_the_end_is_cut_off_and_a_word_stays():
    texts = torch.tensor([[5, 6, 7, 8, 0], [5, 0, 0, 0, 0], [5, 6, 7, 8, 9]])
    assert truncation(texts, None, level=50).tolist() == [[5, 6, 0, 0, 0], [5, 0, 0, 0, 0], [5, 6, 7, 0, 0]]
    assert truncation(texts, None, level=100).tolist() == [[5, 0, 0, 0, 0]] * 3


def test_equal_keys_draw_equal_errors(texts, drawn):
    again, other = (draw_tokens(texts, key=("t", number), words=WORDS) for number in (0, 1))
    assert torch.equal(again.typed, drawn.typed) and torch.equal(again.uniform, drawn.uniform)
    assert not torch.equal(other.typed, drawn.typed)


@pytest.mark.parametrize("kind", TOKEN_CORRUPTIONS)
@pytest.mark.parametrize("level", [-1, 101])
def test_levels_are_per_cent(kind, level, texts, drawn):
    with pytest.raises(LowlandError, match=f"level is {level}; expected per cent of the words"):
        TOKEN_CORRUPTIONS[kind](texts, drawn, level=level)


def test_typing_errors_need_the_words(texts):
    with pytest.raises(ValueError, match="need the vocabulary"):
        typing_errors(texts, draw_tokens(texts, key=("t",)), level=10)


@pytest.mark.parametrize("nothing", ["none", None])
def test_none_switches_off(nothing):
    assert not TokenCorruptionOptions.model_validate(nothing).levels
    asked = {"levels": {"truncation": (25,), "unknown_words": (10,), "typing_errors": nothing}, "draws": 2}
    assert list(TokenCorruptionOptions(**asked).levels) == ["unknown_words", "truncation"]


@pytest.mark.parametrize(
    "levels, message",
    [
        ({"unknown_words": (10, 10)}, "levels of unknown_words names an entry twice"),
        ({"unknown_words": (120,)}, "less than or equal to 100"),
        ({"synonyms": (10,)}, "unknown_words"),
    ],
)
def test_what_cannot_be_is_refused(levels, message):
    with pytest.raises(ValidationError, match=message):
        TokenCorruptionOptions(levels=levels, draws=2)


def test_typing_errors_want_a_vocabulary_before_anything_runs():
    facts = TaskFacts(2, "accuracy", "", True, True, "tokens")
    options = TokenCorruptionOptions(levels={"typing_errors": [10], "truncation": [25]}, draws=2)
    known, other = facts._replace(has_vocabulary=True), facts._replace(input_kind="image")
    axes = Axes({"own": facts, "known": known, "pictures": other}, ("plain",), ("s0",), ("fp32",), {})
    ((option, what),) = options.misfits(axes)
    assert option == "levels.typing_errors" and "task 'own' records no vocabulary; expected none, or" in what
    assert not list(TokenCorruptionOptions(levels={"truncation": [25]}, draws=2).misfits(axes))
