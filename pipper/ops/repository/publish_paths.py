"""The files that `publish` takes for a directory, and those that it leaves out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name

from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.errors import PipperError, UsageError
from pipper.system.os_errors import machine_error


class LeftOut(Struct, frozen=True, kw_only=True):
    """A path that is not published: because of what else is there, or because of an error."""

    path: Path
    reason: str = ""
    error: PipperError | None = None


def expand_paths(paths: Iterable[Path]) -> tuple[list[Path], list[LeftOut]]:
    """Return the files that these paths stand for, each once, and what is left out of directories.

    A directory stands for its wheels and the newest bundle of each project, as in pipper 0.x.
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
        bundles = [each for each in files if each.name.endswith(BUNDLE_SUFFIX)]
        newest: dict[str, Path] = {}
        for bundle in sorted(bundles, key=lambda each: each.stat().st_mtime_ns):
            newest[_project(bundle)] = bundle
    except OSError as fault:
        error = machine_error("read", path, fault)
        return [LeftOut(path=path, error=error)]
    wheels = [each for each in files if each.name.endswith(".whl")]
    if wheels or newest:
        return [*newest.values(), *wheels, *_others(files, bundles, newest)]
    error = UsageError(
        f"{path} contains neither a bundle nor a wheel",
        hint=f"build one with `pipper bundle DIR -o {path}`",
    )
    return [LeftOut(path=path, error=error)]


def _others(files: Sequence[Path], bundles: Sequence[Path], newest: dict[str, Path]) -> list[LeftOut]:
    old = [
        LeftOut(path=bundle, reason=f"{newest[_project(bundle)].name} is newer")
        for bundle in bundles
        if newest[_project(bundle)] != bundle
    ]
    kinds = (BUNDLE_SUFFIX, ".whl")
    reason = "it is neither a bundle nor a wheel"
    return [*old, *(LeftOut(path=each, reason=reason) for each in files if not each.name.endswith(kinds))]


def _project(bundle: Path) -> str:
    """Return the project of a bundle by its file name, `NAME-vN-N-N.pipper`."""
    return canonicalize_name(bundle.name.removesuffix(BUNDLE_SUFFIX).rpartition("-v")[0])
