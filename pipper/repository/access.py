"""The repositories that a command reads, and the credentials for them.

The manifest names the repositories. `~/.pipper/repositories.json` (the file of pipper 0.x) has credentials.
"""

import configparser
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct, field
from msgspec.structs import replace

from pipper.core.access import Credentials, RepositoryOptions
from pipper.core.document import MANIFEST_LIMIT, Node, read_json
from pipper.core.manifest.model import RepositoryEntry
from pipper.core.ports import Store
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.urls import split_url
from pipper.core.wording import quoted
from pipper.errors import AccessError, UsageError
from pipper.system.os_errors import os_errors

DEFAULT_PREFIX = "pipper"
DEFAULT_ALIAS = "default"
"""The alias of a repository given with `-b`."""

FIELDS = ("bucket", "profile", "root_prefix", "access_key_id", "secret_access_key", "session_token")
"""The fields of an entry of `repositories.json`: pipper 0.x requires all of them."""
_PROFILE_GRANTS = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "role_arn",
    "source_profile",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)


class NamedRepository(Struct, frozen=True, kw_only=True):
    """An entry of `repositories.json`."""

    name: str
    bucket: str = ""
    root_prefix: str = DEFAULT_PREFIX
    profile: str = ""
    credentials: Credentials | None = None


class NamedRepositories(Struct, frozen=True, kw_only=True):
    """The contents of `repositories.json`."""

    path: Path
    entries: Mapping[str, NamedRepository] = field(default_factory=dict)
    default: str = ""

    def get(self, name: str) -> NamedRepository:
        """Return the entry of this name; raises UsageError if it does not exist."""
        if name not in self.entries:
            raise UsageError(
                f"{self.path} has no repository `{name}`",
                cause=f"known: {quoted(sorted(self.entries))}",
                hint=f"run `pipper repository add {name} -b BUCKET`",
            )
        return self.entries[name]


class Access(Struct, frozen=True, kw_only=True):
    """Credentials, a profile, or neither (boto3 then searches by itself); and the step that found them."""

    step: str
    credentials: Credentials | None = None
    profile: str | None = None


def named_repositories_path(home: Path) -> Path:
    """Return the path of the named repositories, the same as in pipper 0.x."""
    return home / ".pipper" / "repositories.json"


def read_named_repositories(path: Path, reporter: Reporter) -> NamedRepositories:
    """Return the entries of the file, none if it does not exist.

    Raises AccessError if it is damaged: pipper must not fall back to other credentials. Warns if other users can
    read it.
    """
    with os_errors("read", path):
        try:
            data = path.read_bytes()
            mode = path.stat().st_mode
        except FileNotFoundError:
            return NamedRepositories(path=path)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        reporter.warning(f"other users can read {path}; run: chmod 600 {path}")
    hint = "correct the file, or remove it and run `pipper repository add`"
    root = read_json(data, label=str(path), limit=MANIFEST_LIMIT, hint=hint, error=AccessError)
    entries = {name: _entry(name, node) for name, node in root.at("repositories").table().items()}
    default = root.text_at("default", "")
    if default and default not in entries:
        raise root.at("default").fail(f"the file has no repository `{default}`")
    return NamedRepositories(path=path, entries=entries, default=default)


def _entry(name: str, node: Node) -> NamedRepository:
    texts = {key: node.text_at(key, "") for key in FIELDS}
    if bool(texts["access_key_id"]) != bool(texts["secret_access_key"]):
        missing = "secret_access_key" if texts["access_key_id"] else "access_key_id"
        raise node.fail(f"`{missing}` is missing")
    credentials = None
    if texts["access_key_id"]:
        credentials = Credentials(
            access_key_id=texts["access_key_id"],
            secret_access_key=texts["secret_access_key"],
            session_token=texts["session_token"] or None,
        )
    return NamedRepository(
        name=name,
        bucket=texts["bucket"],
        root_prefix=texts["root_prefix"] or DEFAULT_PREFIX,
        profile=texts["profile"],
        credentials=credentials,
    )


def choose_repositories(
    options: RepositoryOptions,
    declared: tuple[RepositoryEntry, ...],
    named: NamedRepositories,
) -> tuple[RepositoryEntry, ...]:
    """Return the repositories a command reads, in order of trust.

    The first that exists: `-b`; the bucket of `-r`; those declared in the manifest or lock; the bucket of the
    default repository. Empty if none exists.
    """
    if options.access_only:
        return declared
    if options.bucket:
        given = options.bucket
        url = given if "://" in given or given.startswith("file:") else f"s3://{given}"
        return (with_options(RepositoryEntry(alias=DEFAULT_ALIAS, url=url), options),)
    if options.repository and (entry := named.get(options.repository)).bucket:
        return (with_options(_of_named(entry), options),)
    if declared:
        return tuple(with_options(entry, options) for entry in declared)
    if named.default and (entry := named.get(named.default)).bucket:
        return (with_options(_of_named(entry), options),)
    return ()


def _of_named(entry: NamedRepository) -> RepositoryEntry:
    return RepositoryEntry(alias=entry.name, url=f"s3://{entry.bucket}/{entry.root_prefix}")


def with_options(entry: RepositoryEntry, options: RepositoryOptions) -> RepositoryEntry:
    """Return a repository with the prefix and the endpoint that options give."""
    url = entry.url
    bucket = split_url(url).netloc
    if options.prefix and bucket and url.startswith("s3://"):
        url = f"s3://{bucket}/{options.prefix.strip('/')}"
    return replace(entry, url=url, endpoint_url=options.endpoint_url or entry.endpoint_url)


def choose_access(
    options: RepositoryOptions, entry: RepositoryEntry, named: NamedRepositories, environ: Mapping[str, str]
) -> Access:
    """Return the credentials for a repository: of the first step in `_steps` that has some.

    Raises AccessError if a step has half a key, UsageError if `-r` names an unknown repository.
    """
    return next(access for access in _steps(options, entry, named, environ) if access is not None)


def _steps(
    options: RepositoryOptions, entry: RepositoryEntry, named: NamedRepositories, environ: Mapping[str, str]
) -> Iterator[Access | None]:
    given = options.credentials
    yield Access(step="the credentials given with -c", credentials=given) if given else None
    yield _of_entry(named.get(options.repository), "given with -r") if options.repository else None
    yield _profile(options.profile, "given with -p")
    for prefix in ("PIPPER_AWS_", "AWS_"):
        found = _from_environment(environ, prefix)
        yield Access(step=f"the variables {prefix}*", credentials=found) if found else None
    yield _profile(environ.get("AWS_PROFILE", ""), "of the variable AWS_PROFILE")
    yield _profile(entry.profile, "of the manifest")
    if entry.alias in named.entries:
        yield _of_entry(named.entries[entry.alias], "named like the alias")
    yield _profile("default" if _has_default_profile(environ) else "", "of the AWS files")
    yield _of_entry(named.entries[named.default], "which is the default") if named.default else None
    yield Access(step="what boto3 finds by itself")


def _profile(name: str, origin: str) -> Access | None:
    return Access(step=f"the profile `{name}` {origin}", profile=name) if name else None


def _of_entry(entry: NamedRepository, how: str) -> Access | None:
    step = f"the repository `{entry.name}` of repositories.json, {how}"
    if entry.profile:
        return Access(step=f"{step}: its profile `{entry.profile}`", profile=entry.profile)
    if entry.credentials:
        return Access(step=step, credentials=entry.credentials)
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


def _has_default_profile(environ: Mapping[str, str]) -> bool:
    home = Path(environ.get("HOME") or Path.home())
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        parser = configparser.RawConfigParser()
        try:
            parser.read(environ.get(variable) or home / ".aws" / name, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # boto3 reports faults of its own files, if it needs them
        if parser.has_section("default") and any(
            parser.has_option("default", key) for key in _PROFILE_GRANTS
        ):
            return True
    return False


def open_bucket(entry: RepositoryEntry, access: Access, *, acl: str | None = None) -> Store:
    """Return the store of a repository in S3, without a request. Raises UsageError for another URL."""
    # Imported here: a lock that is up to date chooses repositories and opens none.
    from pipper.storage.s3.location import S3Location  # noqa: PLC0415 - see above
    from pipper.storage.s3.store import S3Store  # noqa: PLC0415 - see above

    parts = split_url(entry.url)
    if "@" in parts.netloc:
        raise UsageError(
            "the URL of a repository contains credentials",
            hint="give them with -c or -p, or store them with `pipper repository add`",
        )
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"`{shown(entry.url)}` is not a repository URL", hint="write s3://BUCKET[/PREFIX] or file:///DIR"
        )
    # `s3://BUCKET` means the prefix `pipper`, `s3://BUCKET/` the root of the bucket.
    location = S3Location(
        bucket=parts.netloc,
        prefix=parts.path.strip("/") if parts.path else DEFAULT_PREFIX,
        endpoint_url=entry.endpoint_url or None,
        region=entry.region or None,
    )
    return S3Store(location, credentials=access.credentials, profile=access.profile, acl=acl)


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
