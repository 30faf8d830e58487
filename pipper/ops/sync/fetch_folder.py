"""Find locked files by hash in a folder, for example one that `pipper download` filled."""

from collections.abc import Iterable
from pathlib import Path

from pipper.cache.cache import Cache
from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.plan import Wanted
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, UsageError
from pipper.system.files import scratch_folder, sha256_of_file
from pipper.system.os_errors import os_errors
from pipper.wheels.bundle import extract_wheel, read_bundle


def copy_from_folder(wanted: Iterable[Wanted], folder: Path, cache: Cache, reporter: Reporter) -> None:
    """Copy the `wanted` wheels that `folder` contains, as files or inside bundles, into the cache.

    Files with other bytes than the locked ones are skipped. Raises UsageError if `folder` does not exist,
    MachineError if it cannot be read.
    """
    files = _Folder(folder, reporter)
    for want in wanted:
        if cache.file(want.file.sha256) is None:
            files.take(want, cache)


class _Folder:
    """Wheels by name and size, bundles by the wheel they name; only a likely file is hashed."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        if not folder.is_dir():
            raise UsageError(
                f"the directory {folder} does not exist", hint="name the DIR of `pipper download -d DIR`"
            )
        with os_errors("read", folder):
            files = sorted(path for path in folder.iterdir() if path.is_file())
            self._sizes = {path: path.stat().st_size for path in files}
        self._reporter = reporter
        self._whole = [path for path in files if path.name.endswith((".whl", ".tar.gz", ".zip"))]
        self._bundles = [path for path in files if path.suffix == BUNDLE_SUFFIX]
        self._inside: dict[str, list[Path]] | None = None

    def take(self, want: Wanted, cache: Cache) -> None:
        for path in self._whole:
            likely = path.name == want.filename or self._sizes[path] == want.file.size
            if likely and sha256_of_file(path) == want.file.sha256:
                cache.add_file(path, want.file.sha256)
                return
        for bundle in self._holding(want.filename):
            if self._take_out(bundle, want, cache):
                return

    def _holding(self, filename: str) -> list[Path]:
        if self._inside is None:
            self._inside = {}
            for path in self._bundles:
                try:
                    self._inside.setdefault(read_bundle(path).wheel_name, []).append(path)
                except IntegrityError as error:
                    self._reporter.warning(f"{error.message}; left out")
        return self._inside.get(filename, [])

    def _take_out(self, bundle: Path, want: Wanted, cache: Cache) -> bool:
        with scratch_folder() as directory:
            wheel = directory / "package.whl"
            if extract_wheel(bundle, wheel).sha256 != want.file.sha256:
                return False
            cache.add_file(wheel, want.file.sha256)
        return True
