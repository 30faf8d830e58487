"""Credentials and options for a repository, from the command line or a file. Cheap: every command imports it."""

from dataclasses import dataclass, field
from enum import Enum

from msgspec import Struct

from pipper.core.bucket_options import NO_OPTIONS, BucketOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An S3 access key. Its repr shows no part of it."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        token = "None" if self.session_token is None else "****"
        return f"Credentials(access_key_id=****, secret_access_key=****, session_token={token})"


class Chooser(Enum):
    """Who says whose credentials are used for a repository."""

    USER = "user"
    """An option, a variable, or the named repository of the same name."""
    MANIFEST = "manifest"
    MACHINE = "machine"
    """Nobody: they are the ones of this machine for everything."""


class Access(Struct, frozen=True, kw_only=True):
    """Credentials, a profile, nobody, or none of them (boto3 then searches by itself); and the step that found them."""

    step: str
    credentials: Credentials | None = None
    profile: str | None = None
    chooser: Chooser = Chooser.USER
    owner: str = ""
    """The profile that is used, also if boto3 finds it by itself; empty if unknown."""
    entry: str = ""
    """The named repository that they come from."""
    anonymous: bool = False
    """Whether nobody is asked and requests have no signature."""


class RepositoryOptions(Struct, frozen=True, kw_only=True):
    """The command line options about repositories; an option that is not given is empty."""

    bucket: str = ""
    is_relative: bool = False
    """Whether the user wrote `bucket`, now the URL of a directory, as a relative path."""
    repository: str = ""
    profile: str = ""
    credentials: Credentials | None = None
    prefix: str = ""
    endpoint_url: str = ""
    bucket_options: BucketOptions = NO_OPTIONS
    may_be_alias: bool = True
    """Whether `bucket` and `repository` may be aliases of a manifest: a variable, set for a machine, means none."""
    access_only: bool = False
    """Whether the options give only credentials, because the manifest or lock already names the repositories."""
