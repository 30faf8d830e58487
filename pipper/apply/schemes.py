"""The scheme folders of an environment, as paths below one folder.

Every scheme folder of an environment is below one folder, the anchor. A path relative to it, with `/` between
its parts, names a file of any scheme, both in the environment and in the staging tree. Two such paths name the same
file if their keys (`Layout.key`) are equal.
"""

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from msgspec import Struct

from pipper.apply.installed_record import RECREATE
from pipper.cache.unpacked import Scheme
from pipper.errors import IntegrityError
from pipper.python.environment import Environment
from pipper.python.venv import STATE
from pipper.system.letter_case import ignores_case
from pipper.system.trust import is_inside
from pipper.wheels.member_paths import folded

_OWN_SCRIPT = re.compile(r"(python|pypy)w?[\d.]*t?(\.exe)?|(de)?activate(\.\w+)?|activate_this\.py")


class Layout(Struct, frozen=True, kw_only=True):
    """The schemes of an environment below its anchor."""

    anchor: str
    """The real path of the folder that holds all schemes."""
    prefixes: Mapping[Scheme, str]
    """The path of each scheme's folder below the anchor: empty, or ending in `/`."""
    protected: frozenset[str]
    """The keys of folders that are kept even when they become empty, with their parents."""
    is_own: bool
    """Whether all folders belong to the environment, as in a virtual one; `/usr/local` is shared."""
    untouchable: tuple[str, ...]
    """Keys of the prefixes of paths that no RECORD may own."""
    ignores_case: bool
    """Whether names that differ only in the case of letters are one file."""

    @property
    def is_library(self) -> bool:
        """Whether all of it is below one library: a `--target` directory.

        pip and pipper 0.11 fill one from a folder `lib/python` beside `bin`, and their RECORD keeps those paths:
        there `../../bin/x` means `bin/x`.
        """
        return self.prefixes["purelib"] == ""

    def absolute(self, relative: str) -> str:
        """Return the path in the environment."""
        return f"{self.anchor}/{relative}"

    def key(self, relative: str) -> str:
        """Return what is equal for two paths below the anchor that are the same file."""
        return folded(relative) if self.ignores_case else relative

    def shown(self, relative: str) -> str:
        """Return a path below the anchor, or its key, as `[files]` names it: that of a module below its library."""
        for library in (self.prefixes["purelib"], self.prefixes["platlib"]):
            if self.key(relative).startswith(self.key(library)):
                return relative[len(library) :]
        return relative

    def keeps(self, folder: str) -> bool:
        """Return whether a folder is kept when it becomes empty."""
        folder = self.key(folder)
        if folder in self.protected:
            return True
        libraries = (self.key(self.prefixes["purelib"]), self.key(self.prefixes["platlib"]))
        return not self.is_own and not folder.startswith(libraries)

    def inside(self, relative: str) -> bool:
        """Return whether a RECORD may own this path: below a scheme's folder, not a file of the environment itself."""
        relative, prefixes = self.key(relative), self.prefixes
        if self.ignores_case:
            prefixes = {name: folded(prefix) for name, prefix in prefixes.items()}
        if relative.startswith(("../", "/")) or relative in ("", ".", "..") or relative in self.protected:
            return False
        if relative.startswith(self.untouchable) or relative == prefixes["data"] + "pyvenv.cfg":
            return False
        scripts = prefixes["scripts"]
        if relative.startswith(scripts) and _OWN_SCRIPT.fullmatch(relative[len(scripts) :].lower()):
            return False
        return any(relative.startswith(prefix) for prefix in prefixes.values())

    def resolve(self, library: str, recorded: str) -> str | None:
        """Return a path of a RECORD in `library` as one below the anchor; None if the RECORD may not own it."""
        if os.sep != "/":
            recorded = recorded.replace(os.sep, "/")
        relative = library + recorded
        if ".." in recorded or recorded.startswith(("/", "./")) or "//" in recorded or ":" in recorded:
            if os.path.isabs(recorded):
                relative = os.path.relpath(recorded, self.anchor).replace(os.sep, "/")
            relative = posixpath.normpath(relative)
            if self.is_library:
                relative = relative.removeprefix("../../")
        return relative if self.inside(relative) else None


def layout_of(environment: Environment) -> Layout:
    """Return the layout of an environment. Its folders need not exist.

    Raises IntegrityError if a link leads a folder of a virtual environment or a `--target` directory out of it.
    """
    schemes: tuple[Scheme, ...] = get_args(Scheme)
    places = {name: os.path.realpath(getattr(environment.scheme, name)) for name in schemes}
    is_own = environment.is_target or environment.interpreter.is_virtual
    if is_own:
        root = os.path.realpath(environment.root)
        for name, place in places.items():
            if not is_inside(place, root):
                raise _leads_out(getattr(environment.scheme, name), environment.root, place)
    anchor = os.path.commonpath(places.values())
    prefixes = {name: _prefix(place, anchor) for name, place in places.items()}
    protected = {""}
    for name in ("purelib", "platlib") if environment.is_target else ("purelib", "platlib", "scripts"):
        parts = prefixes[name].rstrip("/").split("/")
        protected |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    folder = os.path.realpath(environment.root)
    state = _prefix(os.path.join(folder, STATE), anchor)
    # Every environment that is changed has its state in it.
    is_folding = ignores_case(os.path.join(folder, STATE))
    if is_folding:
        protected, state = set(map(folded, protected)), folded(state)
    return Layout(
        anchor=anchor.rstrip("/") if anchor != "/" else "",
        prefixes=prefixes,
        protected=frozenset(protected),
        is_own=is_own,
        untouchable=(state,),
        ignores_case=is_folding,
    )


def _leads_out(folder: Path, root: Path, real: str) -> IntegrityError:
    return IntegrityError(
        f"`{folder}` leads out of the environment `{root}` through a symbolic link",
        cause=f"it is `{real}`",
        hint=f"remove the link, or {RECREATE}",
    )


def _prefix(place: str, anchor: str) -> str:
    relative = os.path.relpath(place, anchor).replace(os.sep, "/")
    return "" if relative == "." else f"{relative}/"
