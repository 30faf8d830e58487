"""The repositories that a command reads, and the credentials for them.

The manifest names the repositories. `~/.pipper/repositories.json` (the file of pipper 0.x) has credentials.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec.structs import replace

from pipper.core.access import Access, Chooser, Credentials, RepositoryOptions
from pipper.core.bucket_options import NO_OPTIONS
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.ports import Store
from pipper.core.redaction import shown
from pipper.core.urls import split_s3_url, split_url
from pipper.errors import AccessError, UsageError
from pipper.repository.named_repositories import DEFAULT_PREFIX, NamedRepositories, NamedRepository

if TYPE_CHECKING:
    from pipper.storage.s3.location import S3Location

DEFAULT_ALIAS = "default"
"""The alias of a repository given with `-b`."""


def choose_repositories(
    options: RepositoryOptions,
    declared: tuple[RepositoryEntry, ...],
    named: NamedRepositories,
) -> tuple[RepositoryEntry, ...]:
    """Return the repositories a command reads, in order of trust.

    The first that exists: the declared one whose alias `-b` or `-r` gives; the bucket of `-b`; that of `-r`; those
    declared in the manifest or lock; the bucket of the default repository. Empty if none exists. Raises UsageError
    for an unknown `-r`.
    """
    if options.access_only:
        return tuple(with_bucket_options(_with_own(entry, named), options) for entry in declared)
    alias = alias_of(options, named)
    if chosen := [entry for entry in declared if alias and entry.alias == alias]:
        return (with_options(_with_own(chosen[0], named), options),)
    if options.repository and options.repository not in named.entries:
        raise named.unknown(options.repository, [entry.alias for entry in declared])
    if options.bucket:
        given = options.bucket
        url = given if "://" in given or given.startswith("file:") else f"s3://{given}"
        own = named.entries[options.repository].options if options.repository else NO_OPTIONS
        return (with_options(RepositoryEntry(alias=DEFAULT_ALIAS, url=url, options=own), options),)
    if options.repository and (entry := named.entries[options.repository]).bucket:
        return (with_options(_of_named(entry), options),)
    if declared:
        return tuple(with_options(_with_own(entry, named), options) for entry in declared)
    if named.default and (entry := named.get(named.default)).bucket:
        return (with_options(_of_named(entry), options),)
    return ()


def alias_of(options: RepositoryOptions, named: NamedRepositories) -> str:
    """Return the alias that the options may mean; empty if they name a repository in another way."""
    if not options.may_be_alias:
        return ""
    if options.bucket:
        return "" if ":" in options.bucket else options.bucket
    return "" if options.repository in named.entries else options.repository


def _of_named(entry: NamedRepository) -> RepositoryEntry:
    url = f"s3://{entry.bucket}/{entry.root_prefix}"
    return RepositoryEntry(alias=entry.name, url=url, endpoint_url=entry.endpoint_url, options=entry.options)


def _with_own(entry: RepositoryEntry, named: NamedRepositories) -> RepositoryEntry:
    """Return a repository of a manifest with what the user's own file says of this alias, which counts more."""
    own = named.entries.get(entry.alias)
    return replace(entry, options=own.options.over(entry.options)) if own else entry


def with_options(entry: RepositoryEntry, options: RepositoryOptions) -> RepositoryEntry:
    """Return a repository with the prefix, the endpoint and the options of buckets that options give."""
    bucket, _ = split_s3_url(entry.url)
    url = f"s3://{bucket}/{options.prefix.strip('/')}" if options.prefix and bucket else entry.url
    endpoint = options.endpoint_url or entry.endpoint_url
    return with_bucket_options(replace(entry, url=url, endpoint_url=endpoint), options)


def with_bucket_options(entry: RepositoryEntry, options: RepositoryOptions) -> RepositoryEntry:
    """Return a repository with the options of buckets that the command line gives."""
    return replace(entry, options=options.bucket_options.over(entry.options))


def choose_access(
    options: RepositoryOptions, entry: RepositoryEntry, named: NamedRepositories, environ: Mapping[str, str]
) -> Access:
    """Return the credentials for a repository: of the first step in `_steps` that has some.

    Raises AccessError if a step has half a key, or if the credentials must not go to the endpoint that a manifest
    names (see `endpoints`); UsageError if `-r` names an unknown repository, or the endpoint is not a URL.
    """
    # Imported here: a lock that is up to date chooses repositories and opens none.
    from pipper.repository.endpoints import require_confirmed  # noqa: PLC0415 - see above

    if options.bucket_options.anonymous and (options.credentials or options.profile):
        given = "-c" if options.credentials else "-p"
        raise UsageError(f"--anonymous and {given} cannot be combined", hint="give one of them")
    access = next(access for access in _steps(options, entry, named, environ) if access is not None)
    require_confirmed(access, entry, options, named, environ)
    return access


def _steps(
    options: RepositoryOptions, entry: RepositoryEntry, named: NamedRepositories, environ: Mapping[str, str]
) -> Iterator[Access | None]:
    given = options.credentials
    yield (
        Access(step="no credentials (--anonymous)", anonymous=True)
        if options.bucket_options.anonymous
        else None
    )
    yield Access(step="the credentials given with -c", credentials=given) if given else None
    by_name = options.repository in named.entries or options.repository != entry.alias
    yield (
        _of_entry(named.get(options.repository), "given with -r") if options.repository and by_name else None
    )
    yield _profile(options.profile, "given with -p")
    found = _from_environment(environ, "PIPPER_AWS_")
    yield Access(step="the variables PIPPER_AWS_*", credentials=found) if found else None
    own = named.entries.get(entry.alias)
    if entry.options.anonymous:
        # Whoever publishes there has an entry or an option for it.
        yield _of_entry(own, "named like the alias") if own else None
        yield Access(step="no credentials (`anonymous`)", anonymous=True)
    yield from _of_variables(environ)
    yield _of_entry(own, "named like the alias") if own else None
    yield _profile(entry.profile, "of the manifest", Chooser.MANIFEST)
    yield from _of_machine(named, environ)


def _of_variables(environ: Mapping[str, str]) -> Iterator[Access | None]:
    """Yield what AWS_* variables say. botocore reads them itself, so nothing is handed to it."""
    yield Access(step="the variables AWS_*") if _from_environment(environ, "AWS_") else None
    # Imported here: a lock that is up to date asks nobody.
    from pipper.storage.s3.shared_files import deciding_variables, default_profile  # noqa: PLC0415 - see above

    deciding = deciding_variables(environ, lambda: default_profile(environ, _home(environ)))
    yield Access(step=deciding) if deciding else None


def _of_machine(named: NamedRepositories, environ: Mapping[str, str]) -> Iterator[Access | None]:
    """Yield what this machine has for every repository; the last one is never None."""
    from pipper.storage.s3.shared_files import default_profile, grants  # noqa: PLC0415 - as above

    step = "the profile `default` of the AWS files"
    default = Access(step=step, chooser=Chooser.MACHINE, owner="default")
    yield default if grants(default_profile(environ, _home(environ))) else None
    if named.default:
        yield _of_entry(named.entries[named.default], "which is the default", Chooser.MACHINE)
    yield Access(step="what boto3 finds by itself", chooser=Chooser.MACHINE)


def _home(environ: Mapping[str, str]) -> Path:
    """Return the home directory as botocore finds it."""
    own = environ.get("HOME") if os.name != "nt" else ""
    return Path(own) if own else Path.home()


def _profile(name: str, origin: str, chooser: Chooser = Chooser.USER) -> Access | None:
    step = f"the profile `{name}` {origin}"
    return Access(step=step, profile=name, chooser=chooser, owner=name) if name else None


def _of_entry(entry: NamedRepository, how: str, chooser: Chooser = Chooser.USER) -> Access | None:
    step = f"the repository `{entry.name}` of repositories.json, {how}"
    if entry.profile:
        return Access(
            step=f"{step}: its profile `{entry.profile}`",
            profile=entry.profile,
            chooser=chooser,
            owner=entry.profile,
            entry=entry.name,
        )
    if entry.credentials:
        return Access(step=step, credentials=entry.credentials, chooser=chooser, entry=entry.name)
    return None


def _from_environment(environ: Mapping[str, str], prefix: str) -> Credentials | None:
    key, secret = environ.get(f"{prefix}ACCESS_KEY_ID"), environ.get(f"{prefix}SECRET_ACCESS_KEY")
    if not key and not secret:
        return None
    if not key or not secret:
        given, missing = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")[:: 1 if key else -1]
        raise AccessError(
            f"{prefix}{given} is set and {prefix}{missing} is not",
            cause="pipper does not complete half a key from another place",
            hint="set both variables or none",
        )
    return Credentials(
        access_key_id=key,
        secret_access_key=secret,
        session_token=environ.get(f"{prefix}SESSION_TOKEN") or None,
    )


def open_bucket(entry: RepositoryEntry, access: Access) -> Store:
    """Return the store of a repository in S3, without a request. Raises UsageError for another URL."""
    # Imported here: a lock that is up to date chooses repositories and opens none.
    from pipper.storage.s3.store import S3Store  # noqa: PLC0415 - see above

    options = replace(entry.options, anonymous=access.anonymous or None)
    if options.fault:
        raise UsageError("the options for encryption cannot be combined", cause=options.fault)
    return S3Store(
        bucket_location(entry),
        credentials=access.credentials,
        profile=access.profile,
        options=options,
        step=access.step,
    )


def bucket_location(entry: RepositoryEntry) -> "S3Location":
    """Return the place of a repository in S3; raises UsageError for another URL."""
    from pipper.storage.s3.location import S3Location  # noqa: PLC0415 - as in `open_bucket`

    parts = split_url(entry.url)
    if "@" in parts.netloc:
        raise UsageError(
            "the URL of a repository contains credentials",
            hint="give them with -c or -p, or store them with `pipper repository add`",
        )
    bucket, path = split_s3_url(entry.url)
    if not bucket:
        raise UsageError(
            f"`{shown(entry.url)}` is not a repository URL", hint="write s3://BUCKET[/PREFIX] or file:///DIR"
        )
    # `s3://BUCKET` means the prefix `pipper`, `s3://BUCKET/` the root of the bucket.
    return S3Location(
        bucket=bucket,
        prefix=path.strip("/") if path else DEFAULT_PREFIX,
        endpoint_url=entry.endpoint_url or None,
        region=entry.region or None,
    )


def directory_of(url: str, base: Path) -> Path:
    """Return the directory of a `file:` URL (RFC 8089); a relative one is resolved against `base`.

    Raises UsageError if the URL names another host or no directory.
    """
    parts = split_url(url)
    if parts.query or parts.fragment:
        raise UsageError(
            f"`{shown(url)}` is followed by a `?` or a `#`", hint="in a directory name, write %3F or %23"
        )
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"`{shown(url)}` names another host", hint="write file:///DIR")
    path = unquote(parts.path)
    if len(path) > 2 and path[0] == "/" and path[2] == ":":
        path = path[1:]  # file:///C:/packages
    if not path:
        raise UsageError(f"`{shown(url)}` does not name a directory", hint="write file:///DIR")
    return (base / path).absolute()
