"""What keeps the worst policy from costing much: layers kept wide, outliers apart, clipped ranges, equal channels."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.protection.adversary import Adversary
    from lowland.worst_case.protection.clipping import clipping_guards
    from lowland.worst_case.protection.kept_layers import KeptLayers, smallest_kept_layers
    from lowland.worst_case.protection.measured_rows import protection_rows
    from lowland.worst_case.protection.outliers import outlier_bits, outlier_guards
    from lowland.worst_case.protection.protections import PROTECTIONS, Protected, Unprotected, protected, unprotected
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "PROTECTIONS",
    "Adversary",
    "KeptLayers",
    "Protected",
    "Unprotected",
    "clipping_guards",
    "outlier_bits",
    "outlier_guards",
    "protected",
    "protection_rows",
    "smallest_kept_layers",
    "unprotected",
]
