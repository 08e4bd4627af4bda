"""Which cells a costly measurement is taken of, and the words that parameters know beside numbers and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

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


class Selection(BaseModel):
    """The first seeds of every recipe at some precisions.

    Attributes:
        precisions: Names from the axis of precisions; or how many of them, from the first (all, where there are fewer);
            or ``all``. ``none``, an empty list and 0 switch the measurement off.
        seeds: How many seeds, or ``all``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precisions: Annotated[
        tuple[str, ...] | Annotated[int, Field(ge=0, strict=True)] | Literal["all"], BeforeValidator(_names_or_count)
    ]
    seeds: Annotated[Annotated[int, Field(ge=0, strict=True)] | Literal["all"], ONE_MESSAGE]

    def of(self, axis: Sequence[str]) -> tuple[str, ...]:
        """The selected precisions.

        Args:
            axis: All that could be selected, in their order.
        """
        if self.precisions == "all":
            return tuple(axis)
        if isinstance(self.precisions, int):
            return tuple(axis[: self.precisions])
        return tuple(name for name in axis if name in self.precisions)
