"""The distributions of a project's environment where a stamp shows that it is in order; it imports little."""

import os

from pipper.apply.stamp import stamped_libraries
from pipper.ops.context.project_files import ProjectFiles, environment_path
from pipper.ops.sync.freshness import is_fresh_for_run
from pipper.python.folder_name import info_folders, named_by_folder


def listed_names(files: ProjectFiles | None) -> list[tuple[str, str]] | None:
    """Return what `list_installed` does for a project, as sorted names and versions.

    Never raises: returns None if that is uncertain.
    """
    if files is None or not is_fresh_for_run(files):
        return None
    root = environment_path(files.root, os.environ)
    try:
        folders = [each for library in stamped_libraries(root) for each in info_folders(library)]
    except (OSError, ValueError):
        return None
    found = [named for folder in folders if (named := named_by_folder(folder))]
    text = "".join(version for _, version in found)
    is_plain = text.isascii() and text.replace(".", "").replace("+", "").isalnum()
    return sorted(found) if is_plain and len(found) == len(folders) else None
