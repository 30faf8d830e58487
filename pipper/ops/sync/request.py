"""Arguments of a sync, as plain values: a sync with nothing to do imports little more."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from pipper.ops.context.settings import Place

ALL = "*"
"""What `reinstall` holds for all packages."""
_STAMPED = (
    *("groups", "only_groups", "all_groups", "no_dev", "extras", "all_extras"),
    *("no_project", "no_editable", "exact", "keeps_others", "compile_bytecode"),
)
"""Options that change the resulting environment."""


class SyncRequest(Struct, frozen=True, kw_only=True):
    """Arguments of `sync`."""

    place: Place = field(default_factory=Place)
    lock_path: Path | None = None
    """A lock to use instead of the project's: pipper's own, an authorized one, or one of PEP 751."""
    groups: tuple[str, ...] = ()
    only_groups: tuple[str, ...] = ()
    """If not empty: these groups and nothing else."""
    all_groups: bool = False
    no_dev: bool = False
    extras: tuple[str, ...] = ()
    all_extras: bool = False
    reinstall: tuple[str, ...] = ()
    """Names of packages to replace even if they are as locked; `ALL` for every one."""
    no_project: bool = False
    """Leave out the project itself, not what it requires."""
    no_editable: bool = False
    """Install members from wheels."""
    exact: bool = False
    keeps_others: bool = False
    """Remove nothing, for `run`: an earlier sync may have chosen more extras and groups."""
    link_mode: Literal["auto", "reflink", "hardlink", "copy"] = "auto"
    compile_bytecode: bool = False
    """Compile all packages that pipper installed, not only new ones."""
    folder: Path | None = None
    """A folder to search before fetching."""
    offline: bool = False
    """Fetch nothing: all files must be in the cache or in `folder`."""
    no_build: bool = False
    """Build nothing: all wheels of source distributions must be in the cache."""
    dry_run: bool = False
    """Return the plan; change nothing."""
    check: bool = False
    """Return the plan, and the differences of kept packages from their RECORD; change nothing."""
    hashes: bool = False
    """Compare every installed file with its locked wheel; otherwise only presence and size."""
    whole_plan: bool = False
    """Return a plan with the kept packages even if the stamp shows that there is nothing to do."""
    remembers: bool = False
    """Whether the caller keeps the recipe of a new environment, `SyncOutcome.recipe`."""

    @property
    def is_stamped(self) -> bool:
        """Whether such a sync writes a stamp: only one of a project's own `.venv` and lock."""
        return self.lock_path is None and self.place == Place()

    @property
    def stamped_options(self) -> str:
        """The options that the stamp depends on; empty for a bare `pipper sync`."""
        options = {name: value for name in _STAMPED if (value := getattr(self, name))}
        return repr(options) if options else ""


BARE = SyncRequest(remembers=os.name != "nt")
"""A `pipper sync` without options."""
