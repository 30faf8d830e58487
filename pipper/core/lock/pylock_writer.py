"""Writing a lock as `pylock.toml` (PEP 751) or as requirements.txt with hashes."""

from collections.abc import Iterable

from packaging.markers import Marker
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pipper.core.lock.markers import PortablePackage, portable
from pipper.core.lock.model import Lock, LockedFile
from pipper.core.lock.selection import Selection
from pipper.core.toml import toml_inline, toml_string, toml_strings
from pipper.errors import UsageError

_CREATOR = "pipper"


def to_pylock(lock: Lock, selection: Selection) -> Pylock:
    """Return the packages that `selection` picks from a lock whose files all have a `url`.

    A `url` without a scheme is a path. Raises UsageError if a package exists only in a 0.x bundle, which other tools
    cannot read, and the errors of `portable`.
    """
    picked = portable(lock, selection)
    return Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(text) for text in picked.environments],
        requires_python=SpecifierSet(lock.inputs.requires_python) if lock.inputs.requires_python else None,
        created_by=_CREATOR,
        packages=[_package(each) for each in picked.packages],
    )


def _package(picked: PortablePackage) -> Package:
    package = picked.package
    if all(file.bundle for file in package.wheels):
        raise UsageError(
            f"{package.pin} exists only as a 0.x bundle, which pylock.toml cannot contain",
            hint="run `pipper repository repair` to unpack it, then `pipper lock`; "
            "or write pipper's own format: -o with another name",
        )
    return Package(
        name=package.name,
        version=Version(package.version),
        marker=Marker(picked.marker) if picked.marker else None,
        wheels=[_wheel(file) for file in package.wheels if not file.bundle],
    )


def _wheel(file: LockedFile) -> PackageWheel:
    url, path = (file.url, None) if "://" in file.url else (None, file.url)
    return PackageWheel(
        name=file.filename, url=url, path=path, size=file.size or None, hashes={"sha256": file.sha256}
    )


def dump_pylock(pylock: Pylock, *, comment: str = "") -> str:
    """Return the text of a lock from `to_pylock`, with one line for each file and a newline at the end."""
    lines = [f"# {comment}"] if comment else []
    lines.append(f"lock-version = {toml_string(str(pylock.lock_version))}")
    if pylock.environments:
        environments = [str(marker) for marker in pylock.environments]
        lines.append(f"environments = {toml_strings(environments, taken=15)}")
    if pylock.requires_python:
        lines.append(f"requires-python = {toml_string(str(pylock.requires_python))}")
    lines.append(f"created-by = {toml_string(pylock.created_by)}")
    if not pylock.packages:
        lines.append("packages = []")
    for package in pylock.packages:
        lines += ["", "[[packages]]", *_package_lines(package)]
    return "\n".join(lines) + "\n"


def _package_lines(package: Package) -> Iterable[str]:
    yield f"name = {toml_string(package.name)}"
    yield f"version = {toml_string(str(package.version))}"
    if package.marker:
        yield f"marker = {toml_string(str(package.marker))}"
    yield from ["wheels = [", *(f"    {_file(wheel)}," for wheel in package.wheels or ()), "]"]


def _file(wheel: PackageWheel) -> str:
    pairs = [f"name = {toml_string(wheel.filename)}"]
    pairs.append(
        f"url = {toml_string(wheel.url)}" if wheel.url else f"path = {toml_string(wheel.path or '')}"
    )
    if wheel.size:
        pairs.append(f"size = {wheel.size}")
    return toml_inline([*pairs, f"hashes = {{ sha256 = {toml_string(wheel.hashes['sha256'])} }}"])


def dump_requirements(lock: Lock, selection: Selection) -> str:
    """Return the packages that `selection` picks from a lock as requirements.txt for pip's hash-checking mode.

    Raises the errors of `portable`.
    """
    lines = ["# Written by pipper export: pip install --require-hashes -r FILE"]
    for picked in portable(lock, selection).packages:
        marker = f" ; {picked.marker}" if picked.marker else ""
        hashes = sorted({file.sha256 for file in picked.package.wheels})
        lines.append(
            " \\\n    ".join([f"{picked.package.pin}{marker}", *(f"--hash=sha256:{each}" for each in hashes)])
        )
    return "\n".join(lines) + "\n"
