"""Evaluation of markers (PEP 508) for one target, each text once."""

import re

from packaging.markers import Marker

from pipper.core.standards import marker_holds, read_marker
from pipper.core.target import Target, mentions_volatile
from pipper.solve.formatted import text_of

MARKER_HINT = "correct or remove its marker"
"""The hint for a marker that cannot be evaluated."""

_EXTRA = re.compile(
    r"""
    extra\s*(?:==|!=|not\s+in|in)\s*(?:"[^"]*"|'[^']*')
    | (?:"[^"]*"|'[^']*')\s*(?:==|!=|not\s+in|in)\s*extra\b
    """,
    re.VERBOSE,
)
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'


class Markers:
    """Evaluates markers for one target."""

    def __init__(self, target: Target) -> None:
        self._environment = dict(target.markers)
        self._answers: dict[tuple[str, str], bool] = {}
        self._known: dict[tuple[int, str], bool] = {}
        """By the `id` of the marker."""
        self._volatile: dict[str, bool] = {}

    def holds(self, marker: Marker | None, extra: str = "") -> bool:
        """Return whether a marker is true on the target with this extra; raises InvalidMarker."""
        if marker is None:
            return True
        known = self._known.get((id(marker), extra))
        if known is not None:
            return known
        text = text_of(marker)  # keeps the marker, so its `id` is not reused
        key = (text, extra if "extra" in text else "")
        answer = self._answers.get(key)
        if answer is None:
            answer = marker_holds(marker, {**self._environment, "extra": key[1]})
        self._answers[key] = self._known[id(marker), extra] = answer
        return answer

    def condition(self, marker: Marker | None, extra: str = "") -> str | None:
        """Return the marker as a condition on machines; None if all machines of this target agree on it.

        Comparisons with `extra` are replaced by their results, so that the condition depends on the machine only.
        """
        if marker is None:
            return None
        text = text_of(marker)
        if text not in self._volatile:
            self._volatile[text] = mentions_volatile(marker)
        if not self._volatile[text]:
            return None

        def answered(found: re.Match[str]) -> str:
            return _ALWAYS if marker_holds(read_marker(found[0]), {"extra": extra}) else _NEVER

        reduced = _EXTRA.sub(answered, text)
        settled = _NEVER in reduced and " or " not in reduced
        return None if settled else str(read_marker(reduced))
