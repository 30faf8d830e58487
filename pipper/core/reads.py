"""What a solve read from its sources, each answer with a validator: with the same answers it ends in the same way.

A lock that is remembered imports this module, so it imports little.
"""

OBJECT, PAGE = "object", "page"
"""The kinds of reads: an object of a store by its etag, a page of an index by the digest of its body."""
FOLDERS, LISTING, DEEP_LISTING = "folders", "listing", "deep listing"
"""Those of listings, by a digest: the folders of a store, the objects right below a prefix, and all below it."""

_SEPARATORS = ("\t", "\n", "\r")


class Read:
    """One read and the validator of its answer."""

    __slots__ = ("key", "kind", "source", "validator")

    def __init__(self, source: str, kind: str, key: str, validator: str) -> None:
        """`source` is an alias, `key` is what was asked for, `validator` is empty if that was absent."""
        self.source = source
        self.kind = kind
        self.key = key
        self.validator = validator


class ReadLog:
    """The reads of one solve; any thread may add to it."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, str], str] = {}
        self.places: dict[str, str] = {}
        """Where each source was read, by alias: the URL that its settings came to."""
        self.is_whole = True
        """Whether all reads are noted here: else nobody can tell whether the answers are the same."""

    @property
    def reads(self) -> list[Read]:
        """All reads, without repetitions, in their order."""
        return [Read(*key, validator) for key, validator in self._answers.items()]

    def note(self, source: str, kind: str, key: str, validator: str) -> None:
        """Add a read; one that was answered in two ways makes the log incomplete."""
        known = self._answers.setdefault((source, kind, key), validator)
        self._require(known == validator, source, kind, key, validator)

    def note_place(self, source: str, place: str) -> None:
        """Add where a source was read."""
        self._require(self.places.setdefault(source, place) == place, source, place)

    def spoil(self) -> None:
        """Say that something was read that is not noted."""
        self.is_whole = False

    def _require(self, is_same: bool, *texts: str) -> None:
        if not is_same or any(each in text for text in texts for each in _SEPARATORS):
            self.spoil()
