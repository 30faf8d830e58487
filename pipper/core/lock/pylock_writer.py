"""Writing a lock as `pylock.toml` (PEP 751) or as requirements.txt with hashes."""

from collections.abc import Mapping

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock

from pipper.core.lock.markers import PortablePackage, portable
from pipper.core.lock.model import Lock, LockedFile
from pipper.core.lock.selection import Selection
from pipper.core.standards import read_marker, read_specifiers, read_version
from pipper.core.toml import toml_inline, toml_string, toml_strings
from pipper.errors import UsageError


def to_pylock(lock: Lock, selection: Selection) -> Pylock:
    """Return the packages that `selection` picks from a lock whose files all have a `url`.

    A `url` without a scheme is a path. Raises UsageError if a package exists only in a 0.x bundle, which other tools
    cannot read, and the errors of `portable`.
    """
    picked = portable(lock, selection)
    return Pylock(
        lock_version=read_version("1.0"),
        environments=[read_marker(text) for text in picked.environments],
        requires_python=read_specifiers(lock.inputs.requires_python) if lock.inputs.requires_python else None,
        created_by="pipper",
        packages=[_package(each) for each in picked.packages],
    )


def _package(picked: PortablePackage) -> Package:
    package = picked.package
    if package.wheels and all(file.bundle for file in package.wheels):
        raise UsageError(
            f"{package.pin} exists only as a 0.x bundle, which pylock.toml cannot contain",
            hint="run `pipper repository repair` to unpack it, then `pipper lock`; "
            "or write pipper's own format: -o with another name",
        )
    return Package(
        name=package.name,
        version=read_version(package.version),
        marker=read_marker(picked.marker) if picked.marker else None,
        wheels=[_wheel(file) for file in package.wheels if not file.bundle] or None,
        sdist=_sdist(package.sdist) if package.sdist else None,
    )


def _wheel(file: LockedFile) -> PackageWheel:
    url, path = (file.url, None) if "://" in file.url else (None, file.url)
    return PackageWheel(
        name=file.filename, url=url, path=path, size=file.size or None, hashes={"sha256": file.sha256}
    )


def _sdist(file: LockedFile) -> PackageSdist:
    url, path = (file.url, None) if "://" in file.url else (None, file.url)
    return PackageSdist(
        name=file.filename, url=url, path=path, size=file.size or None, hashes={"sha256": file.sha256}
    )


def dump_pylock(pylock: Pylock, *, comment: str = "") -> str:
    """Return the text of a lock from `to_pylock`, with one line for each file and a newline at the end."""
    document = dict(pylock.to_dict())
    packages = document.pop("packages")
    lines = [*([f"# {comment}"] if comment else []), *_pairs(document)]
    if not packages:
        lines.append("packages = []")
    for package in packages:
        wheels = [f"    {toml_inline(_pairs(wheel))}," for wheel in package.pop("wheels", ())]
        lines += ["", "[[packages]]", *_pairs(package)]
        lines += ["wheels = [", *wheels, "]"] if wheels else []
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {_value(value, taken=len(key) + 3)}" for key, value in table.items()]


def _value(value: object, *, taken: int) -> str:
    if isinstance(value, Mapping):
        return toml_inline(_pairs(value))
    if isinstance(value, list):
        return toml_strings(value, taken=taken)
    return toml_string(value) if isinstance(value, str) else str(value)


def dump_requirements(lock: Lock, selection: Selection, *, wheels_beside: bool = False) -> str:
    """Return the packages that `selection` picks from a lock as requirements.txt for pip's hash-checking mode.

    With `wheels_beside`, the file says that its own folder has wheels. Raises the errors of `portable`.
    """
    lines = ["# Written by pipper export: pip install --require-hashes -r FILE"]
    lines += ["--find-links ."] if wheels_beside else []  # pip and uv: relative to the file
    for picked in portable(lock, selection).packages:
        marker = f" ; {picked.marker}" if picked.marker else ""
        hashes = sorted({file.sha256 for file in picked.package.files})
        lines.append(
            " \\\n    ".join([f"{picked.package.pin}{marker}", *(f"--hash=sha256:{each}" for each in hashes)])
        )
    return "\n".join(lines) + "\n"
