"""Source distributions made in memory, and the wheel of their backend."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands import CHECKOUT
from tests.wheelhouse import make_wheel

BACKEND = (CHECKOUT / "tests" / "tiny_backend.py").read_text(encoding="utf-8")
STAMP = 1_577_880_000


def make_backend(
    directory: Path, version: str = "1.0", *, more: str = "", requires: Sequence[str] = ()
) -> Path:
    """Write a wheel of the backend `tiny_backend`, with more code at its end, and return its path."""
    code = f"{BACKEND}\nVERSION = {version!r}\n{more}"
    return make_wheel(directory, "tiny-build", version, files={"tiny_backend.py": code}, requires=requires)


def make_sdist(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    static: bool = True,
    build_requires: Sequence[str] = ("tiny-build",),
    backend: str = "tiny_backend",
    files: Mapping[str, str] | None = None,
    suffix: str = ".tar.gz",
) -> Path:
    """Write a source distribution into `directory` and return its path; the same call gives the same bytes.

    `static` says whether PKG-INFO states the requirements in a form that a reader may rely on (PEP 643).
    """
    stem = f"{name.replace('-', '_')}-{version}"
    listed = "".join(f"    {each!r},\n" for each in requires)
    needed = "".join(f"    {each!r},\n" for each in build_requires)
    pyproject = (
        f"[build-system]\nrequires = [\n{needed}]\nbuild-backend = '{backend}'\n"
        f"[project]\nname = '{name}'\nversion = '{version}'\ndependencies = [\n{listed}]\n"
    )
    lines = [f"Metadata-Version: {'2.2' if static else '2.1'}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires] if static else []
    module = f"{name.replace('-', '_')}.py"
    members = {
        "PKG-INFO": "\n".join(lines) + "\n\nText\n",
        "pyproject.toml": pyproject,
        module: f"VERSION = {version!r}\n",
        **(files or {}),
    }
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in members.items():
                archive.writestr(zipfile.ZipInfo(f"{stem}/{member}", (2020, 1, 1, 0, 0, 0)), text)
        return path
    entries = []
    for member, text in members.items():
        info = tarfile.TarInfo(f"{stem}/{member}")
        info.mtime = STAMP
        entries.append((info, text.encode()))
    return write_tar(path, entries)


def write_tar(path: Path, entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """Write these members, which need not be decent, to a `.tar.gz` at `path`."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path
