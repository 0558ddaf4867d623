"""Situations: messages and a rubric, for one trait in one domain; and the library of written ones.

``load()`` gives the library as typed objects; ``load(Selection(split="test"))`` a part of it.
"""

from beneficent.situations.loading import load
from beneficent.situations.selection import Selection, select
from beneficent.situations.types import WrittenSituation

__all__ = ["Selection", "WrittenSituation", "load", "select"]
