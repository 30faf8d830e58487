"""The one repository of a command that works on a whole repository: publish, yank, check, repair."""

from pathlib import Path
from shlex import quote

from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.redaction import shown
from pipper.core.wording import quoted
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import declared_repositories
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.open_repositories import open_repositories, require_repository
from pipper.ops.context.project import load_project
from pipper.ops.context.settings import Settings
from pipper.repository.access import directory_of
from pipper.repository.source import Repository
from pipper.system.trust import refuse_link_out


def single_repository(settings: Settings, command: str) -> Repository:
    """Return the one repository that an option, the manifest or the default names, without a request to it.

    `command` is the command line after `pipper`, for the hint. Raises UsageError if there is none, or if the
    manifest has several and no option chooses one, and MachineError if a link in the project leads a directory out.
    """
    declared, base = declared_here(settings)
    repositories = open_repositories(settings, declared, base=base)
    chosen = require_repository(repositories)
    if len(repositories) > 1:
        aliases = [each.alias for each in repositories]
        raise several_repositories(aliases, f"{command} -b {chosen.store.location}")
    refuse_outside(chosen, base)
    return chosen


def refuse_outside(repository: Repository, base: Path) -> None:
    """Raise MachineError if a link in the project at `base` leads the directory of a repository out of it."""
    if repository.url.startswith("file:"):
        refuse_link_out(directory_of(repository.url, base), base)


def same_repository(settings: Settings) -> str:
    """Return the options, after a space, that name the repository of this command again; empty if none is given."""
    options = settings.repositories
    given = (
        ("-b", options.bucket),
        ("-r", options.repository),
        ("--prefix", options.prefix),
        ("--endpoint-url", options.endpoint_url),
        ("-p", options.profile),
    )
    return "".join(f" {option} {quote(shown(value))}" for option, value in given if value)


def declared_here(settings: Settings) -> tuple[tuple[RepositoryEntry, ...], Path]:
    """Return the repositories of the current project, if there is one, and the directory of relative URLs."""
    if find_manifest(settings.directory) is None:
        return (), settings.directory
    project = load_project(settings.directory)
    return declared_repositories(project.manifest, None), project.root


def several_repositories(aliases: list[str], command: str) -> UsageError:
    """Return the error for a manifest with several repositories and a command that needs one."""
    return UsageError(
        "the manifest has several repositories",
        cause=f"they are {quoted(aliases)}, and this command needs one",
        hint=f"name one with -b, as in: pipper {command}",
    )
