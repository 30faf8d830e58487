"""A command that is watched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.canaries.before import nothing
from tests.commands import Completed, run_here, run_main_here
from tests.invariants import Workspace

Template = Literal["directory", "bucket", "index"]
"""Where the packages of a project come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One command."""

    args: tuple[str, ...]
    first: Callable[[Workspace], None] = nothing
    """Prepares each copy."""
    template: Template = "directory"
    """What is copied."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Relative paths among the values are below the project."""

    is_quick: bool = False
    """Whether it begins as a process of its own does, with the quick ways of commands without options."""
    code: int = 0
    """Its exit code where there is no canary."""

    def command(self, workspace: Workspace) -> Completed:
        """Run the command in a workspace, in this process."""
        env = {name: str(workspace.app / value) for name, value in self.env.items()}
        run = run_main_here if self.is_quick else run_here
        return run(*self.args, cwd=workspace.app, env={**workspace.environment, **env})
