"""Deployed networks in the formats of others: ONNX and C, which compute the same integers."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.export.c_judge import run_c
    from lowland.export.c_source import export_c
    from lowland.export.flips import Flip
    from lowland.export.onnx import export_onnx
    from lowland.export.onnx_judge import run_onnx
    from lowland.export.runtime_answers import runtime_outputs
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["Flip", "export_c", "export_onnx", "run_c", "run_onnx", "runtime_outputs"]
