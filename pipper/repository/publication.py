"""A verified wheel on its way into a repository, and what became of it."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.page import Needs, PageFile
from pipper.core.layout.provenance import NO_NOTES, FileNotes
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import PipperError
from pipper.repository.stored_bundles import BundleFile


class Publication(Struct, frozen=True, kw_only=True):
    """A verified wheel, ready to be published."""

    source: Path
    """The path that the user gave."""
    path: Path
    """The wheel: the same file, or one extracted from a bundle."""
    filename: str
    name: NormalizedName
    version: Version
    sha256: str
    size: int
    metadata: bytes
    """The wheel's METADATA."""
    needs: Needs
    is_bundle: bool = False
    """Whether `source` is a bundle, which says what `dependencies` there are, or that there are none."""
    bundle: BundleFile | None = None
    """For 0.x clients."""
    listed: PageFile | None = None
    """The entry for the page, if the wheel is the copy of a published one."""

    def page_file(self, now: datetime, notes: FileNotes = NO_NOTES) -> PageFile:
        """Return the entry for the project's page; `notes` say who publishes it."""
        return self.listed or PageFile(
            filename=self.filename,
            sha256=self.sha256,
            size=self.size,
            upload_time=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            metadata_sha256=sha256(self.metadata).hexdigest(),
            needs=self.needs,
            notes=notes,
        )


def of_listed(
    entry: PageFile,
    name: NormalizedName,
    path: Path,
    *,
    metadata: bytes = b"",
    bundle: BundleFile | None = None,
) -> Publication:
    """Return the publication of a wheel that is listed on a page, whose file or `bundle` lies at `path`."""
    return Publication(
        source=path,
        path=path,
        filename=entry.filename,
        name=name,
        version=wheel_identity(entry.filename).version,
        sha256=entry.sha256,
        size=entry.size,
        metadata=metadata,
        needs=entry.needs,
        is_bundle=bundle is not None,
        bundle=bundle,
        listed=entry,
    )


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of one publication."""

    publication: Publication
    status: str
    """`new` (to be done), `published`, `replaced`, `already published` or `failed`."""
    error: PipperError | None = None


def failed(publication: Publication, error: PipperError) -> Outcome:
    """Return the outcome of a publication that an error ended."""
    return Outcome(publication=publication, status="failed", error=error)
