"""Open the index of a command: its URL, credentials and cache."""

from pathlib import Path

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.index.reader import Connection, Disk
from pipper.index.source import IndexSource
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import index_address, web_of
from pipper.ops.context.settings import Settings


def open_index(
    settings: Settings, manifest: Manifest, *, root: Path, alias: str = INDEX, offline: bool = False
) -> IndexSource:
    """Return the index of a manifest, or a further one, as a source; the first request determines its URL."""

    def connect() -> Connection:
        address = index_address(settings, manifest.indexes.get(alias, manifest.index_url), root)
        settings.reporter.detail(f"{alias}: {address.url} ({address.step})")
        on_disk = address.url.startswith("file:")
        return Connection(url=address.url, reader=Disk() if on_disk else web_of(settings, address))

    return IndexSource(
        connect,
        open_cache(settings).root / "index",
        alias=alias,
        offline=offline,
        reporter=settings.reporter,
    )
