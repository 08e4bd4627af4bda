"""What is proved of integer networks in their own arithmetic, roundings included."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.rounding.deviation import deployed_deviation
    from lowland.certification.rounding.input_noise import NoiseAnswer, answer_under_noise, certified_radius
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["NoiseAnswer", "answer_under_noise", "certified_radius", "deployed_deviation"]
