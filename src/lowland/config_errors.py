"""What is wrong with the parameters, a line for each mistake: the parameter, its file, what came, what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from lowland.errors import did_you_mean, nearest

TOGETHER = "fits_together"
"""Type of the error that holds mistakes of parameters that do not fit each other, as (parameter, what is wrong)."""
_MAPPING = re.compile(r"should be a valid dictionary( or instance of \w+)?")
TRUTH_VALUES = "YAML reads yes, no, on and off as truth values: put a name in quotes"


class SaysWhere(Protocol):
    """Knows who gave a parameter."""

    def of(self, path: Sequence[str]) -> str | None:
        """A file or ``--params``."""


def lines_of(
    error: ValidationError, model: type[BaseModel], raw: Mapping[str, Any], origins: SaysWhere | None
) -> list[str]:
    """All mistakes, a line each.

    Args:
        error: What the model refused.
        model: The whole of the parameters.
        raw: As they came.
        origins: Who gave which parameter, where that is known.
    """
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in error.errors():
        found.setdefault(_written(detail["loc"], raw, missing=detail["type"] == "missing"), []).append(detail)
    unknown = {path for path, (detail, *_) in found.items() if detail["type"] == "extra_forbidden"}
    absent = {path for path, (detail, *_) in found.items() if detail["type"] == "missing"}
    misspelt = {}
    for path in unknown:
        siblings = [other[-1] for other in absent if other[:-1] == path[:-1]]
        if found_sibling := nearest(path[-1], siblings):
            misspelt[path] = found_sibling
    absent -= {(*path[:-1], name) for path, name in misspelt.items()}
    lines = []
    for path, details in found.items():
        inner_is_wrong = any(other[: len(path)] == path and len(other) > len(path) for other in found)
        if details[0]["type"] == TOGETHER:
            lines += [named(where, origins) + f" {what}" for where, what in details[0]["ctx"]["problems"]]
        elif details[0]["type"] == "missing":
            together = [other for other in found if other in absent and other[:-1] == path[:-1]]
            if together and together[0] == path:
                lines.append(_missing(together, origins))
        elif not (details[0]["type"] == "too_short" and inner_is_wrong):  # what is wrong is not counted
            lines.append(_line(path, details, known_fields(model, details[0]["loc"][:-1]), misspelt.get(path), origins))
    return lines


def named(path: str | Sequence[str], origins: SaysWhere | None) -> str:
    """``parameter a.b (conf/x/parameters.yml)``.

    Args:
        path: Of the parameter, dotted or in parts.
        origins: Who gave which parameter, where that is known.
    """
    parts = path.split(".") if isinstance(path, str) else path
    origin = origins.of([re.sub(r"\[\d+\]$", "", part) for part in parts]) if origins else None
    return f"parameter {'.'.join(parts)}" + (f" ({origin})" if origin else "")


def _line(
    path: tuple[str, ...],
    details: Sequence[ErrorDetails],
    known: Sequence[str],
    meant: str | None,
    origins: SaysWhere | None,
) -> str:
    first = details[0]
    kind, value, where = first["type"], first["input"], named(path, origins)
    messages = dict.fromkeys(
        _MAPPING.sub(
            "should be a mapping", detail["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
        )
        for detail in details
    )
    if kind == "extra_forbidden":
        hint = f"; did you mean {meant}?" if meant else did_you_mean(path[-1], known)
        return f"{where} is not known{hint or _or_listed(known)}"
    if kind == "too_short":
        least, there = first["ctx"]["min_length"], first["ctx"]["actual_length"]
        what = "is empty" if not there else f"has {there} {'entry' if there == 1 else 'entries'}"
        return f"{where} {what}; expected at least {'one entry' if least == 1 else least}"
    if kind.startswith("union_tag"):
        tag = value.get("kind") if isinstance(value, Mapping) else value
        expected = first.get("ctx", {}).get("expected_tags", "a name that says which recipe it is")
        return (
            f"{named((*path, 'kind'), origins)}: got {tag!r}; expected {expected}{did_you_mean(tag, _quoted(expected))}"
        )
    if first["loc"][-1] == "[key]" and not isinstance(value, str):
        what = (
            f"got {value}; {TRUTH_VALUES}"
            if isinstance(value, bool)
            else f"got the number {value}; a name starts with a letter"
        )
        return f"{where}: {what}"
    if not path:
        return f"parameters: {' or '.join(messages)}"
    hint = did_you_mean(value, _quoted(" ".join(messages)))
    if isinstance(value, bool) and any(detail["type"] in ("string_type", "literal_error") for detail in details):
        hint = f" ({TRUTH_VALUES})"
    return f"{where}: got {_shown(value)}; {' or '.join(messages)}{hint}"


def _missing(paths: Sequence[tuple[str, ...]], origins: SaysWhere | None) -> str:
    """The line about parameters of one part that are missing."""
    first, *others = paths
    if others:
        names = ", ".join(path[-1] for path in others)
        rest = f" is missing, and so {'are' if len(others) > 1 else 'is'} {names}; add them to "
    else:
        rest = " is missing; add it to "
    return named(first, None) + rest + _where_to_add(first, origins)


def _where_to_add(first: tuple[str, ...], origins: SaysWhere | None) -> str:
    """Where a missing parameter belongs: beside what is said around it."""
    file = origins.of(first) if origins and len(first) > 1 else None
    return file or "conf/base/parameters*.yml"


def _or_listed(known: Sequence[str]) -> str:
    return f"; expected some of {', '.join(known)}" if known else "; check its spelling"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _written(loc: tuple[str | int, ...], raw: Any, *, missing: bool) -> tuple[str, ...]:
    """The path as it stands in the YAML: without the tags that pydantic adds for unions and keys."""
    path: list[str] = []
    here = raw
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, Mapping) and here.get("kind") == part and not last:
            continue  # a tag, though there may be a field of that name
        keys = [key for key in here if part in (key, str(key))] if isinstance(here, Mapping) else []
        if keys:  # true is 1 where pydantic says where
            here = here[keys[0]]
            path.append(str(keys[0]))
        elif isinstance(here, list | tuple) and isinstance(part, int) and part < len(here):
            here = here[part]
            path.append(str(part))
        elif last and missing:
            path.append(str(part))
    return tuple(path)


def known_fields(model: Any, loc: Sequence[str | int]) -> list[str]:
    """The parameters that there are at a place; none where any name is one.

    Args:
        model: Type of the whole.
        loc: Place in it, as pydantic names it.
    """
    here = list(_plain_types(model))
    for part in loc:
        here = [kind for each in here for kind in _plain_types(_inside(each, part))]
    return [
        name for each in here if isinstance(each, type) and issubclass(each, BaseModel) for name in each.model_fields
    ]


def _plain_types(hint: Any) -> Iterator[Any]:
    """The types behind annotations, unions and root models."""
    if get_origin(hint) is Annotated:
        yield from _plain_types(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        for each in get_args(hint):
            yield from _plain_types(each)
    elif isinstance(hint, type) and issubclass(hint, RootModel):
        yield from _plain_types(hint.model_fields["root"].annotation)
    elif hint is not None:
        yield hint


def _inside(hint: Any, part: str | int) -> Any:
    """The type of a part of a value of this type."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        kind = hint.model_fields.get("kind")
        if kind is not None and get_origin(kind.annotation) is Literal and part in get_args(kind.annotation):
            return hint  # a union's tag, which is no part
        return hint.model_fields[str(part)].annotation if str(part) in hint.model_fields else None
    arguments = get_args(hint)
    if get_origin(hint) is dict:
        return arguments[1]
    return arguments[0] if get_origin(hint) in (tuple, list) and arguments else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
