"""`repository add|modify|remove|list|exists`: edits of the named repositories, in the file of pipper 0.x."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from pipper.core.access import RepositoryOptions
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.wording import quoted
from pipper.errors import UsageError
from pipper.ops.context.settings import Settings
from pipper.repository.access import (
    DEFAULT_PREFIX,
    FIELDS,
    NamedRepositories,
    named_repositories_path,
    read_named_repositories,
)
from pipper.storage.s3.location import S3Location
from pipper.system.files import check_private, write_private
from pipper.system.locks import os_lock

_BUCKET = "-b BUCKET or -b s3://BUCKET/PREFIX"
_SECRETS = ("access_key_id", "secret_access_key", "session_token")
_EMPTY = {**dict.fromkeys(FIELDS), "root_prefix": DEFAULT_PREFIX}


class NamedChange(Struct, frozen=True, kw_only=True):
    """The arguments of `add` and `modify`; a field without an option keeps its value."""

    name: str
    options: RepositoryOptions
    """Its `repository` names the entry to copy from."""
    default: bool = False


def add_named(settings: Settings, change: NamedChange) -> None:
    """Add an entry.

    Raises UsageError if the name exists, the bucket is not valid or no option is given; else as `write_private`.
    """

    def added(document: dict[str, Any]) -> None:
        entries = document["repositories"]
        if change.name in entries:
            raise UsageError(
                f"the repository `{change.name}` exists",
                hint=f"change it with `pipper repository modify {change.name}`",
            )
        _put(document, change, dict(_EMPTY))
        entry = document["repositories"][change.name]
        if not (entry["bucket"] or entry["profile"] or entry["access_key_id"]):
            raise UsageError(
                f"the repository `{change.name}` is empty",
                cause="it has neither a bucket, nor a profile, nor an access key",
                hint=_add(change.name),
            )

    if not change.name.strip() or not change.name.isprintable():
        raise UsageError(f"{change.name!r} is not a valid repository name", hint="use printable characters")
    _edit(settings, added)


def modify_named(settings: Settings, change: NamedChange) -> None:
    """Change an entry: `-p` replaces a stored access key, and `-c` a profile.

    Raises as `add_named`, and UsageError if no option is given.
    """

    def modified(document: dict[str, Any]) -> None:
        _require(document, change.name)
        if change.options == RepositoryOptions() and not change.default:
            raise UsageError(
                f"no change is given for the repository `{change.name}`",
                hint=f"give an option, as in `pipper repository modify {change.name} -b BUCKET`",
            )
        _put(document, change, {**_EMPTY, **document["repositories"][change.name]})

    _edit(settings, modified)


def remove_named(settings: Settings, name: str) -> None:
    """Remove an entry, also as the default; raises UsageError if it does not exist."""

    def removed(document: dict[str, Any]) -> None:
        _require(document, name)
        del document["repositories"][name]
        if document.get("default") == name:
            document["default"] = None

    _edit(settings, removed)


def list_named(settings: Settings) -> NamedRepositories:
    """Return all entries; raises AccessError if the file is damaged."""
    return read_named_repositories(named_repositories_path(settings.home), settings.reporter)


def _edit(settings: Settings, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file under a lock, so that concurrent changes are not lost."""
    path = named_repositories_path(settings.home)
    check_private(path)
    with os_lock(path.with_name(".repositories.lock")):
        # The common reader raises an error for a damaged file, so it is not overwritten.
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
        raise UsageError("-p and -c exclude each other", hint="give one of them")
    if options.profile:
        entry |= {"profile": options.profile, **dict.fromkeys(_SECRETS)}
    if options.credentials:
        entry |= {"profile": None, **asdict(options.credentials)}
    entry |= _location(options)
    entries[change.name] = entry
    if change.default:
        document["default"] = change.name


def _location(options: RepositoryOptions) -> dict[str, str]:
    """Return the fields for bucket and prefix, if given; `-b` may contain both, as in s3://BUCKET/PREFIX."""
    found = {"root_prefix": options.prefix.strip("/")} if options.prefix else {}
    bucket = options.bucket
    if "://" in bucket:
        parts = urlsplit(bucket)
        if parts.scheme != "s3" or parts.username or parts.query or parts.fragment:
            raise UsageError(
                "a named repository must be an S3 bucket",
                cause="the file of pipper 0.x cannot store another URL",
                hint=f"write {_BUCKET}, or add a directory to [repositories] of the manifest",
            )
        bucket = parts.netloc
        if not bucket:
            raise UsageError(f"`{shown(options.bucket)}` does not name a bucket", hint=f"write {_BUCKET}")
        if parts.path == "/":
            raise UsageError(
                "the root of a bucket cannot be a named repository",
                cause="pipper 0.x always has a prefix",
                hint=f"write {_BUCKET}",
            )
        if parts.path:
            found = {"root_prefix": parts.path.strip("/"), **found}
    if bucket:
        found["bucket"] = bucket
    S3Location(
        bucket=bucket or "any", prefix=found.get("root_prefix", "")
    )  # raises UsageError for an invalid name
    return found


def _require(document: dict[str, Any], name: str) -> None:
    if name not in document["repositories"]:
        raise _unknown(name, document["repositories"])


def _unknown(name: str, entries: dict[str, Any]) -> UsageError:
    return UsageError(
        f"the repository `{name}` does not exist", cause=f"known: {quoted(sorted(entries))}", hint=_add(name)
    )


def _add(name: str) -> str:
    return f"run `pipper repository add {name} -b BUCKET`"
