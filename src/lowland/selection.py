"""Which cells a costly measurement is taken of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError


def _or_all(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """``all``, or what the type expects, with one message for both."""
    if value == "all":
        return value
    try:
        return handler(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Input should be ").replace("a valid tuple", "a list of names")
        raise PydanticCustomError("or_all", "expected all, or {expected}", {"expected": message}) from None


ONE_MESSAGE = WrapValidator(_or_all)


class Selection(BaseModel):
    """The first seeds of every recipe at some precisions.

    Attributes:
        precisions: Names from the axis of precisions, or ``all``; none switches the measurement off.
        seeds: How many seeds, or ``all``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    precisions: Annotated[tuple[str, ...] | Literal["all"], ONE_MESSAGE]
    seeds: Annotated[Annotated[int, Field(ge=0, strict=True)] | Literal["all"], ONE_MESSAGE]
