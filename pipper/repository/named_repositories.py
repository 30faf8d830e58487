"""The named repositories of this machine, with their credentials: `~/.pipper/repositories.json`, as in pipper 0.x."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct, field

from pipper.core.access import Credentials
from pipper.core.bucket_options import NO_OPTIONS, BucketOptions, read_bucket_options
from pipper.core.document import MANIFEST_LIMIT, Node, read_json
from pipper.core.redaction import shown
from pipper.core.reporter import Reporter
from pipper.core.urls import is_path
from pipper.core.wording import quoted
from pipper.errors import AccessError, UsageError
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import read_regular

DEFAULT_PREFIX = "pipper"

FIELDS = ("bucket", "profile", "root_prefix", "access_key_id", "secret_access_key", "session_token")
"""The fields of an entry of `repositories.json`: pipper 0.x requires all of them."""
ENDPOINT = "endpoint-url"
"""The name of the field for an endpoint, as in a manifest; pipper 0.x ignores it."""


class NamedRepository(Struct, frozen=True, kw_only=True):
    """An entry of `repositories.json`."""

    name: str
    bucket: str = ""
    root_prefix: str = DEFAULT_PREFIX
    profile: str = ""
    credentials: Credentials | None = None
    endpoint_url: str = ""
    """The server that its credentials are for; empty for Amazon's, and for those of pipper 0.x."""
    options: BucketOptions = NO_OPTIONS


class NamedRepositories(Struct, frozen=True, kw_only=True):
    """The contents of `repositories.json`."""

    path: Path
    entries: Mapping[str, NamedRepository] = field(default_factory=dict)
    default: str = ""

    def get(self, name: str) -> NamedRepository:
        """Return the entry of this name; raises UsageError if it does not exist."""
        if name not in self.entries:
            raise self.unknown(name)
        return self.entries[name]

    def unknown(self, name: str, aliases: Iterable[str] = ()) -> UsageError:
        """Return the error for a name that neither this file nor a manifest with these aliases has."""
        return UsageError(
            f"there is no repository `{name}` in {self.path}" + (" or the manifest" if aliases else ""),
            cause=f"known: {quoted(sorted({*self.entries, *aliases}))}",
            hint=_instead(name),
        )


def _instead(name: str) -> str:
    """Return the command for what is given as the name of a repository and is probably something else."""
    if name.endswith((".txt", ".in")):
        return f"-r names a repository; for a file of requirements: pipper init --from {shown(name)}"
    if is_path(name) or name.startswith("file:") or "://" in name:
        return f"-r takes a name; give a directory or a URL with -b, as in: -b {shown(name)}"
    return f"run `pipper repository add {name} -b BUCKET`"


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
            data = read_regular(path)
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
        endpoint_url=node.text_at(ENDPOINT, ""),
        options=read_bucket_options(node),
    )
