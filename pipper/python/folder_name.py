"""The folders that describe distributions, and what their names say; `list` starts fast, so this imports little."""

import os

_ENDS = (".dist-info", ".egg-info")


def info_folders(library: str | os.PathLike[str]) -> list[str]:
    """Return the names of the folders in a library that describe distributions, sorted; raise OSError."""
    return sorted(name for name in os.listdir(library) if name.endswith(_ENDS))


def named_by_folder(folder: str) -> tuple[str, str] | None:
    """Return the normalised name and the version in `NAME-VERSION.dist-info` (PEP 376, PEP 427) or `.egg-info`.

    Returns None if the folder's name has not these two parts alone, or is no such name.
    """
    name, dash, version = folder.rpartition(".")[0].partition("-")
    letters = name.replace("_", "").replace(".", "")
    is_name = letters.isascii() and letters.isalnum() and name[0].isalnum() and name[-1].isalnum()
    if not (folder.endswith(_ENDS) and dash and is_name) or not version or "-" in version:
        return None
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name, version.replace("_", "+")
