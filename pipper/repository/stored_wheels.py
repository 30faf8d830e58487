"""The wheels in a repository and the METADATA beside them, under keys that contain the hash of the wheel."""

from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP, wheel_key
from pipper.core.layout.objects import arrange
from pipper.core.layout.page import PageFile, ProjectPage
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
        """Store a published wheel and its METADATA again, if one of them is gone; return whether that was so.

        Raises IntegrityError if an existing object has another size.
        """
        key = wheel_key(publication.name, publication.sha256, publication.filename)
        if self._has(key, publication.size) and self._has(key + METADATA_SUFFIX, len(publication.metadata)):
            return False
        self.store(publication)
        return True

    def has(self, file: PageFile, name: NormalizedName) -> bool:
        """Return whether a wheel and its METADATA are stored."""
        key = wheel_key(name, file.sha256, file.filename)
        return self._has(key, file.size) and self._has(key + METADATA_SUFFIX)

    def lost(self, page: ProjectPage) -> frozenset[str]:
        """Return the URLs on a page that have no wheel of their size, or no METADATA, by one listing."""
        if not page.urls:
            return frozenset()
        sizes = {file.url: file.size for file in page.files}
        stored = {
            url
            for each in arrange(self._store.list(f"{page.name}/")).projects
            for url, info in each.wheels.items()
            if url in each.metadata and info.size == sizes.get(url, info.size)
        }
        return page.urls - stored

    def _has(self, key: str, size: int | None = None) -> bool:
        found = self._store.head(key)
        return found is not None and size in (None, found.size)

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
