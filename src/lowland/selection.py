"""Which cells a costly measurement is taken of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError


def one_message(word: str) -> WrapValidator:
    """``word``, or what the type expects, with one message for both."""

    def checked(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if value == word:
            return value
        try:
            return handler(value)
        except ValidationError as error:
            wanted = error.errors()[0]["msg"].removeprefix("Input should be ")
            wanted = wanted.replace("a valid tuple", "a list of names")
            told = {"word": word, "expected": wanted}
            raise PydanticCustomError(f"or_{word}", "expected {word}, or {expected}", told) from None

    return WrapValidator(checked)


ONE_MESSAGE = one_message("all")


class Selection(BaseModel):
    """The first seeds of every recipe at some precisions.

    Attributes:
        precisions: Names from the axis of precisions, or ``all``; none switches the measurement off.
        seeds: How many seeds, or ``all``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precisions: Annotated[tuple[str, ...] | Literal["all"], ONE_MESSAGE]
    seeds: Annotated[Annotated[int, Field(ge=0, strict=True)] | Literal["all"], ONE_MESSAGE]
