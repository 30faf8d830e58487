"""`repository add|modify|remove|list|exists`: the named repositories in the file of pipper 0.x."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipper.core.access import RepositoryOptions
from pipper.core.ports import Reporter
from pipper.errors import UsageError
from pipper.ops.context.settings import Settings
from pipper.repository.access import (
    DEFAULT_PREFIX,
    NamedRepositories,
    named_repositories_path,
    read_named_repositories,
)
from pipper.storage.s3.location import S3Location
from pipper.system.files import check_private, write_private
from pipper.system.locks import os_lock

_SECRETS = ("access_key_id", "secret_access_key", "session_token")
_EMPTY: dict[str, object] = {
    "bucket": None,
    "profile": None,
    "root_prefix": DEFAULT_PREFIX,
    "access_key_id": None,
    "secret_access_key": None,
    "session_token": None,
}
"""An entry as pipper 0.x writes it; it reads every field without asking whether it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChange:
    """What `add` and `modify` are told; what stands in no option stays as it is."""

    name: str
    options: RepositoryOptions
    """Its `repository` is the entry to copy from."""
    default: bool = False


def add_named(settings: Settings, change: NamedChange) -> None:
    """Add an entry; raises UsageError where it exists, its bucket is none or nothing is said of it, MachineError
    as `write_private`.
    """

    def added(document: dict[str, Any]) -> None:
        entries = document["repositories"]
        if change.name in entries:
            raise UsageError(
                f"the repository `{change.name}` exists",
                hint=f"pipper repository modify {change.name}",
            )
        _put(document, change, dict(_EMPTY))
        entry = document["repositories"][change.name]
        if not (entry["bucket"] or entry["profile"] or entry["access_key_id"]):
            raise UsageError(
                f"nothing is said of the repository `{change.name}`",
                cause="it has neither a bucket, nor a profile, nor an access key",
                hint=f"pipper repository add {change.name} -b BUCKET",
            )

    _check_name(change.name)
    _edit(settings, added)


def modify_named(settings: Settings, change: NamedChange) -> None:
    """Change an entry: `-p` takes the place of a stored key, and `-c` that of a profile. Raises as `add_named`,
    and UsageError where there is nothing to change.
    """

    def modified(document: dict[str, Any]) -> None:
        _require(document, change.name)
        if change.options == RepositoryOptions() and not change.default:
            raise UsageError(
                f"nothing is said of what to change in `{change.name}`",
                hint=f"give an option, as in: pipper repository modify {change.name} -b BUCKET",
            )
        _put(document, change, {**_EMPTY, **document["repositories"][change.name]})

    _edit(settings, modified)


def remove_named(settings: Settings, name: str) -> None:
    """Remove an entry, which then is no default any more; raises UsageError where there is none."""

    def removed(document: dict[str, Any]) -> None:
        _require(document, name)
        del document["repositories"][name]
        if document.get("default") == name:
            document["default"] = None

    _edit(settings, removed)


def list_named(settings: Settings) -> NamedRepositories:
    """Return all entries; raises AccessError where the file is damaged."""
    return read_named_repositories(named_repositories_path(settings.home), settings.reporter)


def _edit(settings: Settings, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file under a lock, so that of two commands at once none is lost."""
    path = named_repositories_path(settings.home)
    check_private(path)
    with os_lock(path.with_name(".repositories.lock")):
        # Read as every command reads it, so that a damaged file is told and left alone.
        read_named_repositories(path, Reporter())
        document = (
            json.loads(path.read_text("utf-8")) if path.exists() else {"repositories": {}, "default": None}
        )
        change(document)
        write_private(path, json.dumps(document, indent=2).encode())


def _put(document: dict[str, Any], change: NamedChange, entry: dict[str, Any]) -> None:
    entries, options = document["repositories"], change.options
    if options.repository:
        if options.repository not in entries:
            raise _unknown(options.repository, entries)
        entry = {**entry, **entries[options.repository]}
    if options.profile and options.credentials:
        raise UsageError("-p and -c both say who asks", hint="give one of them")
    if options.profile:
        entry |= {"profile": options.profile, **dict.fromkeys(_SECRETS)}
    if options.credentials:
        given = options.credentials
        entry |= {
            "profile": None,
            "access_key_id": given.access_key_id,
            "secret_access_key": given.secret_access_key,
            "session_token": given.session_token,
        }
    entry |= _location(options)
    entries[change.name] = entry
    if change.default:
        document["default"] = change.name


def _location(options: RepositoryOptions) -> dict[str, str]:
    """Bucket and prefix as far as they are given; `-b` may hold both, as s3://BUCKET/PREFIX."""
    found = {"root_prefix": options.prefix.strip("/")} if options.prefix else {}
    bucket = options.bucket
    if "://" in bucket:
        parts = urlsplit(bucket)
        if parts.scheme != "s3" or parts.username or parts.query or parts.fragment:
            raise UsageError(
                "a named repository is a bucket",
                cause="the file of pipper 0.x has no place for anything else",
                hint="write -b BUCKET or -b s3://BUCKET/PREFIX; a directory stands in [repositories] of a manifest",
            )
        bucket = parts.netloc
        if not bucket:
            raise UsageError(f"{options.bucket} names no bucket", hint="write -b s3://BUCKET/PREFIX")
        if parts.path == "/":
            raise UsageError(
                "a bucket's own root cannot be a named repository", cause="pipper 0.x always has a prefix"
            )
        if parts.path:
            found = {"root_prefix": parts.path.strip("/"), **found}
    if bucket:
        found["bucket"] = bucket
    S3Location(bucket=bucket or "any", prefix=found.get("root_prefix", ""))  # refuses what cannot be one
    return found


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is no name for a repository")


def _require(document: dict[str, Any], name: str) -> None:
    if name not in document["repositories"]:
        raise _unknown(name, document["repositories"])


def _unknown(name: str, entries: dict[str, Any]) -> UsageError:
    known = ", ".join(f"`{each}`" for each in sorted(entries)) or "none"
    return UsageError(
        f"there is no repository `{name}`",
        cause=f"known: {known}",
        hint=f"pipper repository add {name} -b BUCKET",
    )
