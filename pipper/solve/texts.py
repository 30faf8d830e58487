"""The texts of parsed values that many environments look at: parsed once, written once."""

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

_TEXTS: dict[int, tuple[object, str]] = {}
"""By identity, with what keeps the identity taken: equality would need the text."""


def text_of(value: Marker | SpecifierSet) -> str:
    """Return `str(value)`, which is costly, of a value that is kept and looked at often."""
    known = _TEXTS.get(id(value))
    if known is None:
        known = _TEXTS[id(value)] = value, str(value)
    return known[1]
