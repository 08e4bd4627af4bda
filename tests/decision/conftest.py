"""The made-up study and everything derived from it."""

from tests.made_study.tables import faulty, small, tables, tiny

__all__ = ["faulty", "small", "tables", "tiny"]
