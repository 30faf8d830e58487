"""`[repositories]`: where packages are, by alias."""

from collections.abc import Mapping

from msgspec import Struct

from pipper.core.bucket_options import KEYS as OPTION_KEYS
from pipper.core.bucket_options import NO_OPTIONS, BucketOptions, read_bucket_options
from pipper.core.document import Node
from pipper.core.manifest.indexes import CREDENTIALS, require_alias
from pipper.core.redaction import has_account, shown

_ENTRY = 'write "s3://BUCKET/PREFIX" or { url = "s3://BUCKET/PREFIX", region = "eu-west-1" }'
_KEEP = "remove them, and store them with `pipper repository add`"


class RepositoryEntry(Struct, frozen=True, kw_only=True):
    """A repository in the manifest; it has no credentials."""

    alias: str
    url: str
    """`s3://BUCKET[/PREFIX]` or `file:///DIR` (a relative path is relative to the manifest's folder)."""
    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    options: BucketOptions = NO_OPTIONS


def read_repository(alias: str, node: Node) -> RepositoryEntry:
    """Return an entry of `[repositories]`: a URL, or a table with `url`. Raises UsageError."""
    require_alias(alias, node)
    if isinstance(node.value, str):
        return RepositoryEntry(alias=alias, url=_repository_url(node))
    if not isinstance(node.value, Mapping):
        raise node.wrong_type("a string (the URL) or a table with `url`", hint=_ENTRY)
    node.only(("url", "endpoint-url", "region", "profile", *OPTION_KEYS))
    if "url" not in node:
        raise node.fail("`url` is missing", hint=_ENTRY)
    endpoint = node.at("endpoint-url", "")
    if has_account(endpoint.text()):
        raise endpoint.fail(CREDENTIALS, hint=_KEEP)
    return RepositoryEntry(
        alias=alias,
        url=_repository_url(node.at("url")),
        endpoint_url=endpoint.text(),
        region=node.text_at("region", ""),
        profile=node.text_at("profile", ""),
        options=read_bucket_options(node),
    )


def _repository_url(node: Node) -> str:
    url = node.text()
    if has_account(url):
        raise node.fail(CREDENTIALS, hint=_KEEP)
    if not url.startswith(("s3://", "file:")):
        message = f"`{shown(url)}` is not a repository URL"
        raise node.fail(message, hint="write s3://BUCKET[/PREFIX], file:///DIR or file:../DIR")
    return url
