"""Labels for the sets of requirements in a manifest: the project's own, a dependency group or an extra."""

from collections.abc import Mapping
from typing import Literal, TypeVar

from msgspec import Struct

T = TypeVar("T")
Name = TypeVar("Name", bound=str)
RootKind = Literal["dependencies", "group", "extra"]


class RootLabel(Struct, frozen=True, kw_only=True):
    """`dependencies`, `group NAME` or `extra NAME`."""

    kind: RootKind
    name: str = ""
    """Normalised; empty for `dependencies` only."""

    def __post_init__(self) -> None:
        if (self.kind == "dependencies") == bool(self.name):
            raise ValueError(f"not a set of requirements: {self.kind} `{self.name}`")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


PROJECT = RootLabel(kind="dependencies")
"""The project's own requirements."""

BY_PROJECT = "the project requires"
BY_BUILD = "the build requires"
BY_COMMAND = "this command asks for"
BY_ENVIRONMENT = "this environment requires"
"""Who asks for them, in explanations."""


def labelled(project: T, groups: Mapping[Name, T], extras: Mapping[Name, T]) -> dict[RootLabel, T]:
    """Return the sets of a manifest or a lock by label, in the order project, groups, extras."""
    return {
        PROJECT: project,
        **{RootLabel(kind="group", name=name): each for name, each in groups.items()},
        **{RootLabel(kind="extra", name=name): each for name, each in extras.items()},
    }
