"""Wheels made in memory, without a build backend: valid ones, and the pieces to make bad ones from."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

STAMP = (2020, 2, 2, 0, 0, 0)
"""The time of every member, so that the same call gives the same bytes."""


def make_wheel(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    entry_points: Mapping[str, str] | None = None,
    gui_scripts: Mapping[str, str] | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    metadata: str = "",
    purelib: bool = True,
) -> Path:
    """Write a valid wheel into `directory` (made where it is missing) and return its path.

    `files` maps paths in the wheel to contents, default is one module `NAME/__init__.py`; `entry_points` are
    console scripts; `extras` maps an extra to its requirements; `build` is the wheel's build tag; `metadata`
    is more header lines for METADATA.
    """
    members = wheel_members(
        name,
        version,
        requires=requires,
        files=files,
        entry_points=entry_points,
        gui_scripts=gui_scripts,
        extras=extras,
        requires_python=requires_python,
        tag=tag,
        build=build,
        metadata=metadata,
        purelib=purelib,
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / wheel_filename(name, version, tag=tag, build=build)
    return write_wheel(path, members)


def wheel_filename(name: str, version: str, *, tag: str = "py3-none-any", build: str = "") -> str:
    """The file name that PEP 427 gives such a wheel."""
    parts = [_escaped(name), str(Version(version)), *([build] if build else []), tag]
    return "-".join(parts) + ".whl"


def wheel_members(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    entry_points: Mapping[str, str] | None = None,
    gui_scripts: Mapping[str, str] | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    metadata: str = "",
    purelib: bool = True,
) -> dict[str, bytes]:
    """The members of such a wheel in order, without RECORD: to be edited and given to `write_wheel`."""
    escaped = _escaped(name)
    info = f"{escaped}-{Version(version)}.dist-info"
    if files is None:
        files = {f"{escaped}/__init__.py": f'__version__ = "{version}"\n'}
    members = {path: _bytes(content) for path, content in files.items()}
    members[f"{info}/METADATA"] = _metadata(name, version, requires, extras, requires_python, metadata)
    members[f"{info}/WHEEL"] = _wheel(tag, build, purelib=purelib)
    scripts = _entry_points(("console_scripts", entry_points), ("gui_scripts", gui_scripts))
    if scripts:
        members[f"{info}/entry_points.txt"] = scripts
    return members


def record_lines(members: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """The RECORD lines of `members`, that of RECORD itself last (PEP 376, PEP 427)."""
    info = dist_info_of(members)
    lines = [(path, f"sha256={_digest(body)}", str(len(body))) for path, body in members.items()]
    return [*lines, (f"{info}/RECORD", "", "")]


def record_of(lines: Iterable[Sequence[str]]) -> bytes:
    """RECORD's bytes from its lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def dist_info_of(members: Iterable[str]) -> str:
    """The first `.dist-info` folder among the members."""
    return next(path.split("/")[0] for path in members if path.split("/")[0].endswith(".dist-info"))


def write_wheel(path: Path, members: Mapping[str, bytes], *, record: bytes | None = None) -> Path:
    """Zip `members` and their RECORD (`record` in its place where it is given) to `path` and return it."""
    if record is None:
        record = record_of(record_lines(members))
    with zipfile.ZipFile(path, "w") as archive:
        for member, body in {**members, f"{dist_info_of(members)}/RECORD": record}.items():
            archive.writestr(zip_info(member), body, compresslevel=1)
    return path


def zip_info(member: str, *, mode: int = 0o100644) -> zipfile.ZipInfo:
    """A deflated member with a fixed time, and `mode` as its Unix mode."""
    info = zipfile.ZipInfo(member, STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    return info


def _escaped(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _metadata(
    name: str,
    version: str,
    requires: Sequence[str],
    extras: Mapping[str, Sequence[str]] | None,
    requires_python: str | None,
    more: str,
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_under_extra(requirement, extra)}" for requirement in wanted]
    lines += more.splitlines()
    return ("\n".join(lines) + "\n").encode()


def _under_extra(requirement: str, extra: str) -> str:
    wanted, _, marker = requirement.partition(";")
    condition = f"extra == '{extra}'"
    return f"{wanted.strip()} ; ({marker.strip()}) and {condition}" if marker else f"{wanted} ; {condition}"


def _wheel(tag: str, build: str, *, purelib: bool) -> bytes:
    interpreters, abis, platforms = tag.split("-")
    lines = ["Wheel-Version: 1.0", "Generator: wheelhouse", f"Root-Is-Purelib: {str(purelib).lower()}"]
    lines += [f"Build: {build}"] if build else []
    lines += [
        f"Tag: {interpreter}-{abi}-{platform}"
        for interpreter in interpreters.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
    return ("\n".join(lines) + "\n").encode()


def _entry_points(*groups: tuple[str, Mapping[str, str] | None]) -> bytes:
    parts = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in scripts.items())
        for group, scripts in groups
        if scripts
    ]
    return "\n".join(parts).encode()
