"""What published members require of members that the repository does not have: they install nowhere else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.manifest.members import Member
from pipper.core.manifest.requirement import name_of
from pipper.core.standards import read_requirement, read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import PipperError
from pipper.repository.publication import Publication
from pipper.repository.source import Repository


def missing_members(
    publications: Sequence[Publication], members: Iterable[Member], repository: Repository
) -> Iterator[str]:
    """Yield a warning for each requirement of these on a member of which the repository has no version that fits.

    `publications` count as published. What the repository does not tell is a warning too, because all is published.
    """
    paths = {member.name: member.path for member in members}
    here: dict[NormalizedName, set[Version]] = {}
    for each in publications:
        here.setdefault(each.name, set()).add(each.version)
    untold: set[NormalizedName] = set()
    for each in publications:
        for requirement in _on_members(each, paths):
            name = name_of(requirement)
            if name in untold or _fits(requirement, here.get(name, set())):
                continue
            try:
                versions = here.get(name, set()) | _published(repository, name)
            except PipperError as error:
                untold.add(name)
                yield (
                    f"cannot tell whether `{repository.alias}` has `{name}`, a member in `{paths[name]}`"
                    f" that {each.filename} requires: {error.message}"
                )
                continue
            if not _fits(requirement, versions):
                yield (
                    f"{each.filename} requires `{requirement}`, a member in `{paths[name]}`,"
                    f" and `{repository.alias}` has {_told(versions)}: publish it too"
                )


def _fits(requirement: Requirement, versions: Iterable[Version]) -> bool:
    return any(requirement.specifier.contains(version, prereleases=True) for version in versions)


def _on_members(publication: Publication, paths: Mapping[NormalizedName, str]) -> Iterator[Requirement]:
    for text in publication.needs.requires_dist:
        try:
            requirement = read_requirement(text)
        except InvalidRequirement:
            continue  # the publication reports it
        if name_of(requirement) in paths and name_of(requirement) != publication.name:
            yield requirement


def _published(repository: Repository, name: NormalizedName) -> set[Version]:
    page = repository.page(name)
    found = {wheel_identity(file.filename).version for file in page.files}
    return found | {read_version(bundle.version) for bundle in page.bundles}


def _told(versions: set[Version]) -> str:
    if not versions:
        return "no version of it"
    return f"only {', '.join(str(version) for version in sorted(versions)[-3:])}"
