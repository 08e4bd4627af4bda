"""What a network can never lose through rounding or an upset: bounds that are proved, and what each proof is of."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.bounds import Bounds
    from lowland.certification.checker import ProofError, check_proof
    from lowland.certification.deployed.safe_rows import UpsetSafety, upset_safe_rows
    from lowland.certification.deviation import METHODS, global_deviation, local_deviation
    from lowland.certification.inputs import InputBox
    from lowland.certification.margins import MarginBounds, answer_of, margin_bounds
    from lowland.certification.options import MethodOptions
    from lowland.certification.proof import Proof, prove_at_most
    from lowland.certification.query import Query
    from lowland.certification.real_network import RealNetwork
    from lowland.certification.relaxation.certified import CertifiedRows, certified_rows
    from lowland.certification.rounding.deviation import deployed_deviation, deviation_on_codes
    from lowland.certification.rounding.input_noise import NoiseAnswer, answer_under_noise, certified_radius
    from lowland.certification.weight_box import WeightBox
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "METHODS",
    "Bounds",
    "CertifiedRows",
    "InputBox",
    "MarginBounds",
    "MethodOptions",
    "NoiseAnswer",
    "Proof",
    "ProofError",
    "Query",
    "RealNetwork",
    "UpsetSafety",
    "WeightBox",
    "answer_of",
    "answer_under_noise",
    "certified_radius",
    "certified_rows",
    "check_proof",
    "deployed_deviation",
    "deviation_on_codes",
    "global_deviation",
    "local_deviation",
    "margin_bounds",
    "prove_at_most",
    "upset_safe_rows",
]
