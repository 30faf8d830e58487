"""`python -m tests.example` writes pipper.lock.example: the lock of an application that needs the fixtures."""

import tempfile
from pathlib import Path

from tests.commands import CHECKOUT, run_pipper
from tests.s3_double import S3Double

EXAMPLE = CHECKOUT / "pipper.lock.example"
PROJECTS = ("acme-models", "acme-report", "acme-text")
MANIFEST = """\
requires-python = ">=3.11"
dependencies = ["acme-report>=2"]
index = false

[repositories]
acme = "s3://acme-packages/pipper"
"""


def make_lock(place: Path) -> str:
    """Build the fixtures, publish them into a bucket on loopback, lock in `place`, and return the lock."""
    elsewhere = place / "elsewhere"  # where the index of pip's configuration has the build backend
    elsewhere.mkdir()
    with S3Double() as double:
        env = double.endpoint.environment
        double.endpoint.client.create_bucket(Bucket="acme-packages")
        for project in PROJECTS:
            source = CHECKOUT / "fixtures" / "projects" / project
            run_pipper("bundle", source, "-o", place / "bundles", cwd=elsewhere, registry=True)
        (place / "pipper.toml").write_text(MANIFEST, encoding="utf-8")
        run_pipper("publish", *sorted((place / "bundles").iterdir()), cwd=place, env=env)
        run_pipper("lock", cwd=place, env=env)
    return (place / "pipper.lock").read_text(encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        EXAMPLE.write_text(make_lock(Path(folder)), encoding="utf-8")
