"""Which cells a costly measurement is taken of, the words that parameters know, and what options ask of the axes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from lowland.errors import did_you_mean

NOTHING = (None, "none")
"""What switches a measurement off, beside an empty list: ``none`` and, of YAML, nothing or ``null``."""


def or_word(word: str) -> WrapValidator:
    """A validator for this word or what the type expects, with one message for both.

    Args:
        word: Such as ``all``.
    """

    def checked(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if value == word:
            return value
        try:
            return handler(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            expected = message.replace("a valid tuple", "a list of names")
            raise PydanticCustomError(
                "or_word", "expected {word}, or {expected}", dict(word=word, expected=expected)
            ) from None

    return WrapValidator(checked)


def _names_or_count(value: Any) -> Any:
    if value in NOTHING:
        return ()
    if value == "all" or isinstance(value, list | tuple) or (type(value) is int and value >= 0):
        return value
    raise ValueError("expected a list of names, a number of them from the first, all, or none")


ONE_MESSAGE = or_word("all")
NONE_SWITCHES_OFF = BeforeValidator(lambda value: () if value in NOTHING else value)
"""Of a list: ``none`` and nothing are the empty one."""

NONE_IS_NOTHING = BeforeValidator(lambda value: None if value in NOTHING else value)
"""Of options that may be left out: ``none`` leaves them out."""


def refuse_repeats(**named: Sequence[object]) -> None:
    """Refuses the first of these lists that holds an entry twice.

    Raises:
        ValueError: Its name and its entries, for the model that is being validated.
    """
    for name, values in named.items():
        if len(set(values)) < len(values):
            raise ValueError(f"{name} names an entry twice: {list(values)}")


Misfit = tuple[str, str]
"""An option by its name within its class, and what is wrong with it."""


class TaskFacts(NamedTuple):
    """What options may be checked against of a task.

    Attributes:
        outputs: Of its network.
        score: Name of its headline score.
        unit: Of the score, as text; empty for pure numbers.
        is_share: Whether the score is between 0 and 1.
        is_classifier: Whether it names one of several classes.
        input_kind: What its inputs are: ``features``, ``image`` or ``tokens``.
        extra_sets: Sets beside the usual ones that its options ask for.
        test_rows: Held-out rows that its options ask for; None where they do not say.
        has_vocabulary: Whether it says which word each token is.
    """

    outputs: int
    score: str
    unit: str
    is_share: bool
    is_classifier: bool
    input_kind: str
    extra_sets: tuple[str, ...] = ()
    test_rows: int | None = None
    has_vocabulary: bool = False


@dataclass(frozen=True)
class Axes:
    """The axes of a study, as options see them that name their members.

    Attributes:
        tasks: What is known of each.
        recipes: Names.
        seeds: Names.
        precisions: Names.
        deployed: Width of the weights, in bits, of the precisions that have codes.
        smallest: The cell with the fewest stored bits and how many it can have at most; None where no network is known
            before its data are.
    """

    tasks: Mapping[str, TaskFacts]
    recipes: tuple[str, ...]
    seeds: tuple[str, ...]
    precisions: tuple[str, ...]
    deployed: Mapping[str, int]
    smallest: tuple[str, int] | None = None


@runtime_checkable
class ChecksAxes(Protocol):
    """Options that can be wrong for one study and right for another."""

    def misfits(self, axes: Axes) -> Iterable[Misfit]:
        """What does not fit the study."""


def unknown_names(
    option: str, names: Iterable[str], *, known: Collection[str], or_all: bool = False
) -> Iterator[Misfit]:
    """Names that are not on their axis.

    Args:
        option: That holds them.
        names: As they came.
        known: Members of the axis.
        or_all: Whether the option may also be ``all``.
    """
    for name in names:
        if name not in known:
            expected = f"expected some of {', '.join(known)}{', or all' * or_all}" if known else "there are none"
            yield option, f"names {name!r}; {expected}{did_you_mean(name, known)}"


class SeedSelection(BaseModel):
    """The first seeds of something.

    Attributes:
        seeds: How many seeds, or ``all``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: Annotated[Annotated[int, Field(ge=0, strict=True)] | Literal["all"], ONE_MESSAGE]

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """More seeds than there are."""
        if isinstance(self.seeds, int) and self.seeds > len(axes.seeds):
            yield "seeds", f"is {self.seeds}; expected 0 to {len(axes.seeds)}, the seeds of this study, or all"


class Selection(SeedSelection):
    """The first seeds of every recipe at some precisions.

    Attributes:
        precisions: Names from the axis of precisions; or how many of them, from the first (all, where there are fewer);
            or ``all``. ``none``, an empty list and 0 switch the measurement off.
        seeds: How many seeds, or ``all``.
    """

    precisions: Annotated[
        tuple[str, ...] | Annotated[int, Field(ge=0, strict=True)] | Literal["all"], BeforeValidator(_names_or_count)
    ]

    def of(self, axis: Sequence[str]) -> tuple[str, ...]:
        """The selected precisions.

        Args:
            axis: All that could be selected, in their order.
        """
        return _chosen(self.precisions, axis)

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Precisions that cannot be selected, and more seeds than there are."""
        if isinstance(self.precisions, tuple):
            yield from unknown_names("precisions", self.precisions, known=self.selectable(axes), or_all=True)
        yield from super().misfits(axes)

    @staticmethod
    def selectable(axes: Axes) -> tuple[str, ...]:
        """The precisions that can be named."""
        return axes.precisions


class RunSelection(SeedSelection):
    """The first seeds of some recipes, whatever their precisions.

    Attributes:
        recipes: Names from the axis of recipes; or how many of them, from the first; or ``all``. ``none``, an empty
            list and 0 switch the measurement off.
        seeds: How many seeds, or ``all``.
    """

    recipes: Annotated[
        tuple[str, ...] | Annotated[int, Field(ge=0, strict=True)] | Literal["all"], BeforeValidator(_names_or_count)
    ]

    def of(self, axis: Sequence[str]) -> tuple[str, ...]:
        """The selected recipes.

        Args:
            axis: All that could be selected, in their order.
        """
        return _chosen(self.recipes, axis)

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Recipes that there are not, and more seeds than there are."""
        if isinstance(self.recipes, tuple):
            yield from unknown_names("recipes", self.recipes, known=axes.recipes, or_all=True)
        yield from super().misfits(axes)


def _chosen(asked: tuple[str, ...] | int | Literal["all"], axis: Sequence[str]) -> tuple[str, ...]:
    if asked == "all":
        return tuple(axis)
    if isinstance(asked, int):
        return tuple(axis[:asked])
    return tuple(name for name in axis if name in asked)
