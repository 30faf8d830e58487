"""A source that lives in memory and notes what it was asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.lock.model import LockedFile
from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata
from pipper.core.target import Target

LINUX = Target(
    name="cp311-manylinux_2_28_x86_64",
    markers={
        "implementation_name": "cpython",
        "implementation_version": "3.11.9",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1.0",
        "platform_system": "Linux",
        "platform_version": "#1 SMP",
        "python_full_version": "3.11.9",
        "python_version": "3.11",
        "sys_platform": "linux",
    },
)


def release_from(
    alias: str, name: str, version: str, content: dict[str, Any]
) -> tuple[Release, dict[str, ReleaseMetadata]]:
    """Build a release, and the metadata of each of its files by name.

    `content` may have `tags`, `python` (on the page), `uploaded`, `yanked` and `not-yanked` (tags), and
    `requires`, `extras`, `metadata-python`, `unusable` of the metadata; `wheels` has other content by tag;
    `source` is the content of a source distribution.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    files, metadata = [], {}
    for tag in content.get("tags", ["py3-none-any"]):
        own = {**content, **content.get("wheels", {}).get(tag, {})}
        is_kept = tag in content.get("not-yanked", ())
        file = _file(f"{stem}-{tag}.whl", f"{alias}/{name}/{version}/{tag}", name, own, is_kept=is_kept)
        files.append(file)
        metadata[file.filename] = metadata_from(own)
    sdists = []
    if "source" in content:
        own = {**content, **content["source"]}
        sdists.append(_file(f"{stem}.tar.gz", f"{alias}/{name}/{version}", name, own, is_kept=False))
        metadata[f"{stem}.tar.gz"] = metadata_from(own)
    release = Release(
        name=canonicalize_name(name),
        version=Version(version),
        source=alias,
        files=tuple(files),
        sdists=tuple(sdists),
    )
    return release, metadata


def _file(filename: str, seed: str, name: str, own: dict[str, Any], *, is_kept: bool) -> CandidateFile:
    return CandidateFile(
        filename=filename,
        locked=LockedFile(sha256=sha256(seed.encode()).hexdigest(), size=1000, key=f"{name}/{filename}"),
        requires_python=SpecifierSet(own["python"]) if "python" in own else None,
        upload_time=datetime.fromisoformat(own["uploaded"]) if "uploaded" in own else None,
        yanked=None if is_kept else own.get("yanked"),
    )


def metadata_from(content: dict[str, Any]) -> ReleaseMetadata:
    """Build the metadata of a file."""
    python = content.get("metadata-python")
    return ReleaseMetadata(
        requires_dist=tuple(Requirement(text) for text in content.get("requires", ())),
        provides_extra=frozenset(canonicalize_name(extra) for extra in content.get("extras", ())),
        requires_python=SpecifierSet(python) if python else None,
        unusable=content.get("unusable", ""),
    )


@dataclass
class FakeSource:
    """Keeps the promises of `Source`; `asked` has every call with the project it was about."""

    alias: str
    packages: dict[str, dict[str, dict[str, Any]]]
    """Content by version by name, as `release_from` takes it."""
    backwards: bool = False
    """List everything the other way round."""
    fault: Exception | None = None
    """Raised by every call."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    _releases: dict[NormalizedName, list[Release]] = field(default_factory=dict)
    _metadata: dict[tuple[NormalizedName, Version, str], ReleaseMetadata] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, versions in self.packages.items():
            built = self._releases.setdefault(canonicalize_name(name), [])
            for version, content in versions.items():
                release, metadata = release_from(self.alias, name, version, content)
                built.append(release)
                for filename, described in metadata.items():
                    self._metadata[release.name, release.version, filename] = described

    def holds(self, name: NormalizedName) -> bool:
        self._note("holds", name)
        return name in self._releases

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        for name in names:
            self._note("prefetch", name)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        self._note("releases", name)
        releases = self._releases.get(name, [])
        return releases[::-1] if self.backwards else releases

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        self._note("metadata", release.name)
        return self._metadata[release.name, release.version, file.filename]

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        for release, _ in wanted:
            self._note("prefetch_metadata", release.name)

    def names_asked(self) -> set[str]:
        return {name for _, name in self.asked}

    def _note(self, call: str, name: str) -> None:
        self.asked.append((call, name))
        if self.fault is not None:
            raise self.fault
