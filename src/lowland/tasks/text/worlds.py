"""The four worlds that rated texts come from: reviews of films and of products, tweets and editorials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lowland.tasks.description import ShiftedSet
from lowland.vocabulary.conditions import declare

WorldName = Literal["movie", "product", "tweets", "editorials"]


@dataclass(frozen=True)
class World:
    """Texts of one kind.

    Attributes:
        file: Name of their file.
        sha256: Of the file in the source archive of vaderSentiment 0.5.
        label: In a sentence.
        has_documents: Whether several texts are sentences of one review or editorial, so that they stay together.
        shifted: The same texts as a condition, where networks were trained on those of another world.
    """

    file: str
    sha256: str
    label: str
    has_documents: bool
    shifted: ShiftedSet


WORLDS: dict[WorldName, World] = {
    "movie": World(
        file="movieReviewSnippets_GroundTruth.txt",
        sha256="c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
        label="sentences of film reviews",
        has_documents=False,
        shifted=ShiftedSet(name="movie_reviews", label="film reviews", explanation="Sentences of critics about films."),
    ),
    "product": World(
        file="amazonReviewSnippets_GroundTruth.txt",
        sha256="11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2",
        label="sentences of product reviews",
        has_documents=True,
        shifted=ShiftedSet(
            name="product_reviews", label="product reviews", explanation="Sentences of customers about appliances."
        ),
    ),
    "tweets": World(
        file="tweets_GroundTruth.txt",
        sha256="dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f",
        label="tweets",
        has_documents=False,
        shifted=ShiftedSet(
            name="tweets", label="tweets", explanation="Messages of private people about anything, in their own words."
        ),
    ),
    "editorials": World(
        file="nytEditorialSnippets_GroundTruth.txt",
        sha256="7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e",
        label="sentences of newspaper editorials",
        has_documents=True,
        shifted=ShiftedSet(
            name="editorials", label="editorials", explanation="Sentences of a newspaper's opinions on public affairs."
        ),
    ),
}
"""In the order in which tables and figures have them."""

declare(*(world.shifted.condition for world in WORLDS.values()))
