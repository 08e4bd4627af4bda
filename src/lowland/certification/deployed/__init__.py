"""What holds for the network that is deployed, in its integers: answers that no upset changes, and their protection."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.deployed.safe_rows import UpsetSafety, upset_safe_rows
    from lowland.certification.deployed.share import Share
    from lowland.certification.deployed.upset_words import Upsets
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["Share", "UpsetSafety", "Upsets", "upset_safe_rows"]
