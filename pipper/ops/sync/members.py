"""The members among what a sync installs: which, from where, in which state, and what to watch of them."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct

from pipper.apply.stamp import Seen
from pipper.build.member_state import member_state
from pipper.core.lock.model import LockedFile, LockedPackage
from pipper.core.manifest.inputs import PATH
from pipper.core.manifest.members import ITSELF, Member
from pipper.core.plan import Wanted
from pipper.core.urls import split_url
from pipper.errors import UsageError
from pipper.ops.context.project import Project
from pipper.ops.context.watched_members import watched_members
from pipper.python.environment import Environment
from pipper.python.interpreter import Interpreter
from pipper.system.digest import digest

EDITABLE = "editable"
WHEEL = "wheel"
"""What `Wanted.build` says of a member, and with it the marks of the installed distribution."""


class MemberOptions(Struct, frozen=True, kw_only=True):
    """How a command installs members."""

    no_project: bool = False
    """Leave out the project itself."""
    no_editable: bool = False
    """Install all from wheels."""


def member_wants(
    packages: Iterable[LockedPackage],
    project: Project | None,
    environment: Environment,
    options: MemberOptions,
    *,
    label: str,
) -> tuple[Wanted, ...]:
    """Return the members of a lock, in the state in which they are now.

    In a plain directory none is editable: Python reads no `.pth` there. Raises UsageError if the project does not
    have such a member: a lock from elsewhere does not say what is built here; MachineError if a file cannot be read.
    """
    known = {member.name: member for member in (project.manifest.members if project else ())}
    found = []
    for package in packages:
        if options.no_project and package.path == ITSELF:
            continue
        member = known.get(package.name)
        if project is None or member is None or member.path != package.path:
            raise UsageError(
                f"{label} has the member `{package.name}` in `{package.path}`, which the project here does not have",
                cause="members are built from their directories, and only a project's own manifest may name those",
                hint="run the command in the project of that lock",
            )
        editable = is_editable(package, environment, options)
        facts = _facts(member, environment.interpreter)
        found.append(_want(package, project, editable=editable, facts=facts))
    return tuple(found)


def state_now(want: Wanted, project: Project, interpreter: Interpreter) -> str:
    """Return the state in which a member is now; raises MachineError if a file cannot be read."""
    folder = folder_of(want)
    (member,) = (each for each in project.manifest.members if each.name == want.name)
    facts = _facts(member, interpreter)
    edited = project.edited_in(folder)
    return member_state(folder, editable=want.build == EDITABLE, facts=facts, edited=edited)


def folder_of(want: Wanted) -> Path:
    """Return the folder of a member."""
    return Path(unquote(split_url(want.file.url).path))


def _facts(member: Member, interpreter: Interpreter) -> str:
    """Return a digest of what a build depends on besides the files of the member."""
    target = interpreter.target
    python = (str(interpreter.base_executable), target.name, target.python_full_version)
    return digest(*(os.fsencode(fact) for fact in (*python, member.build_files)))


def is_editable(package: LockedPackage, environment: Environment, options: MemberOptions) -> bool:
    """Return whether a member is installed so that edits of its modules count at once."""
    return package.editable and not options.no_editable and not environment.is_target


def _want(package: LockedPackage, project: Project, *, editable: bool, facts: str) -> Wanted:
    folder = (project.root / package.path).resolve()
    state = member_state(folder, editable=editable, facts=facts, edited=project.edited_in(folder))
    return Wanted(
        name=package.name,
        version=package.version,
        source=PATH,
        file=LockedFile(
            sha256=state,
            size=0,
            url=folder.as_uri(),
            wheel=f"{package.name} ({package.path})",
        ),
        build=EDITABLE if editable else WHEEL,
    )


def look_at(
    project: Project, packages: Iterable[LockedPackage], environment: Environment, options: MemberOptions
) -> Seen | None:
    """Return what the stamp of a sync with these members of a lock covers besides the environment.

    None if some of it is no longer there. Raises MachineError if a folder cannot be read.
    """
    editable = {package.name: is_editable(package, environment, options) for package in packages}
    found = watched_members(project, editable)
    try:
        return Seen((*found.files, *found.links), found.folders)
    except OSError:
        return None
