"""The bucket that pipper 0.11.1 wrote (`fixtures/legacy`), as a directory and on an S3 server."""

import json
import shutil
from pathlib import Path

from tests.s3_endpoint import S3Endpoint

LEGACY = Path(__file__).resolve().parents[1] / "fixtures" / "legacy"


def copy_legacy(to: Path) -> Path:
    """Copy it to the new directory `to` and return that."""
    return Path(shutil.copytree(LEGACY / "repository", to))


def upload_legacy(server: S3Endpoint, bucket: str, *, prefix: str = "pipper") -> None:
    """Store every object as it was: its bytes, content type and user metadata."""
    for key, properties in json.loads((LEGACY / "objects.json").read_text()).items():
        server.client.put_object(
            Bucket=bucket,
            Key=f"{prefix}/{key}",
            Body=(LEGACY / "repository" / key).read_bytes(),
            ContentType=properties["content-type"],
            Metadata=properties["metadata"],
        )
