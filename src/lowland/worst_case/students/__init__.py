"""Students that answer as their teacher does in float, and break, or hold, under a bit policy."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.students.distillation import (
        Distillation,
        Kind,
        Student,
        StudentRows,
        check_teacher,
        distilled,
    )
    from lowland.worst_case.students.equivalence import equivalence_of_shares, equivalence_p
    from lowland.worst_case.students.options import StudentOptions
    from lowland.worst_case.students.pairs import Pair, PairTable, students_beside_policies
    from lowland.worst_case.students.student_rows import student_rows
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Distillation",
    "Kind",
    "Pair",
    "PairTable",
    "Student",
    "StudentOptions",
    "StudentRows",
    "check_teacher",
    "distilled",
    "equivalence_of_shares",
    "equivalence_p",
    "student_rows",
    "students_beside_policies",
]
