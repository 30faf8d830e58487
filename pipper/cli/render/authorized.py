"""The result of `pipper authorize` as URLs and as a document (`--json`; keys are stable)."""

import json

from pipper.cli.output import give_signed
from pipper.core.reporter import Reporter
from pipper.ops.share.authorize import Authorized


def print_signed(reporter: Reporter, done: Authorized, *, as_json: bool, separator: str) -> None:
    """Print the document, or the URLs if they are not in a file; then report when the URLs expire."""
    if as_json:
        give_signed(json.dumps(_document(done), indent=2))
    elif done.path is None:
        give_signed(separator.join(file.url for package in done.packages for file in package.files))
    until = f"valid until {done.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    reporter.info(f"Wrote {done.path}: its URLs are {until}" if done.path else f"The URLs are {until}")


def _document(done: Authorized) -> dict[str, object]:
    """Return expires-at, path, packages (name, version, files: filename, sha256, size, url); with a path no URLs."""
    return {
        "expires-at": f"{done.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "path": str(done.path) if done.path else None,
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "files": [
                    {"filename": file.filename, "sha256": file.sha256, "size": file.size}
                    | ({} if done.path else {"url": file.url})
                    for file in package.files
                ],
            }
            for package in done.packages
        ],
    }
