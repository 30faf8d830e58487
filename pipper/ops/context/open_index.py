"""Open the index of a command: its URL, credentials and cache."""

from pathlib import Path

from pipper.core.manifest.model import Manifest
from pipper.index.reader import Connection, Disk
from pipper.index.source import IndexSource
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import index_address, web_of
from pipper.ops.context.settings import Settings


def open_index(settings: Settings, manifest: Manifest, *, root: Path, offline: bool = False) -> IndexSource:
    """Return the manifest's index as a source; the first request determines its URL."""

    def connect() -> Connection:
        address = index_address(settings, manifest.index_url, root)
        settings.reporter.detail(f"index: {address.url} ({address.step})")
        on_disk = address.url.startswith("file:")
        return Connection(url=address.url, reader=Disk() if on_disk else web_of(settings, address))

    return IndexSource(
        connect,
        open_cache(settings).root / "index",
        offline=offline,
        reporter=settings.reporter,
    )
