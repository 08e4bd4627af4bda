"""Students that answer as their teacher does in float, and break, or hold, under a bit policy."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.students.distillation import Distillation, Student, StudentRows, distilled
    from lowland.worst_case.students.equivalence import equivalence_of_means
    from lowland.worst_case.students.pairs import LabelledRows, Pair, PairTable, students_beside_policies
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Distillation",
    "LabelledRows",
    "Pair",
    "PairTable",
    "Student",
    "StudentRows",
    "distilled",
    "equivalence_of_means",
    "students_beside_policies",
]
