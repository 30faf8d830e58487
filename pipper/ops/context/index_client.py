"""Choose the index of a command, and make the HTTP client with its credentials and certificates."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipper.core.manifest.inputs import INDEX
from pipper.core.urls import split_url
from pipper.errors import MachineError, UsageError
from pipper.http.client import Web
from pipper.index.config import (
    Accounts,
    IndexAddress,
    Surroundings,
    certificates,
    find_index,
    is_public,
    public_url,
)
from pipper.index.reader import Connection, Disk
from pipper.ops.context.own_venv import own_venv
from pipper.ops.context.settings import Settings
from pipper.python.running import running

if TYPE_CHECKING:  # a lock that is remembered needs no manifest
    from pipper.core.manifest.model import Manifest


def index_address(settings: Settings, index_url: str, root: Path) -> IndexAddress:
    """Return the index; `index_url` is the manifest's, or empty. Raise UsageError if none is configured."""
    return find_index(index_url, _around(settings, _pythons(settings, root)))


def has_public_index(settings: Settings, index_url: str, root: Path) -> bool:
    """Return whether the index is the public one: only its names may be told to others."""
    around = _around(settings, _pythons(settings, root))
    try:
        return is_public(find_index(index_url, around), around)
    except UsageError:
        return False


def _pythons(settings: Settings, root: Path) -> tuple[Path, ...]:
    own = None
    with contextlib.suppress(MachineError):  # an environment of a stranger is not asked
        own = own_venv(settings, root)
    return (running(), own) if own else (running(),)


def url_of_index(settings: Settings, manifest: "Manifest", root: Path) -> str:
    """Return the URL of the index of a manifest in the folder `root`; empty if none is configured."""
    try:
        return index_address(settings, manifest.index_url, root).url
    except UsageError:
        return ""


def index_web(settings: Settings, index_url: str, further: Iterable[str] = ()) -> Web:
    """Return the client for files that a lock took from indexes, with their credentials and certificates.

    `further` are the URLs of the further indexes. A lock has full URLs, so this works without a configured index too.
    """
    around = _around(settings, ())
    try:
        return web_of(settings, find_index(index_url, around), further)
    except UsageError:
        of_netrc = Accounts(None, settings.environ, settings.home)
        return Web(
            settings.environ, ca_file=certificates(around), account=of_netrc, plain=_plain_origins(further)
        )


def url_of_public_index(settings: Settings, root: Path) -> str:
    """Return the URL of the public index, the one that pip has built in; empty without a pip."""
    return public_url(_around(settings, _pythons(settings, root)))


def index_folders(settings: Settings, index_url: str, further: Mapping[str, str]) -> dict[str, Path | None]:
    """Return the folder of each `file:` index by alias, None for another index; `further` are URLs by alias."""
    folders = {alias: folder_of(url) for alias, url in further.items()}
    try:
        return {INDEX: folder_of(find_index(index_url, _around(settings, ())).url), **folders}
    except UsageError:
        return {INDEX: None, **folders}


def folder_of(url: str) -> Path | None:
    """Return the folder of a `file:` index, None for another one."""
    parts = split_url(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def connection_to(settings: Settings, address: IndexAddress) -> Connection:
    """Return the index at an address, ready for requests."""
    reader = Disk() if folder_of(address.url) else web_of(settings, address)
    return Connection(url=address.url, reader=reader)


def web_of(settings: Settings, address: IndexAddress, further: Iterable[str] = ()) -> Web:
    """Return the client with the credentials and certificates of an index; plain http to `further` ones too."""
    return Web(
        settings.environ,
        ca_file=address.ca_file,
        account=Accounts(address, settings.environ, settings.home),
        plain=_plain_origins((address.url, *further)),
    )


def _plain_origins(urls: Iterable[str]) -> frozenset[str]:
    parts = map(split_url, urls)
    return frozenset(f"http://{each.netloc}" for each in parts if each.scheme == "http")


def _around(settings: Settings, pythons: tuple[Path, ...]) -> Surroundings:
    return Surroundings(
        environ=settings.environ, home=settings.home, pythons=pythons, reporter=settings.reporter
    )
