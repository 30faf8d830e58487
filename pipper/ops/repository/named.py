"""`repository add|modify|remove|list|exists`: edits of the named repositories, in the file of pipper 0.x."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from pipper.core.access import RepositoryOptions
from pipper.core.plain_json import load_json
from pipper.core.redaction import has_account, shown
from pipper.core.reporter import Reporter
from pipper.core.urls import is_path, split_s3_url, split_url
from pipper.core.wording import quoted
from pipper.errors import UsageError
from pipper.ops.context.settings import Settings
from pipper.repository.named_repositories import (
    DEFAULT_PREFIX,
    ENDPOINT,
    FIELDS,
    named_repositories_path,
    read_named_repositories,
)
from pipper.storage.s3.location import S3Location
from pipper.system.files import check_private, write_private
from pipper.system.locks import os_lock

_BUCKET = "-b BUCKET or -b s3://BUCKET/PREFIX"
_ONLY_BUCKETS = "a named repository must be an S3 bucket"
_WHY_BUCKETS = "the file of pipper 0.x cannot store another URL"
_SECRETS = ("access_key_id", "secret_access_key", "session_token")
_EMPTY = {**dict.fromkeys(FIELDS), "root_prefix": DEFAULT_PREFIX}


def add_named(settings: Settings, name: str, *, default: bool) -> None:
    """Add an entry with the bucket and the credentials of `settings`, whose `repository` names one to copy from.

    Raises UsageError if the name exists, the bucket is not valid or no option is given; else as `write_private`.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is not a valid repository name", hint="use printable characters")
    with _document(settings) as document:
        entries = document["repositories"]
        if name in entries:
            raise UsageError(
                f"the repository `{name}` exists",
                hint=f"change it with `pipper repository modify {name}`",
            )
        _put(document, name, settings.repositories, dict(_EMPTY), default=default)
        if not any(entries[name].get(field) for field in ("bucket", "profile", "access_key_id", ENDPOINT)):
            raise UsageError(
                f"the repository `{name}` is empty",
                cause="it has neither a bucket, nor a profile, nor an access key, nor an endpoint",
                hint=_add(name),
            )


def modify_named(settings: Settings, name: str, *, default: bool) -> None:
    """Change an entry: `-p` replaces a stored access key, and `-c` a profile; other fields keep their values.

    Raises as `add_named`, and UsageError if no option is given.
    """
    options = settings.repositories
    with _document(settings) as document:
        entry = _entry(document, name)
        if options == RepositoryOptions() and not default:
            raise UsageError(
                f"no change is given for the repository `{name}`",
                hint=f"give an option, as in `pipper repository modify {name} -b BUCKET`",
            )
        _put(document, name, options, {**_EMPTY, **entry}, default=default)


def remove_named(settings: Settings, name: str) -> None:
    """Remove an entry, also as the default; raises UsageError if it does not exist."""
    with _document(settings) as document:
        _entry(document, name, hint="nothing is to be removed; `pipper repository list` shows all names")
        del document["repositories"][name]
        if document.get("default") == name:
            document["default"] = None


@contextmanager
def _document(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the content of the file to edit, under a lock, so that concurrent changes are not lost; then write it."""
    path = named_repositories_path(settings.home)
    check_private(path)
    with os_lock(path.with_name(".repositories.lock"), here=True):
        # The common reader raises an error for a damaged file, so it is not overwritten.
        read_named_repositories(path, Reporter())
        document = (
            load_json(path.read_text("utf-8")) if path.exists() else {"repositories": {}, "default": None}
        )
        yield document
        write_private(path, json.dumps(document, indent=2).encode())


def _put(
    document: dict[str, Any], name: str, options: RepositoryOptions, entry: dict[str, Any], *, default: bool
) -> None:
    if options.repository:
        entry = {**entry, **_entry(document, options.repository)}
    if options.profile and options.credentials:
        raise UsageError("-p and -c cannot be combined", hint="give one of them")
    if options.profile:
        entry |= {"profile": options.profile, **dict.fromkeys(_SECRETS)}
    if options.credentials:
        entry |= {"profile": None, **asdict(options.credentials)}
    document["repositories"][name] = entry | _location(options)
    if default:
        document["default"] = name


def _location(options: RepositoryOptions) -> dict[str, object]:
    """Return the fields for the place and the options of the bucket, as given; s3://BUCKET/PREFIX is two of them."""
    found: dict[str, str] = {"root_prefix": options.prefix.strip("/")} if options.prefix else {}
    if options.endpoint_url:
        found[ENDPOINT] = options.endpoint_url
    bucket = options.bucket
    if is_path(bucket) or bucket.startswith("file:"):
        raise _directory(bucket)
    if "://" in bucket:
        name, path = split_s3_url(bucket)
        if not name and (
            split_url(bucket).scheme != "s3" or has_account(bucket) or "?" in bucket or "#" in bucket
        ):
            raise UsageError(_ONLY_BUCKETS, cause=_WHY_BUCKETS, hint=f"write {_BUCKET}")
        bucket = name
        if not bucket:
            raise UsageError(f"`{shown(options.bucket)}` does not name a bucket", hint=f"write {_BUCKET}")
        if path == "/":
            raise UsageError(
                "the root of a bucket cannot be a named repository",
                cause="pipper 0.x always has a prefix",
                hint=f"write {_BUCKET}",
            )
        if path:
            found = {"root_prefix": path.strip("/"), **found}
    if bucket:
        found["bucket"] = bucket
    # raises UsageError for an invalid part
    S3Location(
        bucket=bucket or "any",
        prefix=found.get("root_prefix", ""),
        endpoint_url=options.endpoint_url or None,
    )
    return {**found, **options.bucket_options.document()}


def _directory(text: str) -> UsageError:
    place = shown(text)
    return UsageError(
        f"{_ONLY_BUCKETS}, and {place} is a directory",
        cause=_WHY_BUCKETS,
        hint=f"give it to a command with `-b {place}`, or write it into [repositories] of the manifest",
    )


def _entry(document: dict[str, Any], name: str, hint: str = "") -> dict[str, Any]:
    entries = document["repositories"]
    if name not in entries:
        known = quoted(sorted(entries))
        raise UsageError(
            f"the repository `{name}` does not exist", cause=f"known: {known}", hint=hint or _add(name)
        )
    entry: dict[str, Any] = entries[name]
    return entry


def _add(name: str) -> str:
    return f"run `pipper repository add {name} -b BUCKET`"
