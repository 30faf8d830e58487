"""Publications from files: each file is verified before the first upload."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.layout.legacy_version import key_version
from pipper.core.manifest.requirement import parse_requirement
from pipper.errors import IntegrityError, UsageError
from pipper.repository.bundle_metadata import bundle_metadata
from pipper.repository.legacy_bundles import needs_of
from pipper.repository.publication import Publication
from pipper.repository.stored_bundles import BundleFile
from pipper.system.os_errors import os_errors
from pipper.wheels.bundle import WHEEL_NAME, Bundle, extract_wheel, pack_wheel
from pipper.wheels.gate import WheelFile, check_publishable, open_wheel


def read_publication(path: Path, scratch: Path, limits: Limits = DEFAULT_LIMITS) -> Publication:
    """Return the publication of a bundle or a wheel; `scratch` is for unpacked and generated files.

    Raises UsageError if the path is neither, IntegrityError if the file is not valid.
    """
    with os_errors("read", path):
        exists = path.is_file()
    if not exists:
        raise UsageError(f"{path}: no such file", hint="give a .whl file, a .pipper file or their directory")
    if path.name.endswith(BUNDLE_SUFFIX):
        return _from_bundle(path, scratch, limits)
    if path.name.endswith(".whl"):
        return _from_wheel(path, scratch, limits)
    raise UsageError(
        f"{path} is neither a wheel nor a bundle", hint="build a bundle of a project with `pipper bundle DIR`"
    )


def read_wheel(path: Path, filename: str, limits: Limits = DEFAULT_LIMITS) -> Publication:
    """Return the publication of the wheel at `path` without a bundle; raises IntegrityError if it is not valid."""
    with _gated(path, filename, limits) as wheel:
        return _publication(path, path, wheel, wheel.sha256())


def _from_wheel(path: Path, scratch: Path, limits: Limits) -> Publication:
    with _gated(path, path.name, limits) as wheel:
        if not path.name.endswith("-none-any.whl") or key_version(wheel.version) is None:
            return _publication(path, path, wheel, wheel.sha256())
        packed = pack_wheel(wheel, _folder(scratch))
        publication = _publication(path, path, wheel, packed.sha256)
    return _with_bundle(publication, packed.path, packed.bundle)


def _from_bundle(path: Path, scratch: Path, limits: Limits) -> Publication:
    wheel = _folder(scratch) / WHEEL_NAME
    extracted = extract_wheel(path, wheel)
    bundle = extracted.bundle
    for text in bundle.dependencies:
        try:
            parse_requirement(text)
        except UsageError as error:
            raise IntegrityError(
                f"{path.name}: package.meta: {error.message}",
                cause=error.cause,
                hint="correct `dependencies` of pipper.json, then build the bundle again",
            ) from error
    with _gated(wheel, bundle.wheel_name, limits) as opened:
        publication = _publication(path, wheel, opened, extracted.sha256, bundle.dependencies)
    return _with_bundle(replace(publication, is_bundle=True), path, bundle)


def _folder(scratch: Path) -> Path:
    with os_errors("make a directory in", scratch):
        return Path(tempfile.mkdtemp(dir=scratch))


def _with_bundle(publication: Publication, path: Path, bundle: Bundle) -> Publication:
    safe_version = key_version(publication.version, bundle.version)
    if safe_version is None:
        return publication
    return replace(
        publication,
        bundle=BundleFile(
            path=path,
            folder=bundle.name,
            safe_version=safe_version,
            metadata=bundle_metadata(bundle, safe_version),
            is_made=not publication.is_bundle,
        ),
    )


@contextmanager
def _gated(wheel: Path, filename: str, limits: Limits) -> Iterator[WheelFile]:
    with open_wheel(wheel, filename=filename, limits=limits) as opened:
        opened.verify()
        check_publishable(opened)
        yield opened


def _publication(
    source: Path, path: Path, wheel: WheelFile, sha256: str, dependencies: tuple[str, ...] = ()
) -> Publication:
    return Publication(
        source=source,
        path=path,
        filename=wheel.filename,
        name=wheel.name,
        version=wheel.version,
        sha256=sha256,
        size=wheel.size,
        metadata=wheel.metadata.raw,
        needs=needs_of(wheel.metadata, dependencies),
    )
