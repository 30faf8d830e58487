"""`repository prune`: removes versions by name or by rules, never what a lock holds, and leaves tombstones."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from packaging.pylock import Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.published import PackageVersion, PublishedPackage, replaced_alone, versions_of
from pipper.core.manifest.requirement import releases_of
from pipper.core.standards import read_version
from pipper.errors import ConflictError, PipperError, UsageError, gravest
from pipper.ops.context.settings import Settings
from pipper.ops.lock.read_any import read_lock
from pipper.ops.repository.choose_one import same_repository, single_repository
from pipper.ops.repository.prune_rules import Doomed, Rules, named, ruled_out
from pipper.ops.repository.published_by import doer
from pipper.ops.repository.site import keep_site
from pipper.repository.publisher import Publisher
from pipper.repository.remover import Removal, Remover
from pipper.repository.source import Repository
from pipper.system.files import scratch_folder
from pipper.system.parallel import attempt_each


class PruneRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `repository prune`."""

    releases: tuple[str, ...] = ()
    """`NAME:VERSION` to remove; `NAME` limits the rules to these projects."""
    rules: Rules = field(default_factory=Rules)
    lock_paths: tuple[Path, ...] = ()
    """Locks whose versions stay."""
    by: str = ""
    """Who removes; see `PublishRequest.by`."""
    dry_run: bool = False


class PruneOutcome(Struct, frozen=True, kw_only=True):
    """The result of a prune."""

    location: str
    removed: tuple[Doomed, ...]
    """Or, in a dry run, what would be removed."""
    kept: tuple[Doomed, ...]
    """What a lock holds."""
    files: int = 0
    """Objects that were deleted, also those that an interrupted prune left."""
    size: int = 0
    """Their bytes."""
    errors: tuple[PipperError, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 0."""
        return gravest(error.exit_code for error in self.errors)


def prune(settings: Settings, request: PruneRequest, *, now: datetime) -> PruneOutcome:
    """Take versions off their pages, then delete their files; `now` is the time that ages are measured from.

    Raises UsageError without rules and versions, for a version that is not published, and if the repository does
    not exist; StoreError if the store ignores conditions; and what locks and the store raise before the first page.
    """
    repository = single_repository(settings, "repository prune")
    by = doer(request.by, settings.environ)
    asked = _asked(request)
    held = _held(settings, request.lock_paths)
    repository.require()
    if unknown := sorted(asked.keys() - repository.folders().keys()):
        raise _unpublished(repository, unknown[0], SpecifierSet(), same_repository(settings))
    with scratch_folder() as scratch:
        remover = Remover(repository, scratch, now=now, by=by)
        run = _Run(remover, request, asked, held, now)
        names = sorted(asked or repository.folders())
        plans = attempt_each(run.plan, names, settings.reporter, "Reading pages")
        found = [plan for plan in plans if isinstance(plan, _Plan)]
        for plan in found:
            _require_published(repository, plan, asked, same_repository(settings))
        removals: list[Removal | PipperError] = []
        if not request.dry_run:
            Publisher(repository, now=now, reporter=settings.reporter).prepare()
            removals += attempt_each(run.remove, found, settings.reporter, "Removing")
            gone = {plan.package.name for plan in found if plan.doomed or plan.tombs}
            keep_site(repository, gone, settings.reporter)
    return _outcome(repository, plans, removals)


class _Plan(Struct, frozen=True, kw_only=True):
    """What goes of one project."""

    package: PublishedPackage
    doomed: tuple[Doomed, ...]
    kept: tuple[Doomed, ...]
    tombs: frozenset[Version]
    """Versions that were removed before."""
    error: PipperError | None = None


class _Run:
    def __init__(
        self,
        remover: Remover,
        request: PruneRequest,
        asked: Mapping[NormalizedName, SpecifierSet | None],
        held: Mapping[tuple[NormalizedName, Version], str],
        now: datetime,
    ) -> None:
        self._remover = remover
        self._request = request
        self._asked = asked
        self._held = held
        self._now = now

    def plan(self, name: NormalizedName) -> _Plan:
        page = self._remover.page(name)
        package = PublishedPackage(name=name, versions=versions_of(page))
        versions = (*package.versions, *replaced_alone(page))
        specifier = self._asked.get(name)
        going = (
            named(versions, specifier)
            if specifier is not None
            else ruled_out(package, self._request.rules, self._now)
        )
        every = [self._doomed(name, each) for each in going]
        kept = tuple(each for each in every if each.held_by)
        error = None
        if specifier is not None and kept:
            error = ConflictError(
                f"{name} {kept[0].version} is held by {kept[0].held_by}",
                cause="a prune never removes what a given lock holds",
                hint=f"lock without it first, or leave out --lock {kept[0].held_by}",
            )
        return _Plan(
            package=package,
            doomed=tuple(each for each in every if not each.held_by),
            kept=kept,
            tombs=frozenset(each.version for each in page.removed),
            error=error,
        )

    def _doomed(self, name: NormalizedName, each: PackageVersion) -> Doomed:
        held_by = self._held.get((name, each.version), "")
        return Doomed(name=name, version=each.version, files=each.files, size=each.size, held_by=held_by)

    def remove(self, plan: _Plan) -> Removal:
        name, going = plan.package.name, frozenset(each.version for each in plan.doomed)
        if going:
            self._remover.take_off(self._remover.page(name), going)
        elif not plan.tombs:
            return Removal()
        return self._remover.sweep(name, going | self._named_again(plan))

    def _named_again(self, plan: _Plan) -> frozenset[Version]:
        """Return the versions that the user names, and that were removed before."""
        name, specifier = plan.package.name, self._asked.get(plan.package.name)
        if specifier is None:
            return frozenset()
        named = specifier.filter(plan.tombs, prereleases=True)
        return frozenset(version for version in named if (name, version) not in self._held)


def _asked(request: PruneRequest) -> dict[NormalizedName, SpecifierSet | None]:
    """Return the versions to remove by project, None where the rules decide."""
    releases = releases_of(request.releases, example="<2")
    found = {name: specifier if str(specifier) else None for name, specifier in releases.items()}
    if not request.rules.is_given and (not found or None in found.values()):
        raise UsageError(
            "nothing says which versions to remove",
            hint="give NAME:VERSION, --keep N, --older-than 90d or --prereleases",
        )
    return found


def _held(settings: Settings, paths: Iterable[Path]) -> dict[tuple[NormalizedName, Version], str]:
    """Return the versions that locks hold, with the name of a lock; raises what `read_lock` raises."""
    held: dict[tuple[NormalizedName, Version], str] = {}
    for path in paths:
        lock = read_lock(settings.directory / path, settings.reporter)
        if isinstance(lock, Pylock):
            held |= {(each.name, each.version): str(path) for each in lock.packages if each.version}
        else:
            published = (each for each in lock.packages if not each.path)
            held |= {(each.name, read_version(each.version)): str(path) for each in published}
    return held


def _require_published(
    repository: Repository, plan: _Plan, asked: Mapping[NormalizedName, SpecifierSet | None], options: str
) -> None:
    """Require that a named version is published, or that it was removed: then its files are looked for again."""
    specifier = asked.get(plan.package.name)
    if specifier is None or plan.doomed or plan.kept:
        return
    if not any(specifier.contains(version, prereleases=True) for version in plan.tombs):
        raise _unpublished(repository, plan.package.name, specifier, options)


def _unpublished(repository: Repository, name: str, specifier: SpecifierSet, options: str) -> UsageError:
    """Return the error, whose hint names the repository with `options`."""
    return UsageError(
        f"{name} {specifier}".strip() + f" is not published in {repository.store.location}",
        hint=f"run `pipper repository packages --versions {name}{options}` to see what is",
    )


def _outcome(
    repository: Repository,
    plans: Sequence[_Plan | PipperError],
    removals: Sequence[Removal | PipperError],
) -> PruneOutcome:
    found = [plan for plan in plans if isinstance(plan, _Plan)]
    failed = {
        plan.package.name
        for plan, removal in zip(found, removals, strict=bool(removals))
        if isinstance(removal, PipperError)
    }
    done = [removal for removal in removals if isinstance(removal, Removal)]
    errors = [each for each in (*plans, *removals) if isinstance(each, PipperError)]
    return PruneOutcome(
        location=repository.store.location,
        removed=tuple(each for plan in found for each in plan.doomed if each.name not in failed),
        kept=tuple(each for plan in found for each in plan.kept),
        files=sum(each.files for each in done),
        size=sum(each.size for each in done),
        errors=(*errors, *(plan.error for plan in found if plan.error is not None)),
    )
