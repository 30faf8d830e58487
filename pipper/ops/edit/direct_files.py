"""Import bundles and wheels by path or https URL into a directory repository beside the manifest.

They are locked from there, so a lock never contains a path of this machine or a signed URL.
"""

import re
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from packaging.requirements import Requirement

from pipper.apply.environment_lock import environment_lock
from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.rules import FILES_ALIAS
from pipper.core.standards import read_requirement
from pipper.errors import PipperError
from pipper.http.client import Web
from pipper.ops.context.settings import Settings
from pipper.ops.repository.read_publication import read_publication
from pipper.ops.sync.fetch_url import fetch_unhashed
from pipper.python.environment import Environment
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.storage.directory.revocable import RevocableStore
from pipper.system.files import scratch_folder
from pipper.system.trust import require_own_folder

_FOLDER = Path(".pipper") / "files"
_NAMED_URL = re.compile(r"\s*[\w.-]+\s*(\[[^\]]*\])?\s*@\s*[A-Za-z][A-Za-z0-9+.-]*:")
"""The start of a requirement with a URL (PEP 508), which may end like a file name."""


class ImportedFile(Struct, frozen=True, kw_only=True):
    """A file in the repository beside the manifest."""

    requirement: Requirement
    """Its name and exact version."""
    repository: RepositoryEntry


def is_direct(text: str) -> bool:
    """Return whether a REQ of the command line is a file or a URL, not a requirement."""
    if text.startswith(("https://", "http://")):
        return True
    return text.endswith((".whl", BUNDLE_SUFFIX)) and not _NAMED_URL.match(text)


class Imports:
    """The files that one command imports, into the directory repository below `root`, the manifest's folder.

    They are in the repository at once, because the lock is made from it. A command that fails takes them back.
    """

    def __init__(
        self, settings: Settings, root: Path, now: datetime, environment: Environment | None
    ) -> None:
        """Take the environment whose state folder `root` is, if it is one."""
        self._environment = environment
        inner = root.name == _FOLDER.parent.name
        self._folder = Path(_FOLDER.name) if inner else _FOLDER
        self._settings = settings
        self._now = now
        self._root = root
        self._store = RevocableStore(root / self._folder)

    def add(self, text: str) -> ImportedFile:
        """Copy a wheel or a bundle into the repository.

        Raises UsageError if there is no such file, IntegrityError if it is not a valid wheel or that repository is a
        link, MachineError if it is another user's, and what `fetch_unhashed` raises. The signature of a URL is not
        stored.
        """
        settings = self._settings
        with scratch_folder() as scratch:
            path = settings.directory / text
            if "://" in text:
                path = fetch_unhashed(Web(settings.environ), text, scratch)
            publication = read_publication(path, scratch, settings.limits)
            for place in ((self._root / self._folder).parent, self._root / self._folder):
                require_own_folder(place)
            repository = Repository(self._store, FILES_ALIAS, reporter=settings.reporter)
            publisher = Publisher(repository, now=self._now, force=True, reporter=settings.reporter)
            publisher.prepare()
            publisher.upload(publication)
            publisher.write_page([publication])
        return ImportedFile(
            requirement=read_requirement(f"{publication.name}=={publication.version}"),
            repository=RepositoryEntry(alias=FILES_ALIAS, url=f"file:{self._folder.as_posix()}"),
        )

    def take_back(self) -> None:
        """Leave the repository as it was, or none if there was none; warn if that fails."""
        try:
            self._store.take_back()
            if self._environment and self._environment.state_dir.exists():
                with environment_lock(self._environment, self._settings.reporter):
                    pass  # at its end it removes a state folder that has nothing but the lock
                self._store.drop_folders()
        except PipperError as error:
            self._settings.reporter.warning(f"{error.message}: remove what you do not need there")
