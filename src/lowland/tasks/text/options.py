"""Which texts are learned from, how they become tokens, and which network reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from lowland.selection import NONE_SWITCHES_OFF, refuse_repeats
from lowland.tasks.corruption_names import check_corruptions
from lowland.tasks.split_sizes import ClassifierSplitSizes, Count, seen_from
from lowland.tasks.splits import LEAST_HELD_OUT
from lowland.tasks.text.files import LARGEST_RATING
from lowland.tasks.text.worlds import WORLDS, World, WorldName


class SentimentOptions(ClassifierSplitSizes):
    """Which world texts are learned from and which are the shifts, how they become tokens, and the network.

    Attributes:
        kind: ``sentiment``.
        path: Folder with the four files of vaderSentiment 0.5 (``python -m scripts.fetch_sentiment``).
        world: Whose texts are learned and split: ``movie``, ``product``, ``tweets`` or ``editorials``.
        shifted: Other worlds, each a shifted set; ``none`` for no shift.
        shifted_rows: Texts at most of each.
        corrupted: Corruptions of the held-out texts that are shifted sets of their own, each at per cent of the words:
            ``{typing_errors: 20, truncation: 50}`` makes ``typing_errors_20`` and ``truncation_50``. All that is asked
            of a shifted set is asked of them, such as disagreement; ``token_corruptions`` measure how accuracy falls.
        neutral: Texts whose mean rating (-4 to 4) is nearer to 0 are left out: they belong to no class. A rating of
            exactly 0 is left out always.
        max_tokens: Words of a text that the network reads, the first ones; shorter texts are filled up.
        too_long: ``cut`` leaves off what is beyond, and says of how many texts; ``refuse`` ends the run.
        min_count: Times that a word occurs in the training texts to be in the vocabulary.
        max_words: Words in the vocabulary at most, the most frequent ones; None: all.
        network: ``lstm`` or ``gru`` over learned embeddings, and a linear layer on the last state.
        embedding: Width of the embeddings.
        hidden: Width of the state.
    """

    kind: Literal["sentiment"]
    path: Path
    world: WorldName = "movie"
    shifted: Annotated[tuple[WorldName, ...], NONE_SWITCHES_OFF] = ("product", "tweets", "editorials")
    shifted_rows: Annotated[int, Field(ge=LEAST_HELD_OUT)] = 2000
    corrupted: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    neutral: Annotated[float, Field(ge=0, lt=LARGEST_RATING)] = 0.5
    max_tokens: Count = 32
    too_long: Literal["cut", "refuse"] = "cut"
    min_count: Count = 2
    max_words: Count | None = None
    network: Literal["lstm", "gru"] = "gru"
    embedding: Count = 32
    hidden: Count = 32

    @field_validator("corrupted")
    @classmethod
    def _are_corruptions(cls, corrupted: dict[str, int]) -> dict[str, int]:
        check_corruptions(corrupted, family="token_corruption", beside="per cent of the words")
        return corrupted

    @model_validator(mode="after")
    def _shifts_are_others(self) -> Self:
        refuse_repeats(shifted=self.shifted)
        if self.world in self.shifted:
            others = ", ".join(name for name in WORLDS if name != self.world)
            raise ValueError(
                f"shifted names {self.world!r}, the world that is learned from; expected some of {others}, or none"
            )
        return self

    @property
    def worlds(self) -> dict[WorldName, World]:
        """Those that are read, the one that is learned from first."""
        return {name: WORLDS[name] for name in (self.world, *self.shifted)}

    def file(self, world: World) -> Path:
        """Where the texts of a world are."""
        return self.path / world.file

    def resolved(self, root: Path) -> Self:
        """The folder found from the project's folder."""
        return self.model_copy(update={"path": seen_from(root, self.path)})
