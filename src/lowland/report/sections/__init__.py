"""The parts of the page, in their order: a class and a template each."""

from __future__ import annotations

from lowland.report.section import Section
from lowland.report.sections.answer import Answer
from lowland.report.sections.bits import Bits
from lowland.report.sections.certified import Certified
from lowland.report.sections.checklist import Checklist
from lowland.report.sections.curves import Curves
from lowland.report.sections.disturbed import Disturbed
from lowland.report.sections.front import Front
from lowland.report.sections.glossary import Glossary
from lowland.report.sections.inputs import Inputs
from lowland.report.sections.reproduce import Reproduce
from lowland.report.sections.same import Same
from lowland.report.sections.sure import Sure
from lowland.report.sections.what_if import WhatIf
from lowland.report.sections.why import Why
from lowland.report.sections.worst import Worst

SECTIONS: tuple[Section, ...] = (
    Answer(),
    WhatIf(),
    Disturbed(),
    Certified(),
    Worst(),
    Same(),
    Front(),
    Checklist(),
    # Folded away behind these:
    Curves(),
    Bits(),
    Why(),
    Sure(),
    Inputs(),
    Glossary(),
    Reproduce(),
)
