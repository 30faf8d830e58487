"""`authorize`: make a lock of presigned URLs, for hosts without credentials."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.pylock import is_valid_pylock_path

from pipper.core.duration import DAY, format_duration
from pipper.core.lock.markers import portable
from pipper.core.lock.model import Lock, LockedFile, LockedPackage
from pipper.core.lock.pylock_writer import dump_pylock, to_pylock
from pipper.core.lock.selection import Selection
from pipper.core.lock.writer import dump_lock
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.urls import url_fault
from pipper.errors import AccessError, UsageError
from pipper.ops.context.environments import open_cache
from pipper.ops.context.open_repositories import locked_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.read_any import refuse_replacing
from pipper.ops.share.git_ignore import is_exposed
from pipper.ops.share.inputs import InputOptions, read_input
from pipper.ops.share.members import MemberChoice, save_wheels, without_members
from pipper.repository.source import Repository
from pipper.system.files import refuse_url, write_bytes

LONGEST = 7 * DAY
"""Seconds: the longest validity of a SigV4 signature."""


class AuthorizeRequest(Struct, frozen=True, kw_only=True):
    """Arguments of `authorize`."""

    seconds: int
    """How long the URLs are to be valid."""
    input: InputOptions = field(default_factory=InputOptions)
    selection: Selection = field(default_factory=Selection)
    members: MemberChoice = field(default_factory=MemberChoice)
    """For URLs and pylock.toml; pipper's own format contains the whole lock, and the sync selects from it."""
    output: Path | None = None


class Authorized(Struct, frozen=True, kw_only=True):
    """The signed files."""

    packages: tuple[LockedPackage, ...]
    """Their files have signed URLs."""
    expires_at: datetime
    """Aware, UTC."""
    path: Path | None = None
    """The file that was written, if any."""


def authorize(settings: Settings, request: AuthorizeRequest, *, now: datetime) -> Authorized:
    """Sign a URL for every file of a lock, and write them as a lock if the request names an output; `now` is aware.

    The URLs expire with the session that signs them, at the latest; a warning reports that. Raises UsageError
    for more than 7 days, an output that must not be overwritten, or files that cannot be signed; AccessError if
    the session has expired; and what `read_input` raises. An error leaves the output unchanged.
    """
    if request.seconds > LONGEST:
        raise UsageError(
            f"cannot authorize for {format_duration(request.seconds)}",
            cause="signatures (SigV4) are valid for at most 7 days",
            hint="give -e 7d or less",
        )
    output = request.output
    if output is not None:
        refuse_url(output)
        output = settings.directory / output
        refuse_replacing(output, settings.directory)
    asked = read_input(settings, request.input)
    if not isinstance(asked.lock, Lock) or asked.urls or asked.lock.expires_at is not None:
        raise UsageError(
            "there is no package to sign",
            cause="the input already contains URLs",
            hint="give requirements or a lock made by `pipper lock`",
        )
    with open_cache(settings).in_use():
        return _authorized(settings, request, asked.lock, asked.project, output=output, now=now)


def _authorized(
    settings: Settings,
    request: AuthorizeRequest,
    lock: Lock,
    project: Project | None,
    *,
    output: Path | None,
    now: datetime,
) -> Authorized:
    whole = output is None or is_valid_pylock_path(output)
    selection = request.selection if whole else None
    choice = replace(request.members, has_place=output is not None and is_valid_pylock_path(output))
    found = without_members(settings, lock, project, selection, choice)
    repositories = locked_repositories(settings, found.lock, project)
    expires_at = _lowered(repositories, now, request.seconds, settings.reporter)
    beside = {wheel.url: wheel.filename for wheel in found.wheels}
    signed = _signed(found.lock, repositories, expires_at, now, beside)
    if output is None:
        packages = tuple(each.package for each in portable(signed, request.selection).packages)
        return Authorized(packages=packages, expires_at=expires_at)
    save_wheels(found.wheels, output.parent, open_cache(settings))
    _write(output, signed, request.selection, settings.reporter)
    return Authorized(packages=signed.packages, expires_at=expires_at, path=output)


def _lowered(
    repositories: Mapping[str, Repository], now: datetime, seconds: int, reporter: Reporter
) -> datetime:
    """Return the time when the URLs expire: as requested, or earlier with the session that signs them."""
    asked = (now + timedelta(seconds=seconds)).replace(microsecond=0)
    ends = asked
    for repository in repositories.values():
        lifetime = repository.store.lifetime()
        if lifetime is None:
            raise UsageError(
                f"cannot sign files of `{repository.alias}`: {repository.store.location} is a directory",
                hint="run `pipper download` to copy its files, or `pipper export` to write a lock with their paths",
            )
        if lifetime.temporary and lifetime.ends is None:
            reporter.warning(
                f"the URLs for `{repository.alias}` expire with the session that signs them, at an unknown time"
            )
        elif lifetime.ends is not None and lifetime.ends <= now:
            raise AccessError(
                f"the session for `{repository.alias}` expired at {lifetime.ends:%Y-%m-%d %H:%M:%S %Z}",
                hint="renew the credentials, then run the command again",
            )
        elif lifetime.ends is not None and lifetime.ends < ends:
            ends = lifetime.ends.astimezone(now.tzinfo).replace(microsecond=0)
    if ends < asked:
        reporter.warning(
            f"valid until {ends:%Y-%m-%d %H:%M:%S %Z}, not for {format_duration(seconds)}: the session expires then"
        )
    return ends


def _signed(
    lock: Lock,
    repositories: Mapping[str, Repository],
    expires_at: datetime,
    now: datetime,
    beside: Mapping[str, str],
) -> Lock:
    """Return the lock with signed URLs; `beside` are the names of files that lie beside it, by their URLs."""
    seconds = max(1, int((expires_at - now.replace(microsecond=0)).total_seconds()))

    def signed(package: LockedPackage, file: LockedFile) -> LockedFile:
        if file.url in beside:
            return file.at_url(beside[file.url])
        url = file.url or repositories[package.source].store.presign(file.key, seconds=seconds)
        if fault := url_fault(url):
            raise UsageError(
                f"cannot authorize {shown(url)}: {fault}",
                hint="use an https URL for the endpoint of the repository and for the index",
            )
        return file.at_url(url)

    return replace(lock.with_files(signed), expires_at=expires_at)


def _write(output: Path, signed: Lock, selection: Selection, reporter: Reporter) -> None:
    if is_valid_pylock_path(output):
        comment = f"Written by pipper authorize. Its URLs grant access until {signed.expires_at:%Y-%m-%dT%H:%M:%SZ}."
        text = dump_pylock(to_pylock(signed, selection), comment=comment)
    else:
        text = dump_lock(signed)
    write_bytes(output, text.encode(), private=True)
    if is_exposed(output):
        reporter.warning(f"git does not ignore {output}, whose URLs are secrets: add it to .gitignore")
