"""Dicts that can be copied in O(1): resolvelib copies its state in every round, so that it can backtrack."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_MISSING: Any = object()


class _Version(Generic[K, V]):
    """One version of a persistent dict: the shared contents, or one key's difference to another version."""

    __slots__ = ("key", "next", "value")
    key: K
    value: V
    """Of `key`, or _MISSING; all other keys are as in `next`."""

    def __init__(self) -> None:
        self.next: _Version[K, V] | None = None
        """None where it is what the shared dict holds."""


class VersionedDict(Generic[K, V]):
    """A dict whose copies share one dict and hold only their own changes (Baker's persistent arrays).

    Switching to another copy costs time in proportion to the changes between the two. Keys are in the order of a
    dict, as long as they are removed in the opposite order of their insertion.
    """

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        """Take the first items."""
        self._shared: dict[K, V] = dict(items)
        self._version: _Version[K, V] = _Version()

    def __getitem__(self, key: K) -> V:
        return self.present()[key]

    def __contains__(self, key: object) -> bool:
        return key in self.present()

    def __len__(self) -> int:
        return len(self.present())

    def __setitem__(self, key: K, value: V) -> None:
        shared = self.present()
        self._leave(key, shared.get(key, _MISSING))
        shared[key] = value

    def get(self, key: K, default: Any = None) -> Any:
        """As of a dict."""
        return self.present().get(key, default)

    def pop(self, key: K, *default: Any) -> Any:
        """As of a dict."""
        shared = self.present()
        if key in shared:
            self._leave(key, shared[key])
        return shared.pop(key, *default)

    def popitem(self) -> tuple[K, V]:
        """As of a dict: the last item."""
        key, value = self.present().popitem()
        self._leave(key, value)
        return key, value

    def items(self) -> Iterable[tuple[K, V]]:
        """As of a dict."""
        return self.present().items()

    def become(self, other: "VersionedDict[K, V]") -> None:
        """Hold what another dict does from now on; what each of them changes then is its own."""
        self._shared, self._version = other._shared, other._version

    def present(self) -> dict[K, V]:
        """Return the shared dict, with what this one holds: to be read until any copy is used."""
        version = self._version
        path = []
        while version.next is not None:
            path.append(version)
            version = version.next
        shared = self._shared
        while path:
            later, version = version, path.pop()
            later.key, later.next = version.key, version
            later.value = shared.get(version.key, _MISSING)
            if version.value is _MISSING:
                del shared[version.key]
            else:
                shared[version.key] = version.value
            version.next = None
        return shared

    def _leave(self, key: K, value: V) -> None:
        """Begin a new version, as the one that is present differs from it by the value of `key`."""
        new: _Version[K, V] = _Version()
        old = self._version
        old.key, old.value, old.next = key, value, new
        self._version = new


class Pins(VersionedDict[K, V]):
    """What is chosen by variable, in the order of the choices."""

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        """Take the first items."""
        super().__init__(items)
        self.is_given_up = False
        """Whether its last choice was taken back: then it is no longer what the search goes on from."""

    def popitem(self) -> tuple[K, V]:
        """As of a dict: the last choice."""
        self.is_given_up = True
        return super().popitem()

    def copy(self) -> "Pins[K, V]":
        """As of a dict."""
        other: Pins[K, V] = Pins()
        other.become(self)
        return other


class Known(VersionedDict[K, Any]):
    """The criteria of resolvelib by variable. Listed is only what it has a use for.

    While it goes on that is the one to choose for next, since a pin that was made stays as it is. When it has taken
    back the last choice, that is nothing: what it found to be impossible is known from what was learned.
    """

    def __init__(
        self,
        pins: Pins[K, Any],
        first: Callable[[Mapping[K, Any], Mapping[K, Any]], K | None],
        items: Iterable[tuple[K, Any]] = (),
    ) -> None:
        """Take what is chosen beside it, and how to select from criteria and choices what to choose for next."""
        super().__init__(items)
        self._pins = pins
        self._first = first
        self._listed: tuple[object, object, list[tuple[K, Any]]] = (None, None, [])
        """What is listed, for one version of both dicts."""

    def items(self) -> Iterable[tuple[K, Any]]:
        """What is listed: see the class."""
        if self._pins.is_given_up:
            return []
        if self._listed[0] is not self._version or self._listed[1] is not self._pins._version:
            criteria = self.present()
            key = self._first(criteria, self._pins.present())
            self._listed = (self._version, self._pins._version, [] if key is None else [(key, criteria[key])])
        return self._listed[2]

    def keys(self) -> Iterable[K]:
        """The keys of `items`."""
        return [key for key, _ in self.items()]

    def copy(self) -> "Known[K]":
        """As of a dict."""
        return self.beside(self._pins)

    def beside(self, pins: Pins[K, Any]) -> "Known[K]":
        """Return a copy that goes with a copy of the choices."""
        other: Known[K] = Known(pins, self._first)
        other.become(self)
        return other

    def update(self, other: "Known[K]") -> None:
        """Hold what a copy does, in which nothing was removed."""
        self.become(other)
