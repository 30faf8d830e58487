"""The wheels in a repository and the METADATA beside them, under keys that contain the hash of the wheel."""

from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP, wheel_key
from pipper.core.layout.page import PageFile
from pipper.core.ports import Store
from pipper.errors import IntegrityError, ObjectExistsError
from pipper.repository.page_swap import ROUNDS, outrun
from pipper.repository.publication import Publication


class StoredWheels:
    """The wheels of one repository; several threads may use it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def store(self, publication: Publication) -> bool:
        """Store a wheel and its METADATA, unless they exist; return whether there was no such wheel.

        Raises IntegrityError if an existing object has another size.
        """
        key = wheel_key(publication.name, publication.sha256, publication.filename)
        is_new = self._create(key, publication.path, publication.size, ZIP)
        self._create(key + METADATA_SUFFIX, publication.metadata, len(publication.metadata), TEXT)
        return is_new

    def restore(self, publication: Publication) -> bool:
        """Store a published wheel again, with its METADATA, if it is gone; return whether it was.

        Raises IntegrityError if the object has another size.
        """
        found = self._store.head(wheel_key(publication.name, publication.sha256, publication.filename))
        return (found is None or found.size != publication.size) and self.store(publication)

    def has(self, file: PageFile, name: NormalizedName) -> bool:
        """Return whether a wheel and its METADATA are stored."""
        key = wheel_key(name, file.sha256, file.filename)
        found = self._store.head(key)
        return (
            found is not None
            and found.size == file.size
            and self._store.head(key + METADATA_SUFFIX) is not None
        )

    def _create(self, key: str, body: bytes | Path, size: int, content_type: str) -> bool:
        """Store an object unless it exists; return whether it was stored."""
        for _ in range(ROUNDS):
            try:
                self._store.create(key, body, content_type=content_type)
            except ObjectExistsError:
                found = self._store.head(key)
                if found is None:
                    continue  # `repair` or `prune` has just removed it
                if found.size == size:
                    return False
                raise IntegrityError(
                    f"{self._store.location}/{key} is damaged",
                    cause=f"it has {found.size} bytes instead of {size}",
                    hint="run `pipper repository repair`, then publish again",
                ) from None
            return True
        raise outrun(f"{self._store.location}/{key}")
