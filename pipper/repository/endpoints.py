"""Which servers credentials are sent to.

A manifest comes with a clone, so its `endpoint-url` is the word of a stranger. Credentials that the user chose for
the repository go there; those that pipper would find by itself go only where the user's file confirms the server.
"""

import re
from collections.abc import Iterator, Mapping
from shlex import quote

from pipper.core.access import Access, Chooser, RepositoryOptions
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.redaction import shown
from pipper.core.urls import is_loopback, origin, split_url
from pipper.errors import AccessError
from pipper.repository.named_repositories import NamedRepositories, NamedRepository
from pipper.storage.s3.location import check_endpoint

_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+"
_AMAZON = re.compile(
    rf"https://(?:s3|s3-accelerate|s3(?:\.dualstack|-fips|-fips\.dualstack)?[.-]{_REGION})\.amazonaws\.com(?:\.cn)?"
    r"(?::443)?/?"
)
"""S3 itself, and not every host below its domain: there are other people's machines too."""


def require_confirmed(
    access: Access,
    repository: RepositoryEntry,
    options: RepositoryOptions,
    named: NamedRepositories,
    environ: Mapping[str, str],
) -> None:
    """Raise AccessError if these credentials must not go to the server that a manifest names for a repository.

    Raises UsageError if its endpoint is not the URL of a server.
    """
    url = repository.endpoint_url
    if not url:
        return
    check_endpoint(url)
    if access.anonymous:
        return
    if is_amazon(url) or origin(url) in map(origin, _told(options, named, environ)):
        return
    if cause := _objection(access, url, named):
        alias = repository.alias
        verb = "modify" if alias in named.entries else "add"
        whose = f" -p {quote(access.owner)}" if access.owner and access.chooser is not Chooser.USER else ""
        raise AccessError(
            f"no credentials are sent to the endpoint of `{alias}`: {shown(url)} is not confirmed",
            cause=cause,
            hint=f"if you trust that server, confirm it once: "
            f"pipper repository {verb} {alias} --endpoint-url {quote(shown(url))}{whose}",
        )


def _objection(access: Access, url: str, named: NamedRepositories) -> str:
    """Return why these credentials must not go to an endpoint that a manifest names; empty if they may."""
    known = [entry for entry in named.entries.values() if _is_at(entry, url)]
    if split_url(url).scheme != "https" and not is_loopback(split_url(url).hostname or "") and not known:
        return "the manifest names it, and others on the way can read what is sent over plain http"
    own = named.entries.get(access.entry)
    if own is not None and own.endpoint_url and not _is_at(own, url):
        return f"the manifest names it, and {access.step} is for {shown(own.endpoint_url)}"
    if access.chooser is not Chooser.USER and not any(_confirms(entry, access) for entry in known):
        return f"the manifest names it, and would give it {access.step}"
    return ""


def is_amazon(url: str) -> bool:
    """Return whether an endpoint is one of S3 itself, over https."""
    return bool(_AMAZON.fullmatch(url))


def _told(options: RepositoryOptions, named: NamedRepositories, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the endpoints that the user named for this command."""
    yield options.endpoint_url
    yield named.entries[options.repository].endpoint_url if options.repository in named.entries else ""
    yield next((environ[name] for name in _VARIABLES if environ.get(name)), "")


def _is_at(entry: NamedRepository, url: str) -> bool:
    return bool(entry.endpoint_url) and origin(entry.endpoint_url) == origin(url)


def _confirms(entry: NamedRepository, access: Access) -> bool:
    """Return whether an entry for the same server is about these credentials; without any, it means the machine's."""
    if entry.credentials:
        return entry.credentials == access.credentials
    return entry.profile == access.owner if entry.profile else access.chooser is Chooser.MACHINE
