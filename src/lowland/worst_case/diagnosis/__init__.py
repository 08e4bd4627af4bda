"""Which inputs the worst policy breaks, whether they can be told before, and through which layers it does."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.diagnosis.input_facts import LayerFacts, layer_facts, margins
    from lowland.worst_case.diagnosis.input_table import worst_inputs
    from lowland.worst_case.diagnosis.measured_rows import (
        detection_rows,
        interaction_rows,
        most_harmful_layers,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "LayerFacts",
    "detection_rows",
    "interaction_rows",
    "layer_facts",
    "margins",
    "most_harmful_layers",
    "worst_inputs",
]
