"""Page entries for the bundles of pipper 0.x, read with ranged reads of their zip."""

import struct
import zipfile

from pipper.core.layout.keys import bundle_version
from pipper.core.layout.page import Needs, PageBundle
from pipper.core.ports import ObjectInfo, Store
from pipper.core.standards import read_version
from pipper.errors import IntegrityError, ObjectChangedError
from pipper.repository.object_bodies import fetched, spooled
from pipper.system.files import scratch_folder
from pipper.wheels.bundle import META_NAME, WHEEL_NAME, BundledWheel, copy_wheel, parse_meta
from pipper.wheels.metadata import CoreMetadata, parse_metadata
from pipper.wheels.name import parse_wheel_name
from pipper.wheels.ranged_file import DAMAGE, RangedFile, metadata_members, read_text

_BLOCK = 256 * 1024
_LOCAL_HEADER = struct.Struct("<26xHH")
"""The lengths of name and extra field, at the end of a zip's local file header."""
REPLACE = "publish the version again with --force"
_HINT = f"run `pipper repository check` to find all damaged objects, then {REPLACE}"


def _opened(store: Store, info: ObjectInfo) -> RangedFile:
    def fetch(start: int, length: int) -> bytes:
        blob = store.read(info.key, start=start, length=length)
        if blob.etag != info.etag:
            raise ObjectChangedError(
                f"{store.location}/{info.key} changed during the read", hint="run the command again"
            )
        return blob.body

    return RangedFile(fetch, info.size, block=_BLOCK)


def read_bundle_entry(store: Store, info: ObjectInfo) -> PageBundle:
    """Return the page entry for a bundle, from a few ranged reads.

    Raises IntegrityError if the bundle is damaged or does not match its key, ObjectChangedError if it is replaced
    during the read, and what Store raises.
    """
    subject = f"{store.location}/{info.key}"
    try:
        file = _opened(store, info)
        with zipfile.ZipFile(file) as bundle:
            meta = parse_meta(read_text(bundle, META_NAME), subject=subject)
            core = _wheel_metadata(file, bundle.getinfo(WHEEL_NAME), subject)
    except DAMAGE as error:
        raise IntegrityError(f"{subject} is damaged", cause=str(error), hint=_HINT) from error
    wheel = parse_wheel_name(meta.wheel_name)
    versions = {core.version, wheel.version, bundle_version(info.key), read_version(meta.version)}
    if len(versions) > 1 or core.normalized_name != wheel.name:
        found = ", ".join(sorted(str(version) for version in versions))
        raise IntegrityError(
            f"{subject}: key, package.meta and wheel differ", cause=f"their versions: {found}", hint=_HINT
        )
    return PageBundle(
        key=info.key,
        etag=info.etag,
        size=info.size,
        version=str(core.version),
        wheel=meta.wheel_name,
        upload_time=info.modified.isoformat(timespec="seconds"),
        needs=needs_of(core, meta.dependencies),
    )


def wheel_sha256(store: Store, key: str) -> str:
    """Return the sha256 of the wheel in a bundle; raises as `bundled_wheel`."""
    return bundled_wheel(store, key).sha256


def bundled_wheel(store: Store, key: str) -> BundledWheel:
    """Return the hash of the wheel in a bundle, and its `package.meta`; raises IntegrityError if it is damaged."""
    with scratch_folder() as scratch, fetched(store, key, scratch) as (file, _), spooled(scratch) as wheel:
        try:
            return copy_wheel(file, wheel, subject=f"{store.location}/{key}")
        except IntegrityError as error:
            raise of_stored(error) from error


def of_stored(error: IntegrityError) -> IntegrityError:
    """Return the error for a bundle in the store: no file of the user has to be built again."""
    return IntegrityError(error.message, cause=error.cause, hint=REPLACE)


def needs_of(core: CoreMetadata, dependencies: tuple[str, ...]) -> Needs:
    """Return the requirements of a wheel, as a page stores them."""
    return Needs(
        requires_python=core.requires_python,
        requires_dist=core.requires_dist,
        provides_extra=core.provides_extra,
        dependencies=dependencies,
    )


def _wheel_metadata(file: RangedFile, member: zipfile.ZipInfo, subject: str) -> CoreMetadata:
    """Read METADATA of the wheel in a bundle, without the bytes before it: 0.x stores wheels uncompressed."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{WHEEL_NAME} is compressed")
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER.size) or b""
    name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = member.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    with zipfile.ZipFile(file.part(start, member.file_size)) as wheel:
        found = metadata_members(wheel)
        if len(found) != 1:
            raise IntegrityError(f"{subject}: its wheel has {len(found)} METADATA files", hint=_HINT)
        return parse_metadata(read_text(wheel, found[0]), subject=subject)
