"""One part of the page: a class with a template of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs


class Section(ABC):
    """One part of the page. Its template, ``sections/<name>.html.j2``, is shown inside an element with its name as id.

    Attributes:
        name: Its id on the page and the name of its template.
        title: Its entry in the contents.
        is_detail: Whether it is folded away behind what an engineer reads first.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    is_detail: ClassVar[bool] = False

    @property
    def template(self) -> str:
        """Path of its template below this package."""
        return f"sections/{self.name}.html.j2"

    def heading(self, inputs: ReportInputs) -> str:
        """Its entry in the contents of one page; by default its title.

        Args:
            inputs: What the page is made of.
        """
        return self.title

    def applies(self, inputs: ReportInputs) -> bool:
        """Whether there is something to say; by default there always is.

        Args:
            inputs: What the page is made of.
        """
        return True

    @abstractmethod
    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """The names that its template uses, besides those that all have.

        These are ``several`` (whether the page is about more than one task) and ``imported`` (whether its networks come
        from outside).

        Args:
            inputs: What the page is made of.
            figures: Takes the section's figures and says where they stand.
        """
