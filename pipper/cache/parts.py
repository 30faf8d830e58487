"""What a cache consists of, and where it is. A sync that may have little to do imports this, so it imports little."""

import os
import stat
import sys

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPES = "recipes"
"""The part with what `apply.recipe` remembers of environments."""
INTERPRETERS = "interpreters"
"""The part that each command writes to that looks at a Python."""
PARTS = ("memos", "files", "wheels", "builds", "built", INTERPRETERS, "index", "stamps", RECIPES, "tmp")
"""All that the cache creates and `clean` removes, in this order: a memo goes by what the others hold."""
LOCK = ".lock"
TAG = "CACHEDIR.TAG"
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""What that file begins with, in the cache of any program."""

_FOLDERS = {"linux": "~/.cache/pipper", "darwin": "~/Library/Caches/pipper"}


def is_own(part: str, name: str) -> bool:
    """Tell whether the cache gives such names to what lies in a part of it.

    What has another name is not removed: a folder that is named as the cache may have a `tmp` of another program.
    """
    if name == LOCK or (name.startswith(".pipper-") and name.endswith(".tmp")):
        return True
    if part == INTERPRETERS:
        name, dot, end = name.partition(".")
        return dot + end == ".json" and _is_hex(name, 64)
    return _is_hex(name, {"tmp": 32, "index": 16}.get(part, 2))


def _is_hex(name: str, length: int) -> bool:
    return len(name) == length and set(name) <= set("0123456789abcdef")


def likely_root(environ: "Mapping[str, str]") -> str | None:
    """Return the folder that `cache_root` returns; None where that needs a closer look."""
    given = environ.get("PIPPER_CACHE_DIR")
    if given:
        return given if os.path.isabs(given) else None
    if "XDG_CACHE_HOME" in environ or "ANDROID_DATA" in environ or sys.platform not in _FOLDERS:
        return None
    return os.path.expanduser(_FOLDERS[sys.platform])


def is_private(root: str) -> bool:
    """Return whether a cache is this user's alone and none of its parts is a link; raises OSError if it is missing."""
    found = os.stat(root)
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        return False
    return stat.S_ISDIR(found.st_mode) and not any(
        os.path.islink(f"{root}/{name}") for name in (LOCK, TAG, *PARTS)
    )
