"""A repository to harm: in a directory or in a bucket, with the means to change, age and look at its objects."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pipper.core.access import RepositoryOptions
from pipper.core.ports import Store
from pipper.core.reporter import Reporter
from pipper.ops.context.settings import Settings
from pipper.ops.repository.check import CheckOutcome, check
from pipper.ops.repository.publish import Published, PublishRequest, publish
from pipper.ops.repository.repair import RepairOutcome, repair
from pipper.ops.repository.yank import YankOutcome, YankRequest, yank
from pipper.repository.source import Repository
from pipper.storage.directory.store import DirectoryStore
from tests.legacy import copy_legacy, upload_legacy
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Operations work on it as commands do; `put` and `drop` go around them."""

    root: Path
    server: S3Endpoint | None = None
    bucket: str = ""
    prefix: str = "pipper"

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" if self.server else (self.root / "repository").as_uri()

    @property
    def store(self) -> Store:
        return (
            self.server.store(self.bucket, prefix=self.prefix)
            if self.server
            else DirectoryStore(self.root / "repository")
        )

    @property
    def settings(self) -> Settings:
        credentials = self.server.credentials if self.server else None
        return Settings(
            directory=self.root,
            home=self.root / "home",
            environ={},
            repositories=RepositoryOptions(
                bucket=self.url, credentials=credentials, endpoint_url=self.server.url if self.server else ""
            ),
            reporter=Reporter(),
        )

    def wheel(self, name: str, version: str = "1.0.0", folder: str = "wheels", **parts: Any) -> Path:
        """Make a wheel as `make_wheel` does."""
        return make_wheel(self.root / folder, name, version, **parts)

    def publish(self, *wheels: Path, force: bool = False) -> tuple[Published, ...]:
        """Publish wheels; every one must be accepted."""
        results = publish(self.settings, PublishRequest(paths=wheels, force=force), now=datetime.now(UTC))
        assert [result.error for result in results] == [None] * len(results)
        return results

    def fill_legacy(self) -> None:
        """Put there what 0.11.1 wrote."""
        if self.server:
            upload_legacy(self.server, self.bucket, prefix=self.prefix)
        else:
            copy_legacy(self.root / "repository")

    def check(self, *, days: float = 0) -> CheckOutcome:
        """Check the repository as if so many days had passed."""
        return check(self.settings, now=datetime.now(UTC) + timedelta(days=days))

    def kinds(self, *, days: float = 0) -> dict[str, str]:
        """Return the kind of every difference a check finds, by subject; errors must not happen."""
        outcome = self.check(days=days)
        assert outcome.errors == ()
        assert outcome.exit_code == int(any(finding.is_difference for finding in outcome.findings))
        return {finding.subject: finding.kind for finding in outcome.findings if finding.is_difference}

    def repair(self, *, days: float = 0, to_format_2: bool = False, dry_run: bool = False) -> RepairOutcome:
        """Repair the repository as if so many days had passed."""
        now = datetime.now(UTC) + timedelta(days=days)
        outcome = repair(self.settings, to_format_2=to_format_2, dry_run=dry_run, now=now)
        assert outcome.errors == ()
        return outcome

    def yank(self, release: str, **how: Any) -> YankOutcome:
        """Yank `NAME:VERSION`."""
        return yank(self.settings, YankRequest.of(release, **how))

    def put(self, key: str, body: bytes) -> None:
        """Store bytes whatever is there."""
        if self.server:
            self.server.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=body)
        else:
            path = self.root / "repository" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(body)

    def drop(self, key: str) -> None:
        """Delete an object."""
        if self.server:
            self.server.client.delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")
        else:
            (self.root / "repository" / key).unlink()

    def contents(self) -> Mapping[str, str]:
        """Return every key with its etag."""
        return {info.key: info.etag for info in self.store.list()}

    def key(self, ending: str) -> str:
        """Return the one key that ends so."""
        (found,) = (key for key in self.contents() if key.endswith(ending))
        return found

    def body(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self.store.read(key).body

    def page(self, name: str) -> Any:
        """Return a project's page."""
        return json.loads(self.body(f"{name}/index.json"))

    def edit_page(self, name: str, change: Callable[[Any], None]) -> None:
        """Change a page as nobody should."""
        document = self.page(name)
        change(document)
        self.put(f"{name}/index.json", json.dumps(document).encode())

    def versions(self, name: str) -> set[str]:
        """Return the versions that a reader is offered."""
        repository = Repository(self.store, "acme")
        return {str(release.version) for release in repository.releases(canonicalize_name(name))}
