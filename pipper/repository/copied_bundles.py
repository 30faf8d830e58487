"""Copies of the bundles of one repository in another one, for clients of pipper 0.x there."""

import tempfile
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import bundle_version
from pipper.core.layout.page import ProjectPage, have_same
from pipper.core.ports import ObjectInfo
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import PipperError
from pipper.repository.bundle_metadata import NEEDED, bundle_metadata
from pipper.repository.object_bodies import fetch_object
from pipper.repository.publication import of_listed
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.repository.stored_bundles import BundleFile
from pipper.system.os_errors import os_errors
from pipper.wheels.bundle import extract_wheel


class BundleCopier:
    """Copies bundles into one repository; several threads may use it, for different projects."""

    def __init__(self, target: Repository, publisher: Publisher, scratch: Path) -> None:
        """Keep temporary files below `scratch`."""
        self._target = target
        self._publisher = publisher
        self._scratch = scratch

    def copy_all(self, source: Repository, name: NormalizedName) -> list[PipperError]:
        """Copy the bundles whose wheels are on the target's page; return the errors."""
        offered = source.list_bundles(name)
        if not offered:
            return []
        page = self._target.read_page(name).page
        there = {bundle_version(info.key) for info in self._target.list_bundles(name)}
        published = {wheel_identity(file.filename).version for file in page.files}
        errors = []
        for info in offered:
            version = bundle_version(info.key)
            if version is None or version in there or version not in published:
                continue
            try:
                errors += self._copy(source, info, page)
            except PipperError as error:
                errors.append(error)
        return errors

    def _copy(self, source: Repository, info: ObjectInfo, page: ProjectPage) -> list[PipperError]:
        folder, _, filename = info.key.rpartition("/")
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as place,
        ):
            path = Path(place) / filename
            fetch_object(source.store, info.key, path)
            extracted = extract_wheel(path, path.with_name("package.whl"))
            file = page.listed(extracted.sha256)
            if file is None:  # another wheel than the published one: `repository check` of the source tells
                return []
            if not have_same(extracted.bundle.dependencies, file.needs.dependencies):
                return []  # those of the page count: `repository check` of the source tells, if its own has others
            safe_version = filename.removesuffix(".pipper")
            found = source.store.head(info.key)
            kept = found.metadata if found else {}
            # A directory that another tool filled has no metadata, and 0.x does not work without.
            metadata = kept if kept.keys() >= NEEDED else bundle_metadata(extracted.bundle, safe_version)
            bundle = BundleFile(path=path, folder=folder, safe_version=safe_version, metadata=metadata)
            outcomes = self._publisher.store_bundles([of_listed(file, page.name, path, bundle=bundle)])
        return [outcome.error for outcome in outcomes if outcome.error is not None]
