"""The files that `publish` takes for a directory, and those that it leaves out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote

from msgspec import Struct
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.layout.legacy_version import deserialize
from pipper.core.standards import version_of
from pipper.core.wording import listed
from pipper.errors import PipperError, UsageError
from pipper.system.os_errors import machine_error
from pipper.wheels.bundle import read_bundle


class _Found(Struct, frozen=True, kw_only=True):
    """A bundle in a directory."""

    path: Path
    version: Version | None
    """None if neither its `package.meta` nor its file name tells one."""
    modified: int

    @property
    def project(self) -> str:
        """By the file name, `NAME-vN-N-N.pipper`."""
        return canonicalize_name(_stem(self.path).rpartition("-v")[0])

    @property
    def rank(self) -> tuple[tuple[Version, ...], int]:
        """By version; the time of a file is that of a build or of a copy, and decides only between equals."""
        return (() if self.version is None else (self.version,)), self.modified


class LeftOut(Struct, frozen=True, kw_only=True):
    """A path that is not published: because of what else is there, or because of an error."""

    path: Path
    reason: str = ""
    error: PipperError | None = None


_SOURCES = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})
"""The files that make a directory a source tree."""
DEFAULT = "dist"
"""What `publish` takes without a path."""


def default_paths(directory: Path) -> tuple[list[Path], list[LeftOut]]:
    """Return the files to publish if no path is given, and what is left out; see `expand_paths`.

    `bundle` without `-o` writes into the working directory: what lies there is named, and how to publish it.
    """
    folder = directory / DEFAULT
    try:
        exists = folder.exists()
        here = sorted(each for each in directory.iterdir() if each.suffix == BUNDLE_SUFFIX and each.is_file())
        here = [each for each in here if not (folder / each.name).exists()]
    except OSError as fault:
        return [], [LeftOut(path=directory, error=machine_error("read", directory, fault))]
    if exists:
        files, left_out = expand_paths([folder])
        reason = f"it is not in {DEFAULT}; publish it with"
        return files, [
            *left_out,
            *(LeftOut(path=each, reason=f"{reason} `{_publish(each)}`") for each in here),
        ]
    cause = f"without a path pipper publishes what is in {DEFAULT}"
    cause += (
        f"; {listed(each.name for each in here)} {'is' if len(here) == 1 else 'are'} beside it"
        if here
        else ""
    )
    build = f"run `pipper bundle -o {DEFAULT}` first, or name files with `pipper publish PATH`"
    hint = " or ".join(f"`{_publish(each)}`" for each in here)
    error = UsageError(f"{DEFAULT}: no such file", cause=cause, hint=f"run {hint}" if here else build)
    return [], [LeftOut(path=folder, error=error)]


def _publish(bundle: Path) -> str:
    return f"pipper publish {quote(bundle.name)}"


def expand_paths(paths: Iterable[Path]) -> tuple[list[Path], list[LeftOut]]:
    """Return the files that these paths stand for, each once, and what is left out of directories.

    A directory stands for its wheels, and of each project for the bundle with the highest version. Files without
    a version come after all that have one, the newest file first.
    """
    found = [each for path in paths for each in _expand(path)]
    # A file may be named twice, or be in a directory that is named too.
    files = list(dict.fromkeys(each for each in found if isinstance(each, Path)))
    return files, [each for each in found if isinstance(each, LeftOut) and each.path not in files]


def _expand(path: Path) -> Sequence[Path | LeftOut]:
    error: PipperError
    try:
        if not path.is_dir():
            return [path]
        files = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        bundles = [_found(each) for each in files if each.name.endswith(BUNDLE_SUFFIX)]
    except OSError as fault:
        error = machine_error("read", path, fault)
        return [LeftOut(path=path, error=error)]
    chosen = {each.project: each for each in sorted(bundles, key=lambda each: each.rank)}
    wheels = [each for each in files if each.name.endswith(".whl")]
    if wheels or chosen:
        return [*(each.path for each in chosen.values()), *wheels, *_others(files, bundles, chosen)]
    error = UsageError(
        f"{path} contains neither a bundle nor a wheel",
        hint=(
            f"publish its bundle: `pipper bundle {quote(str(path))} -o {DEFAULT}`, then `pipper publish {DEFAULT}`"
            if any(each.name in _SOURCES for each in files)
            else f"build one with `pipper bundle DIR -o {quote(str(path))}`"
        ),
    )
    return [LeftOut(path=path, error=error)]


def _others(files: Sequence[Path], bundles: Sequence[_Found], chosen: dict[str, _Found]) -> list[LeftOut]:
    pairs = [(each, chosen[each.project]) for each in bundles]
    old = [LeftOut(path=each.path, reason=_why(each, best)) for each, best in pairs if each is not best]
    kinds = (BUNDLE_SUFFIX, ".whl")
    reason = "it is neither a bundle nor a wheel"
    return [*old, *(LeftOut(path=each, reason=reason) for each in files if not each.name.endswith(kinds))]


def _why(bundle: _Found, best: _Found) -> str:
    if bundle.version == best.version:
        return f"{best.path.name} is the newer file"
    if bundle.version is None:
        return f"its version is unknown, and {best.path.name} has one"
    return f"{best.path.name} has a higher version"


def _found(bundle: Path) -> _Found:
    """Return what decides about a bundle; raises OSError. A damaged one counts by its name, and is refused later."""
    modified = bundle.stat().st_mtime_ns
    try:
        version = version_of(read_bundle(bundle).version)
    except PipperError:
        version = deserialize(_stem(bundle).rpartition("-v")[2])
    return _Found(path=bundle, version=version, modified=modified)


def _stem(bundle: Path) -> str:
    return bundle.name.removesuffix(BUNDLE_SUFFIX)
