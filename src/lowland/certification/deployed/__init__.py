"""What holds for the network that is deployed, in its integers: answers that no upset changes, and their protection."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.deployed.answered_rows import margins
    from lowland.certification.deployed.protection_cover import (
        Protection,
        cheapest_protection,
        order_by_rows_hit,
        protection_order,
    )
    from lowland.certification.deployed.random_upsets_rate import Exposure, accuracy_at_rates, floor_at_rates
    from lowland.certification.deployed.safe_rows import Upset, UpsetSafety, unsafe_bits, upset_safe_rows
    from lowland.certification.deployed.safety_prediction import Ranking, ranked
    from lowland.certification.deployed.share import Share
    from lowland.certification.deployed.unsafe_pairs import UnsafeBits
    from lowland.certification.deployed.upset_words import Upsets
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Exposure",
    "Protection",
    "Ranking",
    "Share",
    "UnsafeBits",
    "Upset",
    "UpsetSafety",
    "Upsets",
    "accuracy_at_rates",
    "cheapest_protection",
    "floor_at_rates",
    "margins",
    "order_by_rows_hit",
    "protection_order",
    "ranked",
    "unsafe_bits",
    "upset_safe_rows",
]
