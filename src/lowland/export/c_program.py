"""A C program as it grows: stored words, tables, one function a step, and buffers that are used again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.export.results import Deployed, Result, Site, stored_name
from lowland.quantization.graph.step import Step

FLOAT = "float"
_TYPES = (
    ("int8_t", -(2**7), 2**7 - 1),
    ("uint8_t", 0, 2**8 - 1),
    ("int16_t", -(2**15), 2**15 - 1),
    ("uint16_t", 0, 2**16 - 1),
    ("int32_t", -(2**31), 2**31 - 1),
    ("int64_t", -(2**63), 2**63 - 1),
)
_LINE = 116

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("lowland.export", "c_rules/templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # C, not HTML
)


def c_type(lowest: int, highest: int) -> str:
    """The smallest type of C that holds these integers."""
    return next(name for name, low, high in _TYPES if low <= lowest and highest <= high)


def identifier(name: str) -> str:
    """A name as C can write it."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def literal(value: int) -> str:
    """An integer as C reads it, of a type that holds it."""
    if -(2**31) < value < 2**31:
        return str(value)
    return f"INT64_C({value})" if value > -(2**63) else "INT64_MIN"


def array(values: Sequence[str]) -> str:
    """Numbers between braces, in lines that one can read."""
    lines, line = [], ""
    for value in values:
        if len(line) + len(value) > _LINE:
            lines.append(line)
            line = ""
        line += f"{value}, "
    return "{\n" + "".join(f"    {each.rstrip()}\n" for each in (*lines, line)) + "}"


TEMPLATES.filters["literal"] = literal


@dataclass(frozen=True, eq=False)
class Buffer:
    """Numbers of one row between two functions.

    Attributes:
        type: Of C.
        size: How many there are.
        argument: Name of those that lie elsewhere, as what the caller hands in; empty for the program's own.
    """

    type: str
    size: int
    argument: str = ""


@dataclass(frozen=True)
class Call:
    """A function called with buffers.

    Attributes:
        function: Its name.
        reads: What it takes.
        writes: What it makes.
    """

    function: str
    reads: tuple[Buffer, ...]
    writes: Buffer


@dataclass(frozen=True)
class Word:
    """A tensor of stored words.

    Attributes:
        tensor: Its name in the network.
        name: Its name in C.
        macro: The end of the macro that stands for its number.
        type: Of C.
        size: Number of words.
        bits: Width of a word.
        lowest: The lowest code; a flip is the same in two's complement and in plain binary counted from it.
        values: The codes, as C reads them.
    """

    tensor: str
    name: str
    macro: str
    type: str
    size: int
    bits: int
    lowest: int
    values: str


@dataclass
class CProgram:
    """What the rules of the steps add to.

    Attributes:
        prefix: Of the names of its functions and tables.
        words: Stored tensors by name in the network.
        tables: Declarations of constants that are no stored words.
        functions: Definitions.
        calls: In order.
        entries: Buffers of codes that the caller hands in, with the quantizer that makes them of floats.
        scope: What names of stored words begin with inside a body that is repeated.
        root: Prefix of the whole program.
    """

    prefix: str
    words: dict[str, Word]
    tables: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    entries: list[tuple[Buffer, str]] = field(default_factory=list)
    scope: str = ""
    root: str = ""
    _place: str = ""

    @classmethod
    def of(cls, part: Deployed, prefix: str) -> CProgram:
        """A program with the stored words of a network and nothing else."""
        codes, bits, encodings = part.network.codes, part.network.bits, part.network.encodings()
        words: dict[str, Word] = {}
        macros: set[str] = set()
        for index, (tensor, values) in enumerate(codes.items()):
            name = f"{prefix}_word{index}_{identifier(tensor)}"
            numbers = array([literal(value) for value in values.flatten().tolist()])
            macro = identifier(tensor).upper()
            macro = f"{macro}_{index}" if macro in macros else macro
            macros.add(macro)
            kind = f"int{torch.iinfo(values.dtype).bits}_t"
            lowest = encodings[tensor].lowest(bits[tensor])
            words[tensor] = Word(tensor, name, macro, kind, values.numel(), bits[tensor], lowest, numbers)
        return cls(prefix, words, root=prefix)

    def begin(self, index: int, step: str) -> None:
        """Name what follows after a step of the network."""
        self._place = f"{self.prefix}_{index}_{identifier(step)}"

    @property
    def place(self) -> str:
        """What the names of the current step begin with."""
        return self._place

    def body(self, step: str) -> CProgram:
        """A program of its own for a body that a step repeats; words, tables and functions stand with all others."""
        return CProgram(
            self._place,
            self.words,
            tables=self.tables,
            functions=self.functions,
            entries=self.entries,
            scope=f"{self.scope}{step}.",
            root=self.root,
        )

    def word(self, step: Step, kind: str) -> str:
        """The name in C of a stored tensor that a step reads (``weight``)."""
        return self.words[self.scope + stored_name(step, kind)].name

    def table(self, what: str, values: Tensor | Sequence[int]) -> str:
        """The name of constants that no flip hits.

        Args:
            what: They are; unique in the step.
            values: Integers.
        """
        numbers = values.flatten().tolist() if isinstance(values, Tensor) else list(values)
        name = f"{self._place}_{what}"
        kind = c_type(min(numbers), max(numbers))
        body = array([literal(number) for number in numbers])
        self.tables.append(f"static const {kind} {name}[{len(numbers)}] = {body};")
        return name

    def buffer(self, result: Result, *, at_least: int = 8, name: str = "") -> Buffer:
        """Room for what a step hands on.

        Args:
            result: Of the step.
            at_least: Width of a number.
            name: Of an array that is declared elsewhere.
        """
        widest = 2 ** (at_least - 1) if at_least > 8 else 0
        return Buffer(c_type(min(result.lowest, -widest), max(result.highest, widest - 1)), result.size, name)

    def call(self, template: str, reads: Sequence[Buffer], writes: Buffer, **context: Any) -> Buffer:
        """Define a function by a template and call it; what it makes.

        Args:
            template: Name of the file; it defines ``name`` from ``x`` (or ``xs``, where a step takes several) to ``y``.
            reads: What it takes.
            writes: What it makes.
            context: What else the template needs.
        """
        self.functions.append(
            TEMPLATES.get_template(template).render(
                name=self._place, x=reads[0], xs=reads, y=writes, prefix=self.root, **context
            )
        )
        self.calls.append(Call(self._place, tuple(reads), writes))
        return writes

    def entry(self, template: str, site: Site[Any], codes: Result, **context: Any) -> Buffer:
        """Codes that the caller hands in, and the function that makes them of floats.

        Args:
            template: Of the function.
            site: Of the step that reads the network's input.
            codes: What the caller hands in.
            context: What else the template needs.
        """
        name, argument = f"{self._place}_of_floats", f"codes{len(self.entries) or ''}"
        buffer = Buffer(c_type(codes.lowest, codes.highest), codes.size, argument)
        self.functions.append(TEMPLATES.get_template(template).render(name=name, y=buffer, prefix=self.root, **context))
        self.entries.append((buffer, name))
        return buffer


@dataclass(frozen=True)
class Layout:
    """Where the buffers of a program lie.

    Attributes:
        slots: Type and size of the static arrays, by name.
        names: What every buffer is called.
    """

    slots: dict[str, Buffer]
    names: dict[Buffer, str]


def layout(program: CProgram, named: Mapping[Buffer, str]) -> Layout:
    """Static arrays for the buffers of a program, used again as soon as nobody reads them any more.

    Args:
        program: All of it.
        named: Buffers that lie elsewhere, and what they are called.
    """
    last = {buffer: index for index, call in enumerate(program.calls) for buffer in call.reads}
    names = dict(named)
    slots: dict[str, Buffer] = {}
    free: list[str] = []
    for index, call in enumerate(program.calls):
        made = call.writes
        if made not in names:
            fitting = [slot for slot in free if slots[slot].type == made.type]
            name = max(fitting, key=lambda slot: slots[slot].size, default=None)
            if name is None:
                name = f"{program.prefix}_buffer{len(slots)}"
                slots[name] = made
            else:
                free.remove(name)
                slots[name] = max(slots[name], made, key=lambda buffer: buffer.size)
            names[made] = name
        done = [buffer for buffer in dict.fromkeys((*call.reads, made)) if last.get(buffer, index) == index]
        free += [names[buffer] for buffer in done if names[buffer] in slots]
    return Layout(slots, names)


def check_name(name: str) -> None:
    """Refuse names that C cannot write.

    Raises:
        LowlandError: Not letters, digits and underscores with a letter first.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise LowlandError(f"name is {name!r}; expected letters, digits and underscores, a letter first")
