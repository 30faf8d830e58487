"""What a survey of a repository finds: the page and objects of a project, each with its faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from packaging.version import Version

from pipper.core.layout.keys import bundle_version
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import Needs
from pipper.core.ports import ObjectInfo
from pipper.errors import PipperError
from pipper.repository.source import ReadPage
from pipper.wheels.bundle import BundledWheel


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLook:
    """A wheel in the store, and its faults."""

    url: str
    """Relative to the project's page."""
    info: ObjectInfo | None = None
    """None if the object does not exist."""
    sha256: str = ""
    needs: Needs | None = None
    """The requirements in METADATA; None if the wheel is not valid."""
    metadata_sha256: str = ""
    fault: str = ""
    """Why the wheel is not valid, and the hint."""
    metadata_fault: str = ""
    """Why the METADATA object beside the wheel is wrong."""
    metadata: bytes = field(default=b"", repr=False)
    """The correct METADATA, if the object beside the wheel is wrong."""

    @property
    def is_genuine(self) -> bool:
        """Whether the wheel has the hash in its key."""
        return self.info is not None and self.sha256[:16] == self.url.partition("/")[0]

    @property
    def is_faulty(self) -> bool:
        """Whether anything is wrong with the wheel or the METADATA beside it."""
        return not self.is_genuine or bool(self.fault or self.metadata_fault)


class BundleLook(Struct, frozen=True, kw_only=True):
    """A bundle in the store, and its fault."""

    info: ObjectInfo
    sha256: str = ""
    """Of the wheel in the bundle."""
    dependencies: tuple[str, ...] = ()
    fault: str = ""
    """Why the bundle is not valid, and the hint."""

    @property
    def version(self) -> Version:
        """The version in its key."""
        version = bundle_version(self.info.key)
        assert version is not None, self.info.key  # noqa: S101 - `arrange` only lists bundles whose key has a version
        return version

    @property
    def is_faulty(self) -> bool:
        """Whether the bundle is not valid."""
        return bool(self.fault)


class Survey(Struct, frozen=True, kw_only=True):
    """The page and objects of a project, with their faults."""

    holding: Holding
    read: ReadPage
    wheels: Mapping[str, WheelLook]
    """By URL: all that the page names or keeps for older locks; if the page is lost, also all others in the store."""
    bundles: Mapping[str, BundleLook]
    """By key: those that were read."""
    error: PipperError | None = None
    """Why the project cannot be surveyed: access denied, no response."""

    @property
    def has_no_page(self) -> bool:
        """Whether the page is damaged or absent."""
        return bool(self.read.damage) or self.read.etag is None

    @property
    def is_lost(self) -> bool:
        """Whether there are objects for a page that is damaged, or absent: lost, or not written yet."""
        return bool(self.read.damage) or (self.read.etag is None and bool(self.holding.wheels))

    def has_valid(self, wheel: BundledWheel) -> bool:
        """Return whether the wheel of a bundle is, byte for byte, one of `wheels` that is valid."""
        look = self.wheels.get(f"{wheel.sha256[:16]}/{wheel.bundle.wheel_name}")
        return look is not None and look.sha256 == wheel.sha256 and look.needs is not None
