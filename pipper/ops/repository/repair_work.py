"""What the repair of a project found, did and left."""

from msgspec import Struct, field

from pipper.core.layout.page import PageBundle, PageFile
from pipper.ops.repository.findings import Finding, entry_difference
from pipper.ops.repository.sweep import Mend
from pipper.repository.looks import WheelLook
from pipper.repository.publication import Publication


class Work(Struct, kw_only=True):
    """The changes for the one page write of a project, and what its repair did and left."""

    mends: list[Mend] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    """Findings that only a user can resolve."""
    on_page: dict[str, str] = field(default_factory=dict)
    """What to tell of entries by the keys of their objects, if the page is then written with another entry or none."""
    dropped: dict[str, WheelLook] = field(default_factory=dict)
    """Lost wheels whose entries go, by URL."""
    corrected: dict[str, PageFile] = field(default_factory=dict)
    """By URL: what their wheels say counts; the rest is as the survey found it."""
    added: list[PageFile] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    noted: list[PageBundle] = field(default_factory=list)
    """Bundles that cannot be unpacked and stay as entries."""
    taken: dict[str, Publication] = field(default_factory=dict)
    """Wheels of bundles, by the key of the bundle."""

    def mend(self, subject: str, text: str) -> None:
        self.mends.append(Mend(subject=subject, text=text))

    def correct(self, key: str, file: PageFile, right: PageFile) -> None:
        """Correct a page's entry, where it is not as its wheel says."""
        if difference := entry_difference(file, right):
            self.corrected[file.url] = right
            self.on_page[key] = f"corrected {difference} on the page to that of the wheel"
