"""What happens to texts on their way: words nobody knows, typing errors, an end that is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from torch import Tensor

from lowland.coding.tokens import FIRST_WORD, PADDING, UNKNOWN
from lowland.errors import LowlandError
from lowland.perturbation.typing_errors import mistyped
from lowland.randomness import Key, generator
from lowland.selection import NOTHING, Axes, Misfit, refuse_repeats
from lowland.vocabulary.planned import Planned

TokenCorruptionKind = Literal["unknown_words", "typing_errors", "truncation"]
Levels = Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(min_length=1)]


def _measured(levels: Any) -> Any:
    """Without the kinds that are switched off, in their own order: an environment may add one to those of another."""
    if levels in NOTHING or levels == []:
        return {}
    if not isinstance(levels, dict):
        return levels
    place = {kind: number for number, kind in enumerate(get_args(TokenCorruptionKind))}
    asked = {kind: each for kind, each in levels.items() if not (each in NOTHING or each == [])}
    return dict(sorted(asked.items(), key=lambda item: place.get(item[0], len(place))))


class TokenCorruptionOptions(BaseModel):
    """Which corruptions of texts at which levels, and how many draws of each; for tasks whose inputs are tokens.

    Attributes:
        levels: Of each key of ``TOKEN_CORRUPTIONS`` that is to be measured, per cent of the words; ``none`` switches
            one off, or all of them, also in place of all these options.
        draws: Independent draws; a text is cut off once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: Annotated[dict[TokenCorruptionKind, Levels], BeforeValidator(_measured)]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_kind(cls, value: Any) -> Any:
        return {"levels": {}, "draws": 2} if value in NOTHING else value

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(**{f"levels of {kind}": levels for kind, levels in self.levels.items()})
        return self

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Typing errors in tokens of which nobody says what words they are."""
        for name, task in axes.tasks.items():
            if "typing_errors" in self.levels and task.input_kind == "tokens" and not task.has_vocabulary:
                yield (
                    "levels.typing_errors",
                    f"are asked for, and task {name!r} records no vocabulary; expected none, or a task with "
                    "has_vocabulary = True whose facts hold {'preprocessing': {'vocabulary': [...]}}",
                )

    def planned(self) -> Iterator[Planned]:
        """Every corruption at its levels."""
        for kind, levels in self.levels.items():
            yield Planned(family="token_corruption", condition=kind, levels=levels)


class TokenDraw(NamedTuple):
    """Random numbers of one draw, shared by every level and every cell of a task.

    Attributes:
        uniform: Which words are hit: at level p those below p/100 [n, places].
        typed: What each token becomes with one typing error [n, places]; None where nobody asked.
    """

    uniform: Tensor
    typed: Tensor | None = None


def draw_tokens(tokens: Tensor, *, key: tuple[Key, ...], words: Sequence[str] | None = None) -> TokenDraw:
    """The random numbers behind one draw; equal keys hit equal words and mistype them in the same way.

    Args:
        tokens: [n, places] of int64.
        key: Keys the draw.
        words: The vocabulary in the order of its tokens, where there are to be typing errors.
    """
    source = generator(*key)
    uniform = torch.rand(tokens.shape, generator=source)
    return TokenDraw(uniform, None if words is None else _typed(tokens, words, source))


def unknown_words(tokens: Tensor, draw: TokenDraw, *, level: float) -> Tensor:
    """So many per cent of the words become ones that the vocabulary lacks, as names and new words do.

    What is hit at one level is hit at every higher one.

    Args:
        tokens: [n, places] of int64.
        draw: Of the same shape.
        level: Per cent of the words, 0 to 100.
    """
    return torch.where(_hit(tokens, draw, level), UNKNOWN, tokens)


def typing_errors(tokens: Tensor, draw: TokenDraw, *, level: float) -> Tensor:
    """So many per cent of the words get one typing error before they are looked up.

    Most of them are then words that the vocabulary lacks, a few become other words. A word that it lacked already stays
    so; marks and emoticons are left alone.

    Args:
        tokens: [n, places] of int64.
        draw: Of the same shape, made with the vocabulary.
        level: Per cent of the words, 0 to 100.
    """
    if draw.typed is None:
        raise ValueError("typing errors need the vocabulary; expected draw_tokens(..., words=...)")
    return torch.where(_hit(tokens, draw, level), draw.typed, tokens)


def truncation(tokens: Tensor, draw: TokenDraw, *, level: float) -> Tensor:
    """The last so many per cent of every text's words are cut off; at least one word stays.

    Args:
        tokens: [n, places] of int64.
        draw: Not looked at: chance has no part in it.
        level: Per cent of the words, 0 to 100.
    """
    _check_level(level)
    counts = tokens != PADDING
    lengths = counts.sum(1, keepdim=True)
    kept = (lengths * (100 - level) / 100).ceil().clamp(min=1)
    return torch.where(counts.cumsum(1) <= kept, tokens, PADDING)


def _check_level(level: float) -> None:
    if not 0 <= level <= 100:
        raise LowlandError(f"level is {level}; expected per cent of the words, 0 to 100")


def _hit(tokens: Tensor, draw: TokenDraw, level: float) -> Tensor:
    """The words that are hit [n, places]: never padding."""
    _check_level(level)
    return (draw.uniform < level / 100) & (tokens != PADDING)


def _typed(tokens: Tensor, words: Sequence[str], source: torch.Generator) -> Tensor:
    numbers: Mapping[str, int] = {word: number for number, word in enumerate(words, start=FIRST_WORD)}
    chances = torch.rand((*tokens.shape, 3), generator=source, dtype=torch.float64)
    typed = tokens.clone()
    for row, place in (tokens >= FIRST_WORD).nonzero().tolist():
        word = words[int(tokens[row, place]) - FIRST_WORD]
        wrong = mistyped(word, chances[row, place].tolist())
        typed[row, place] = tokens[row, place] if wrong == word else numbers.get(wrong, UNKNOWN)
    return typed


TOKEN_CORRUPTIONS: dict[str, Callable[..., Tensor]] = {
    "unknown_words": unknown_words,
    "typing_errors": typing_errors,
    "truncation": truncation,
}
