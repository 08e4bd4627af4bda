"""What the models of the parameters say of themselves: docstrings, types, ranges and defaults, as rows of a table."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

UNTOLD = object()
NONE = "none"
SECTION = re.compile(r"(Attributes|Source|Args|Returns|Raises):")


class Option(NamedTuple):
    """One option as a reader meets it."""

    name: str
    expected: str
    default: str
    meaning: str


def sections(model: type) -> dict[str, str]:
    """A class's own docstring by section, dedented; the text before the first is ``""``."""
    found, here = {"": ""}, ""
    for line in inspect.cleandoc(model.__dict__.get("__doc__") or "").splitlines():
        if SECTION.fullmatch(line):
            here = line[:-1]
            found[here] = ""
        else:
            found[here] += f"{line}\n"
    return {name: inspect.cleandoc(text).strip() for name, text in found.items()}


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Meaning of every attribute that the class or one that it inherits from documents."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        for entry in re.split(r"\n(?=\w+: )", sections(base).get("Attributes", "")):
            name, _, meaning = entry.partition(": ")
            if meaning:
                found[name] = markdown(meaning)
    return found


def markdown(text: str) -> str:
    """A docstring's text in one line of Markdown."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def options(model: type[BaseModel], values: Mapping[str, Any] | None = None) -> list[Option]:
    """Every option of a model but its ``kind``.

    Args:
        model: Class of the options.
        values: What a configuration says; instead of the class's defaults.

    Raises:
        ValueError: An option has no meaning in the class's docstring.
    """
    schema, told = model.model_json_schema(), meanings(model)
    found = []
    for name, field in model.model_fields.items():
        if name == "kind":
            continue
        if name not in told:
            raise ValueError(f"{model.__name__}.{name} has no meaning; add it to Attributes in the class's docstring")
        default = UNTOLD if field.is_required() else field.get_default(call_default_factory=True)
        value = (values or {}).get(name, default)
        found.append(Option(name, expected(schema["properties"][name], schema), shown(value), told[name]))
    return found


def shown(value: Any) -> str:
    """A value as YAML writes it in one line; options without a default are ``required``."""
    if value is UNTOLD:
        return "required"
    if isinstance(value, float):
        return f"`{value:g}`"
    plain = list(value) if isinstance(value, tuple) else value
    if plain is None or plain in ([], {}, ""):
        return "none"
    return f"`{plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False).replace(chr(34), '')}`"


def expected(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Type and range in words.

    Args:
        schema: JSON schema of one value.
        whole: That of the model, which has the definitions.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        definition = whole["$defs"][name]
        return f"[{name}](#{name.lower()})" if "properties" in definition else expected(definition, whole)
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(_code(value) for value in schema["enum"])
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        words = dict.fromkeys(expected(each, whole) for each in alternatives)
        return " or ".join([*(word for word in words if word != NONE), *(word for word in words if word == NONE)])
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return "list of " + ", ".join(expected(each, whole) for each in schema["prefixItems"])
        case "array":
            least = schema.get("minItems", 0)
            inner = expected(schema["items"], whole)
            return (
                f"list of {f'{least} or more' if least else 'any number'}: {f'({inner})' if ' or ' in inner else inner}"
            )
        case "object":
            inner = schema.get("additionalProperties")
            return f"name: {expected(inner, whole)}" if isinstance(inner, Mapping) else "mapping"
        case "integer":
            return f"whole number{_range(schema)}"
        case "number":
            return f"number{_range(schema)}"
        case "string":
            return "path" if schema.get("format") == "path" else "text"
        case "boolean":
            return "`true` or `false`"
        case "null":
            return NONE
    return "any value"


def _code(value: Any) -> str:
    escaped = str(value).replace("|", "\\|")  # or it would end the table's cell
    return f"`{escaped}`"


def _range(schema: Mapping[str, Any]) -> str:
    ends = [
        f"{word} {schema[key]:g}"
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema
    ]
    return f" {' and '.join(ends)}" if ends else ""


def nested(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Models that options of a model are made of, each once, at every depth; not the model itself."""
    known: dict[type[BaseModel], None] = {}
    waiting = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in known:
                known[annotation] = None
                waiting += [field.annotation for field in annotation.model_fields.values()]
        else:
            waiting += getattr(annotation, "__args__", ())
    known.pop(model, None)
    yield from known
