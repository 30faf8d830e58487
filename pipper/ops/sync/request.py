"""What a sync is asked to do. Plain values: one that has nothing to do needs nothing more."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipper.ops.context.place import Place

_STAMPED = (
    *("groups", "only_groups", "all_groups", "no_dev", "extras", "all_extras"),
    *("exact", "compile_bytecode"),
)
"""Options that change what an environment ends up with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What `sync` is asked to do."""

    place: Place = field(default_factory=Place)
    lock_path: Path | None = None
    """A lock to use in place of the project's own: pipper's, an authorized one, or one of PEP 751."""
    groups: tuple[str, ...] = ()
    only_groups: tuple[str, ...] = ()
    """Where it is not empty: these groups and nothing else."""
    all_groups: bool = False
    no_dev: bool = False
    extras: tuple[str, ...] = ()
    all_extras: bool = False
    exact: bool = False
    link_mode: Literal["auto", "reflink", "hardlink", "copy"] = "auto"
    compile_bytecode: bool = False
    """Compile all that pipper installed, not only what comes now."""
    folder: Path | None = None
    """Where files are looked for before any is fetched."""
    offline: bool = False
    """Fetch nothing: all must be in the cache or in `folder`."""
    dry_run: bool = False
    """Return the plan, and change nothing."""
    check: bool = False
    """Return the plan and what differs from RECORD among that which the plan keeps; change nothing."""
    hashes: bool = False
    """For a check: hash every installed file, where otherwise its presence and size are looked at."""
    whole_plan: bool = False
    """Return what is kept, too, also where the stamp shows that nothing is to be done."""

    @property
    def is_stamped(self) -> bool:
        """Whether a stamp is kept of such a sync: only of that of a project's own `.venv` and lock."""
        return self.lock_path is None and self.place == Place()

    @property
    def stamped_options(self) -> str:
        """What of the options the stamp depends on; empty for a bare `pipper sync`."""
        said = {name: value for name in _STAMPED if (value := getattr(self, name))}
        return repr(said) if said else ""
