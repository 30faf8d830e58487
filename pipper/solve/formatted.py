"""The texts of parsed values that many environments use, each formatted once."""

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

_TEXTS: dict[int, tuple[object, str]] = {}
"""By `id`, because equality would need the text. The value is kept so that its `id` is not reused."""


def text_of(value: Marker | SpecifierSet) -> str:
    """Return `str(value)`, which is slow, from a cache."""
    known = _TEXTS.get(id(value))
    if known is None:
        known = _TEXTS[id(value)] = value, str(value)
    return known[1]
