"""What stands between texts and the network, and between its outputs and a class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor

from lowland.errors import LowlandError
from lowland.tasks.preprocessing import Classes, Preprocessing
from lowland.tasks.text.vocabulary import encoded, word_numbers, words_of


class TextPreprocessing(Preprocessing):
    """Texts as numbers of words: 0 fills up, 1 is a word that the vocabulary lacks, and its words follow from 2.

    Attributes:
        kind: ``text``.
        vocabulary: Words that have a number, in their order.
        max_tokens: Places; of longer texts the first words count.
        target: What the outputs mean; ``answer`` in the record.
    """

    kind: Literal["text"] = "text"
    vocabulary: tuple[str, ...]
    max_tokens: PositiveInt
    target: Classes = Field(alias="answer")

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return word_numbers(self.vocabulary)

    def apply(self, raw: Sequence[str] | pd.DataFrame) -> Tensor:
        """Tokens [n, max_tokens] in int64.

        Args:
            raw: Texts, or a table with a column ``text``.

        Raises:
            LowlandError: What is no text.
        """
        texts = raw["text"].tolist() if isinstance(raw, pd.DataFrame) else raw
        if isinstance(texts, str) or any(not isinstance(text, str) for text in texts):
            raise LowlandError(f"texts are {type(texts).__name__}; expected a list of texts")
        return encoded([words_of(text) for text in texts], self._numbers, max_tokens=self.max_tokens)

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Names of classes [n]."""
        return np.array(self.target.names)[outputs.argmax(dim=1).numpy()]
