"""The members of a wheel: `.dist-info`, `.data`, and where each file is installed (PEP 427)."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.archive_limits import LimitName
from pipper.core.standards import version_of
from pipper.errors import IntegrityError
from pipper.wheels.entry_points import EntryPoint, script_fault
from pipper.wheels.member_paths import refusal, refuse_collisions, shortened
from pipper.wheels.metadata import parse_headers
from pipper.wheels.name import WheelName, expand_tags, tags_agree
from pipper.wheels.zip.archive import ZipArchive
from pipper.wheels.zip.layout import Entry

Scheme = Literal["purelib", "platlib", "scripts", "data", "headers"]

_SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")

# The suffixes of folders that identify an installed distribution (PEP 376); setuptools used the second one.
_RECORDS = (".dist-info", ".egg-info")
_RECORD_FAULT = "would write into the .dist-info or .egg-info directory of another distribution"

# Files that only an installer writes: a wheel must not forge them.
_INSTALLER_FILES = ("RECORD", *_SIGNATURES, "INSTALLER", "REQUESTED", "direct_url.json", "pipper.json")


class Member(Struct, frozen=True, kw_only=True):
    """A file to install."""

    path: str
    """Its path in the wheel."""
    scheme: Scheme
    target: str
    """Its path below the scheme's folder, separated by `/`."""
    size: int
    sha256: str
    """In hex."""
    executable: bool


class WheelTree(Struct, frozen=True, kw_only=True):
    """The files of a wheel and where each is installed."""

    archive: ZipArchive
    dist_info: str
    root_is_purelib: bool
    files: Mapping[str, Entry]
    """By path, without folders."""
    places: Mapping[str, tuple[Scheme, str]]
    """Scheme and target by path."""
    other_tags: str
    """How the tags in WHEEL differ from those of the file name; the file name wins. Empty if they agree."""
    has_data: bool
    """Whether the wheel has a `.data` folder; without one, targets are the paths in the archive."""

    @property
    def unhashed(self) -> frozenset[str]:
        """The files that RECORD may list without a hash: RECORD and its signatures."""
        return frozenset(f"{self.dist_info}/{name}" for name in ("RECORD", *_SIGNATURES))

    def read(self, name: str, limit: LimitName) -> bytes:
        """Return a file of `.dist-info`; raises IntegrityError if it is missing or larger than the limit."""
        entry = self.files.get(f"{self.dist_info}/{name}")
        if entry is None:
            raise refusal(self.archive.subject, f"{self.dist_info} has no {name}")
        return self.archive.read(entry, limit)

    def members(self, digests: Mapping[str, str]) -> tuple[Member, ...]:
        """Return the files to install, in the order of the archive; `digests` are their sha256 by path."""
        excluded = {f"{self.dist_info}/{name}" for name in _INSTALLER_FILES}
        members = []
        for path, entry in self.files.items():
            if path in excluded:
                continue
            scheme, target = self.places[path]
            members.append(
                Member(
                    path=path,
                    scheme=scheme,
                    target=target,
                    size=entry.size,
                    sha256=digests[path],
                    executable=scheme == "scripts" or bool(entry.mode & 0o111),
                )
            )
        return tuple(members)

    def check_collisions(self, entry_points: Iterable[EntryPoint]) -> None:
        """Raise IntegrityError if two files, or a file and a generated script, have the same target."""
        if not self.has_data:
            return
        paths = [*map(_installed, self.places.values()), *(f"scripts/{entry.name}" for entry in entry_points)]
        refuse_collisions(paths, subject=self.archive.subject, when=" (when installed)")


def read_tree(archive: ZipArchive, name: WheelName) -> WheelTree:
    """Return the tree of the wheel in `archive`.

    Raises IntegrityError if `.dist-info` is missing, a duplicate or that of another distribution; if WHEEL
    has another major version; if a file has no target or a reserved one.
    """
    files = {entry.name: entry for entry in archive.entries if not entry.is_folder}
    roots = {path.partition("/")[0] for path in files if "/" in path}
    (dist_info,), data = (_own_folders(roots, suffix, name) for suffix in (".dist-info", ".data"))
    wheel = files.get(f"{dist_info}/WHEEL")
    if wheel is None:
        raise refusal(archive.subject, f"{dist_info} has no WHEEL")
    is_pure, other_tags = _check_wheel(archive.read(wheel, "text"), name)
    for path in files:
        first = path.partition("/")[0]
        fault = "" if first == dist_info else _library_fault(first.lower())
        if fault:
            raise refusal(archive.subject, fault, member=path)
    library: Scheme = "purelib" if is_pure else "platlib"
    places = {
        path: _place(path, name) if path.partition("/")[0] in data else (library, path) for path in files
    }
    return WheelTree(
        archive=archive,
        dist_info=dist_info,
        root_is_purelib=is_pure,
        files=files,
        places=places,
        other_tags=other_tags,
        has_data=bool(data),
    )


def _own_folders(roots: Iterable[str], suffix: str, name: WheelName) -> list[str]:
    found = sorted(root for root in roots if root.lower().endswith(suffix))
    if suffix == ".dist-info" and len(found) != 1:
        shown = ", ".join(found[:3]) or "none"
        raise refusal(name.filename, f"has {len(found)} .dist-info directories ({shown}); one is required")
    for root in found:
        if not _is_of(root.removesuffix(suffix), name):
            raise refusal(name.filename, f"has the directory {shortened(root)} of another distribution")
    return found


def _is_of(stem: str, name: WheelName) -> bool:
    """Return whether `stem` is NAME-VERSION of the wheel, normalized or not."""
    return any(
        letter == "-"
        and canonicalize_name(stem[:at]) == name.name
        and version_of(stem[at + 1 :].replace("_", "-")) == name.version
        for at, letter in enumerate(stem)
    )


def _check_wheel(raw: bytes, name: WheelName) -> tuple[bool, str]:
    """Return whether the root is installed in purelib, and how the tags differ from those of the file name.

    Raises IntegrityError for another major version.
    """
    subject = name.filename
    headers = parse_headers(raw, subject=subject)
    version = headers.get("wheel-version", [""])[0]
    if version.split(".")[0] != "1":
        raise refusal(subject, f"Wheel-Version is {shortened(version)}; 1.x is supported")
    is_pure = headers.get("root-is-purelib", [""])[0].lower()
    if is_pure not in ("true", "false"):
        raise refusal(subject, f"Root-Is-Purelib is {shortened(is_pure)}, neither true nor false")
    return is_pure == "true", _other_tags(headers.get("tag", []), name)


def _other_tags(lines: list[str], name: WheelName) -> str:
    try:
        tags = expand_tags(lines, subject=name.filename)
    except IntegrityError as error:
        return error.message.removeprefix(f"{name.filename}: ")
    if tags_agree(tags, name.tags):
        return ""
    other = ", ".join(shortened(tag) for tag in sorted(map(str, tags ^ name.tags))[:3])
    return f"the tags in WHEEL do not match those of the file name: {other}"


def _place(path: str, name: WheelName) -> tuple[Scheme, str]:
    _, _, rest = path.partition("/")
    key, _, target = rest.partition("/")
    scheme = next((known for known in _SCHEMES if known == key), None)
    if scheme is None or not target:
        raise refusal(
            name.filename, f"is not in a directory of the schemes {', '.join(sorted(_SCHEMES))}", member=path
        )
    fault = _target_fault(scheme, target, name.name)
    if fault:
        raise refusal(name.filename, fault, member=path)
    return scheme, target


def _target_fault(scheme: Scheme, target: str, owner: NormalizedName) -> str:
    first, _, rest = target.partition("/")
    first = first.lower()
    if scheme == "scripts":
        return script_fault(first, owner)
    if scheme in ("purelib", "platlib"):
        return _library_fault(first)
    # Only an environment determines where its libraries are below these two schemes.
    if scheme in ("data", "headers") and any(part.endswith(_RECORDS) for part in target.lower().split("/")):
        return _RECORD_FAULT
    if scheme == "data" and first in ("bin", "scripts"):
        return script_fault(rest.partition("/")[0], owner)
    if scheme == "data" and first in ("pyvenv.cfg", ".pipper", "conda-meta"):
        return f"would replace the environment's own {first}"
    return ""


def _library_fault(first: str) -> str:
    """Return why a file or folder of this name (lower case) must not be in a library, or an empty text."""
    if first.endswith(_RECORDS):
        return _RECORD_FAULT
    # A `--target` directory is a library and has pipper's state in it.
    return "would write into pipper's own .pipper" if first == ".pipper" else ""


def _installed(place: tuple[Scheme, str]) -> str:
    """Return a path that is equal for two files with the same target in an environment."""
    scheme, target = place
    if scheme in ("purelib", "platlib"):
        return f"site/{target}"
    first, slash, rest = target.partition("/")
    if scheme == "data" and slash and first.lower() in ("bin", "scripts"):
        return f"scripts/{rest}"
    return f"{scheme}/{target}"
