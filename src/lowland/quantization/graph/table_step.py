"""The table step: any unary activation, looked up by the code that comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width, smallest_dtype
from lowland.quantization.graph.functions import activation
from lowland.quantization.graph.step import CodeFormat
from lowland.quantization.graph.storing_step import StoredCodes, StoringStep


class Table(StoringStep):
    """A function of one variable as one code of the result for every code of a quantizer.

    Its words are plain binary, counted from the lowest code of the results.

    Args:
        name: See ``Step``.
        inputs: See ``Step``; the first is the quantizer.
        function: A key of ``FUNCTIONS``.
        arguments: Of the function.
        lowest: The input code of the first entry.
        bits: Width of the results.
        signed: Whether results have a sign.
        table: Codes of the results [input codes], as ``make_table`` makes them.
        input_scale: Step size of the input codes, scalar.
        scale: Step size of the results, scalar.
        output_lowest: Lowest code of the results where a zero point moves it.
    """

    kind = "table"

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        *,
        function: str,
        arguments: Mapping[str, Any],
        lowest: int,
        bits: int,
        signed: bool,
        table: Tensor,
        input_scale: Tensor,
        scale: Tensor,
        output_lowest: int | None = None,
    ) -> None:
        super().__init__(name, inputs)
        self.function = function
        self.arguments = dict(arguments)
        self.lowest = lowest
        self.bits = bits
        self.signed = signed
        self.moved = output_lowest is not None
        self.output_lowest = code_range(bits, signed=signed)[0] if output_lowest is None else output_lowest
        activation(function, arguments)  # refuses what is not known
        self.table: Tensor
        self.input_scale: Tensor
        self.scale: Tensor
        self.register_buffer("table", table)
        self.register_buffer("input_scale", input_scale)
        self.register_buffer("scale", scale)

    @property
    def result_codes(self) -> CodeFormat:
        """The codes of the results."""
        return CodeFormat(self.bits, self.output_lowest, self.scale)

    @property
    def stored(self) -> dict[str, StoredCodes]:
        """The table."""
        return {"table": StoredCodes(self.table, self.bits, "scale", self.output_lowest)}

    def settings(self) -> dict[str, Any]:
        """Function, ranges and widths."""
        moved = {"output_lowest": self.output_lowest} if self.moved else {}
        named = {"function": self.function, "arguments": dict(self.arguments), "lowest": self.lowest}
        return {**named, "entries": len(self.table), "bits": self.bits, "signed": self.signed, **moved}

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Table:
        """A table of zeros."""
        bits, entries = settings["bits"], settings.pop("entries")
        first = settings.get("output_lowest")
        first = code_range(bits, signed=settings["signed"])[0] if first is None else first
        dtype = smallest_dtype(signed_width(torch.tensor([first, first + 2**bits - 1])))
        zero = torch.zeros(())
        table = torch.zeros(entries, dtype=dtype)
        return cls(name, inputs, table=table, input_scale=zero, scale=zero.clone(), **settings)

    def with_codes(self, codes: Mapping[str, Tensor]) -> Self:
        """The same step with another table (key ``table``)."""
        settings = {key: value for key, value in self.settings().items() if key != "entries"}
        table = codes.get("table", self.table)
        return type(self)(
            self.name, self.inputs, table=table, input_scale=self.input_scale, scale=self.scale, **settings
        )

    def forward(self, values: Tensor) -> Tensor:
        """Entries * scale.

        Args:
            values: Codes * input scale, of any shape.
        """
        return self._entries((values / self.input_scale).round()).to(values.dtype) * self.scale

    def integer(self, codes: Tensor) -> Tensor:
        """Entries (int64) of the codes."""
        return self._entries(codes).to(torch.int64)

    def carried(self, values: Tensor) -> Tensor:
        """Entries in float32."""
        return self._entries(values).to(torch.float32)

    def _entries(self, codes: Tensor) -> Tensor:
        return looked_up(self.table, codes, self.lowest)

    def result_scale(self, scale: Tensor) -> Tensor:
        """The results' own step size, whatever came in."""
        return self.scale

    def dequantized(self) -> nn.Module:
        """The table with the derivative of the function itself."""
        return SmoothTable(
            activation(self.function, self.arguments),
            self.lowest,
            self.output_lowest,
            self.bits,
            {"table": self.table.clone(), "input_scale": self.input_scale.clone(), "scale": self.scale.clone()},
        )


def looked_up(table: Tensor, codes: Tensor, lowest: int) -> Tensor:
    """Entries of a table by code; what lies outside, and what is no number, gets the nearest entry or that of 0.

    Args:
        table: [codes].
        codes: Whole numbers of any type and shape.
        lowest: The code of the first entry.
    """
    if codes.is_floating_point():
        codes = codes.nan_to_num(0.0)
    return table[(codes.to(torch.int64) - lowest).clamp(0, len(table) - 1)]


class SmoothTable(nn.Module):
    """The values of a table with the derivative of the function that it stands for, 0 where its result saturates.

    Args:
        function: Of a tensor, differentiable.
        lowest: Code of the first entry.
        output_lowest: Lowest code of the results.
        bits: Their width.
        tensors: ``table`` [codes], ``input_scale`` and ``scale``, scalars.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        lowest: int,
        output_lowest: int,
        bits: int,
        tensors: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self.function = function
        self.lowest = lowest
        self.output_lowest = output_lowest
        self.output_highest = output_lowest + 2**bits - 1
        self.table: Tensor
        self.input_scale: Tensor
        self.scale: Tensor
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, values: Tensor) -> Tensor:
        """Entries * scale.

        Args:
            values: Codes * input scale, of any shape.
        """
        entries = looked_up(self.table, (values.detach() / self.input_scale).round(), self.lowest)
        quantized = entries.to(values.dtype) * self.scale
        real = self.function(values)
        codes = (real.detach() / self.scale).round()
        inside = (codes >= self.output_lowest) & (codes <= self.output_highest)
        # real - real is exactly zero and carries the derivative, so the value is the table's to the last bit.
        return torch.where(inside, quantized + (real - real.detach()), quantized)
