"""`repository site`: makes the static pages of a repository; and what keeps them up to date afterwards."""

from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.layout.keys import (
    JSON,
    LISTING_KEY,
    MARKER_KEY,
    SITE_PAGE,
    marker_body,
    marks_site,
    parse_marker,
)
from pipper.core.layout.objects import arrange
from pipper.core.reporter import Reporter
from pipper.core.site.frame import is_own
from pipper.core.site.listing import parse_listing
from pipper.errors import (
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
    gravest,
)
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import single_repository
from pipper.repository.page_swap import ROUNDS, outrun, put
from pipper.repository.probe_store import check_conditions
from pipper.repository.site.keeper import SiteChange, SiteKeeper, not_ours
from pipper.repository.source import Repository
from pipper.system.parallel import attempt_each

SITE_COMMAND = "`pipper repository site`"


class SiteOutcome(Struct, frozen=True, kw_only=True):
    """The result of `repository site`."""

    location: str
    url: str
    """Where the root page lies: the URL without access rights, or the `file:` URL."""
    change: SiteChange

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 0."""
        return gravest(error.exit_code for error in self.change.errors)


def make_site(settings: Settings, *, dry_run: bool = False) -> SiteOutcome:
    """Write every page of the site that does not show what is published; from now on publishers keep it so.

    Raises UsageError if the repository does not exist, ConflictError if an object is in the way that pipper did not
    write, StoreError if the store ignores conditions, and what the store raises before the first page.
    """
    repository = single_repository(settings, "repository site")
    repository.require()
    if not repository.has_site:
        _require_free(repository)
    if not dry_run:
        check_conditions(repository.store, _begin(repository))
    change = SiteKeeper(repository, settings.reporter, dry_run=dry_run).refresh()
    return _outcome(repository, change)


def remove_site(settings: Settings, *, dry_run: bool = False) -> SiteOutcome:
    """Delete the pages of the site; publishers stop keeping it. Raises as `make_site`."""
    repository = single_repository(settings, "repository site")
    repository.require()
    if not repository.has_site:
        return _outcome(repository, SiteChange())
    if not dry_run:
        write_marker(repository, has_site=False)
    store = repository.store
    keys = sorted(arrange(store.list()).site)

    def remove(key: str) -> bool:
        """Delete a page, and return whether it was pipper's."""
        with suppress(ObjectAbsentError):
            if key != LISTING_KEY and not is_own(store.read(key).body):
                return False
        if not dry_run:
            store.delete(key)
        return True

    found = attempt_each(remove, keys, settings.reporter, "Deleting the site")
    removed = tuple(key for key, done in zip(keys, found, strict=True) if done is True)
    errors = tuple(each for each in found if isinstance(each, PipperError))
    return _outcome(repository, SiteChange(removed=removed, pages=len(keys), errors=errors))


def keep_site(repository: Repository, names: Iterable[NormalizedName], reporter: Reporter) -> None:
    """Show on the site, if there is one, what a command has changed in these projects.

    What was published stays so if that fails: then a warning says how to write the pages again.
    """
    wanted = sorted(set(names))
    try:
        if not wanted or not repository.has_site:
            return
        errors = SiteKeeper(repository, reporter).refresh(wanted).errors
    except PipperError as error:
        errors = (error,)
    if errors:
        reporter.warning(
            f"the site of {repository.store.location} is out of date: {errors[0].message}; run {SITE_COMMAND}"
        )


def _outcome(repository: Repository, change: SiteChange) -> SiteOutcome:
    store = repository.store
    return SiteOutcome(location=store.location, url=store.url(SITE_PAGE), change=change)


def _require_free(repository: Repository) -> None:
    """Raise ConflictError if another program's pages are in the root: the repository may lie in a web site."""
    store = repository.store
    with suppress(ObjectAbsentError):
        if not is_own(store.read(SITE_PAGE).body):
            raise not_ours(store, SITE_PAGE)
    with suppress(ObjectAbsentError):
        body = store.read(LISTING_KEY).body
        try:
            parse_listing(body, label=LISTING_KEY)
        except IntegrityError as error:
            raise not_ours(store, LISTING_KEY) from error


def _begin(repository: Repository) -> bytes:
    """Note in the marker that there is a site, before its first page; return the bytes of the marker."""
    if repository.has_site:
        return repository.marker
    return write_marker(repository, has_site=True)


def write_marker(
    repository: Repository, *, has_site: bool | None = None, layout_format: int | None = None
) -> bytes:
    """Change the format marker by compare-and-swap and return its bytes; None keeps what it says.

    Raises ConflictError if other writers win every attempt.
    """
    store = repository.store
    for _ in range(ROUNDS):
        etag, old, found = None, b"", repository.layout_format
        with suppress(ObjectAbsentError):
            blob = store.read(MARKER_KEY)
            etag, old = blob.etag, blob.body
            found = parse_marker(old, label=f"{store.location}/{MARKER_KEY}")
        site = marks_site(old) if has_site is None else has_site
        body = marker_body(layout_format or found, has_site=site)
        if body == old:
            return body
        with suppress(ObjectExistsError, ObjectChangedError):
            put(store, MARKER_KEY, body, etag=etag, content_type=JSON)
            return body
    raise outrun(f"{store.location}/{MARKER_KEY}")
