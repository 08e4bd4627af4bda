"""Texts that say whether their writers like something, with a recurrent network over learned embeddings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.coding.tokens import PADDING, UNKNOWN
from lowland.errors import LowlandError
from lowland.tasks import table_checks as checks
from lowland.tasks.classifier import Classifier
from lowland.tasks.description import CorruptedSet
from lowland.tasks.groups import tied_rows
from lowland.tasks.preprocessing import Classes
from lowland.tasks.splits import LEAST_HELD_OUT, HeldOut, Samples, Splits, halved
from lowland.tasks.splitting import grouped_split, stratified_split
from lowland.tasks.task import NOMINAL
from lowland.tasks.text.files import read_ratings
from lowland.tasks.text.options import SentimentOptions
from lowland.tasks.text.preprocessing import TextPreprocessing
from lowland.tasks.text.vocabulary import vocabulary, words_of

CLASSES = ("negative", "positive")
NETWORK_NAMES = {"lstm": "LSTM", "gru": "GRU"}
EMBEDDING_SPREAD = 0.1
COLUMNS = ("set", "document", "rating", "text", "label")
_log = logging.getLogger(__name__)


class Sentiment(Classifier):
    """Two classes of texts by the sign of their mean rating, with cross-entropy and accuracy."""

    input_kind = "tokens"
    has_vocabulary = True
    obtained_from = "python -m scripts.fetch_sentiment gets it"

    def __init__(self, options: SentimentOptions) -> None:
        self.options = options
        self._worlds = tuple(world.shifted for world in list(options.worlds.values())[1:])
        self.corrupted_sets = tuple(
            CorruptedSet(corruption=kind, severity=level) for kind, level in options.corrupted.items()
        )
        self.shifted_sets = (*self._worlds, *(each.shifted for each in self.corrupted_sets))
        read = f"{NETWORK_NAMES[options.network]} with {options.hidden} units over embeddings of {options.embedding}"
        self.description = (
            f"The task: {options.worlds[options.world].label}, liking or dislike by the sign of people's mean rating "
            f"(those nearer to 0 than {options.neutral:g} are left out); the network reads {options.max_tokens} words "
            f"and is a {read} numbers a word."
        )
        self._reported = False

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files of all worlds that are read."""
        return tuple(self.options.file(world) for world in self.options.worlds.values())

    def fetch(self) -> pd.DataFrame:
        """All texts that have a class: columns ``set``, ``document``, ``rating``, ``text`` and ``label``."""
        tables = []
        for name, world in self.options.worlds.items():
            table = read_ratings(self.options.file(world), has_documents=world.has_documents)
            table.insert(0, "set", NOMINAL if name == self.options.world else world.shifted.name)
            tables.append(table)
        texts = pd.concat(tables, ignore_index=True)
        sized = (texts["rating"] != 0) & (texts["rating"].abs() >= self.options.neutral)
        worded = texts["text"].map(lambda text: bool(words_of(text)))
        kept = texts[sized & worded].reset_index(drop=True)
        return kept.assign(label=np.where(kept["rating"] > 0, CLASSES[1], CLASSES[0]))

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, classes, texts that fit, and texts enough of every class in every set."""
        for name in COLUMNS:
            if name not in raw.columns:
                raise LowlandError(f"{origin}: column {name!r} is missing; make the table again")
        if (foreign := ~raw["label"].isin(CLASSES)).any():
            row = int(np.flatnonzero(foreign)[0])
            raise LowlandError(
                f"{origin}: column 'label' says {raw['label'].iloc[row]!r} in row {row}; expected "
                + " or ".join(CLASSES)
            )
        gone = [found.name for found in self._worlds if (raw["set"] == found.name).sum() < LEAST_HELD_OUT]
        if gone:
            raise LowlandError(
                f"{origin}: fewer than {LEAST_HELD_OUT} texts of the set {gone[0]!r}; leave it out of shifted, or "
                "lower neutral"
            )
        self._check_lengths(raw, origin)
        nominal = raw[raw["set"] == NOMINAL]
        if nominal.empty:
            raise LowlandError(f"{origin}: no text of {self.options.world} has a class; lower neutral")
        checks.check_sets(
            self._chosen(nominal), self._tied(nominal), _labels(nominal), classes=list(CLASSES), origin=origin
        )

    def _check_lengths(self, raw: pd.DataFrame, origin: str) -> None:
        """Says how many texts are cut, or refuses them."""
        most = self.options.max_tokens
        lengths = raw["text"].map(lambda text: len(words_of(text)))
        if not (longer := int((lengths > most).sum())):
            return
        what = f"{origin}: {longer} of {len(raw)} texts have more than {most} words (the longest {lengths.max()})"
        if self.options.too_long == "refuse":
            raise LowlandError(f"{what}; raise max_tokens, or set too_long: cut")
        if not self._reported:
            self._reported = True
            _log.info("%s; the network reads the first %d", what, most)

    def _words(self, table: pd.DataFrame) -> list[list[str]]:
        """What the network can see of each text."""
        return [words_of(text)[: self.options.max_tokens] for text in table["text"]]

    def _tied(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """A number for each text, the same for those of a document and for those whose words are the same."""
        alike = pd.factorize(np.array([" ".join(words) for words in self._words(table)], dtype=object))[0]
        return tied_rows(alike[:, None].astype(np.float64), table["document"].to_numpy(np.int64))

    def _chosen(self, nominal: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
        """Row numbers of the sets; no document is in two of them."""
        split = grouped_split if self.options.worlds[self.options.world].has_documents else stratified_split
        key = (self.options.kind, self.options.world)
        return split(self._tied(nominal), _labels(nominal), self.options.sizes, key=key)

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Splits with equal shares of classes as tokens; the vocabulary is that of the training texts."""
        nominal = raw[raw["set"] == NOMINAL]
        chosen = self._chosen(nominal)
        words = vocabulary(
            self._words(nominal.iloc[chosen["train"]]),
            min_count=self.options.min_count,
            max_words=self.options.max_words,
        )
        preprocessing = TextPreprocessing(
            vocabulary=words, max_tokens=self.options.max_tokens, answer=Classes(names=CLASSES)
        )

        def samples(table: pd.DataFrame) -> Samples:
            return Samples(preprocessing.apply(table), torch.from_numpy(_labels(table)))

        def held_out(name: str, table: pd.DataFrame) -> HeldOut:
            key = (self.options.kind, self.options.world, name)
            return halved(samples(table), key=key, tied=self._tied(table), labels=_labels(table))

        last = nominal.iloc[chosen.pop("test")]
        sets = {name: samples(nominal.iloc[rows]) for name, rows in chosen.items()}
        shifted = {}
        for world in list(self.options.worlds.values())[1:]:
            table = raw[raw["set"] == world.shifted.name]
            sizes, key = {world.shifted.name: self.options.shifted_rows}, (self.options.kind, self.options.world)
            drawn = (grouped_split if world.has_documents else stratified_split)(
                self._tied(table), _labels(table), sizes, key=(*key, world.shifted.name)
            )
            shifted[world.shifted.name] = held_out(world.shifted.name, table.iloc[drawn[world.shifted.name]])
        test = held_out("test", last)
        unknown = {NOMINAL: test, **shifted}
        return Splits(
            sets,
            test,
            zero=torch.full((self.options.max_tokens,), PADDING),
            shifted=shifted,
            facts={
                "preprocessing": preprocessing.model_dump(mode="json"),
                "unknown_words": {name: _unknown_share(known.samples.inputs) for name, known in unknown.items()},
            },
        )

    def network_spec(self) -> dict[str, Any]:
        """Not known before the training texts are.

        Raises:
            LowlandError: Always.
        """
        raise LowlandError("sentiment: how many words there are is known once its texts are read")

    def network_spec_for(self, samples: Samples) -> dict[str, Any]:
        """A recurrent network whose embedding has a row for each token of the training texts."""
        return {
            "kind": self.options.network,
            "inputs": self.options.embedding,
            "hidden": self.options.hidden,
            "outputs": len(CLASSES),
            "tokens": max(int(samples.inputs.max()), UNKNOWN) + 1,
            "spread": EMBEDDING_SPREAD,
        }

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(CLASSES)

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """None: numbers of words are no features."""
        return None


def _labels(table: pd.DataFrame) -> NDArray[np.int64]:
    """Numbers of the classes [n]."""
    return (table["label"] == CLASSES[1]).to_numpy(np.int64)


def _unknown_share(tokens: Tensor) -> float:
    """Share of the words that the vocabulary lacks."""
    return float((tokens == UNKNOWN).sum() / (tokens != PADDING).sum())
