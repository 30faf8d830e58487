"""Open the index of a command: its URL, credentials and cache."""

from pathlib import Path

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.reads import ReadLog
from pipper.errors import UsageError
from pipper.index.reader import Connection
from pipper.index.source import IndexSource
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import connection_to, folder_of, index_address
from pipper.ops.context.settings import Settings
from pipper.system.os_errors import os_errors


def open_index(
    settings: Settings,
    manifest: Manifest,
    *,
    root: Path,
    alias: str = INDEX,
    offline: bool = False,
    log: ReadLog | None = None,
) -> IndexSource:
    """Return the index of a manifest, or a further one, as a source; the first request determines its URL.

    What it reads is noted in `log`.
    """

    def connect() -> Connection:
        address = index_address(settings, manifest.indexes.get(alias, manifest.index_url), root)
        settings.reporter.detail(f"{alias}: {address.url} ({address.step})")
        folder = folder_of(address.url)
        if folder and not offline:
            _require_folder(folder, "[indexes] of the manifest" if alias != INDEX else address.step)
        return connection_to(settings, address)

    return IndexSource(
        connect,
        open_cache(settings).root / "index",
        alias=alias,
        offline=offline,
        reporter=settings.reporter,
        log=log,
    )


def _require_folder(folder: Path, step: str) -> None:
    """Raise UsageError if the folder of an index is gone: none of its projects is missing then."""
    with os_errors("read", folder):
        if not folder.exists():
            raise UsageError(
                f"the index is the directory `{folder.absolute()}`, which does not exist",
                cause=f"{step} names it",
                hint=f"restore or mount it, or correct the URL in {step}",
            )
