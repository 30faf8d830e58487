"""`yank`: marks a published version so that it is not chosen any more (PEP 592); no file is removed."""

import re

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pipper.core.layout.keys import bundle_version, marker_body
from pipper.core.layout.page import ProjectPage
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import UsageError
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import same_repository, single_repository
from pipper.ops.repository.site import keep_site
from pipper.repository.page_swap import swap_page
from pipper.repository.probe_store import check_conditions
from pipper.repository.source import Repository

_RELEASE = re.compile(r"(?P<name>[^:=]+?)\s*(:={0,2}|==)\s*(?P<version>[^:=]+)")


class YankRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `yank`."""

    name: NormalizedName
    version: Version
    reason: str = ""
    """One line; empty for none."""
    undo: bool = False

    @classmethod
    def of(cls, release: str, *, reason: str = "", undo: bool = False) -> "YankRequest":
        """Return the request for `NAME:VERSION` (or `NAME==VERSION`); raises UsageError for anything else."""
        found = _RELEASE.fullmatch(release.strip())
        try:
            if found is None:
                raise InvalidVersion(release)
            name, version = canonicalize_name(found["name"], validate=True), read_version(found["version"])
        except ValueError as error:
            raise UsageError(
                f"{release!r} is not a release", hint="write NAME:VERSION, as in foo:1.2.3"
            ) from error
        return cls(name=name, version=version, reason=reason, undo=undo)


class YankOutcome(Struct, frozen=True, kw_only=True):
    """The result of a yank."""

    location: str
    changed: bool
    """False if all files of the version had the mark already."""


def yank(settings: Settings, request: YankRequest) -> YankOutcome:
    """Mark every file of a version, or with `undo` remove the mark, by compare-and-swap of the page.

    Raises UsageError for a version that is not published, ConflictError if other writers win every attempt.
    """
    if not request.reason.isprintable():
        raise UsageError("the reason is not one line of text", hint="give one line with --reason")
    repository = single_repository(settings, f"yank {request.name}:{request.version}")
    repository.require()
    mark: bool | str = not request.undo and (request.reason or True)
    before = ProjectPage(name=request.name)

    def marked(page: ProjectPage) -> ProjectPage:
        nonlocal before
        before = page
        versions = [wheel_identity(file.filename).version for file in page.files]
        if request.version not in versions:
            raise _unknown(repository, versions, request, same_repository(settings))
        files = (
            replace(file, yanked=mark) if version == request.version else file
            for file, version in zip(page.files, versions, strict=True)
        )
        return replace(page, files=tuple(files))

    check_conditions(repository.store, repository.marker or marker_body(1), exists=bool(repository.marker))
    after = swap_page(repository, request.name, marked).page
    keep_site(repository, [request.name], settings.reporter)
    return YankOutcome(location=repository.store.location, changed=after != before)


def _unknown(
    repository: Repository, versions: list[Version], request: YankRequest, options: str
) -> UsageError:
    """Return the error for a version without files on the page; a bundle of 0.x has no entry to mark.

    `options` name the repository in the hint.
    """
    what = f"{request.name} {request.version}"
    keys = [info.key for info in repository.list_bundles(request.name)]
    if any(bundle_version(key) == request.version for key in keys):
        return UsageError(
            f"{what} is only in a bundle of pipper 0.x, which cannot be yanked",
            hint=f"run `pipper repository repair{options}` to unpack it, then yank it",
        )
    newest = sorted(set(versions), reverse=True)[:5]
    known = f"the versions: {', '.join(map(str, newest))}" if newest else "no version there"
    return UsageError(
        f"{what} is not published in {repository.store.location}",
        cause=f"{request.name} has {known}",
        hint=f"run `pipper info {request.name}{options}` to see all versions",
    )
