"""Files of other tools beside a manifest: what they take from places that pipper does not read."""

from msgspec.structs import replace

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.unread_sources import FILES, UnreadSource, places_in_file
from pipper.ops.context.project import Project
from pipper.ops.context.project_files import PYPROJECT_TOML
from pipper.system.files import read_bytes


def with_other_tools(project: Project) -> Manifest:
    """Return the manifest of a project with the places that files in its folder, and in its members', name.

    The manifest has those of its own file and of its members' already, but not those of a `pyproject.toml` beside it.
    Raises UsageError for an invalid file: without it, nobody knows what is private.
    """
    places: dict[UnreadSource, None] = dict.fromkeys(project.manifest.elsewhere)
    members = {member.name for member in project.manifest.members}
    paths = [folder / name for folder in project.folders for name in FILES]
    if project.manifest_path.name != PYPROJECT_TOML:
        paths.append(project.root / PYPROJECT_TOML)
    for path in paths:
        data = read_bytes(path)
        if data is not None:
            document = read_toml(data, label=str(path), limit=MANIFEST_LIMIT).entries()
            found = places_in_file(path.name, document)
            places |= dict.fromkeys(each for each in found if each.pattern not in members)
    return replace(project.manifest, elsewhere=tuple(places))
