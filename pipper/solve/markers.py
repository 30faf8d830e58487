"""Markers held against one target, each text once (PEP 508)."""

import re

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion

from pipper.core.target import Target, mentions_volatile
from pipper.solve.texts import text_of

_EXTRA = re.compile(
    r"""
    extra\s*(?:==|!=|not\s+in|in)\s*(?:"[^"]*"|'[^']*')
    | (?:"[^"]*"|'[^']*')\s*(?:==|!=|not\s+in|in)\s*extra\b
    """,
    re.VERBOSE,
)
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'


class MarkerError(ValueError):
    """A marker that has no answer: it compares what cannot be compared, or names what is not there."""


class Markers:
    """The answers of one target."""

    def __init__(self, target: Target) -> None:
        self._environment = dict(target.markers)
        self._answers: dict[tuple[str, str], bool] = {}
        self._known: dict[tuple[int, str], bool] = {}
        """By the identity of the marker."""
        self._volatile: dict[str, bool] = {}

    def holds(self, marker: Marker | None, extra: str = "") -> bool:
        """Tell whether a marker is true here with this extra; raises MarkerError where it has no answer."""
        if marker is None:
            return True
        known = self._known.get((id(marker), extra))
        if known is not None:
            return known
        text = text_of(marker)  # which keeps the marker, and with it its identity
        key = (text, extra if "extra" in text else "")
        answer = self._answers.get(key)
        if answer is None:
            answer = _evaluate(marker, {**self._environment, "extra": key[1]})
        self._answers[key] = self._known[id(marker), extra] = answer
        return answer

    def condition(self, marker: Marker | None, extra: str = "") -> str | None:
        """Return the marker as a condition on machines, or None where all machines of this kind agree on it.

        What it says of `extra` is replaced by its answer, since nothing but the machine is left to be asked.
        """
        if marker is None:
            return None
        text = text_of(marker)
        if text not in self._volatile:
            self._volatile[text] = mentions_volatile(marker)
        if not self._volatile[text]:
            return None

        def answered(found: re.Match[str]) -> str:
            return _ALWAYS if Marker(found[0]).evaluate({"extra": extra}) else _NEVER

        reduced = _EXTRA.sub(answered, text)
        settled = _NEVER in reduced and " or " not in reduced
        return None if settled else str(Marker(reduced))


def _evaluate(marker: Marker, environment: dict[str, str]) -> bool:
    try:
        return marker.evaluate(environment)
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion) as error:
        raise MarkerError(f"the marker `{_short(marker)}` cannot be evaluated") from error
    except RecursionError as error:
        raise MarkerError("a marker is nested too deeply") from error


def _short(marker: Marker) -> str:
    text = str(marker)
    return text if len(text) <= 80 else text[:77] + "..."
